"""The chat page in a real browser: a person sends links and sees what the bot answers."""

import re
from dataclasses import dataclass

import pytest

from tests.sandbox.clips import SAMPLE_DURATION_S, SAMPLE_HEIGHT, SAMPLE_WIDTH
from tests.sandbox.people import OPERATOR
from tests.support.chat_browser import ChatBrowser
from tests.support.chat_browser import browser as browser

ADA, JONAS, NOUR = 1001, 1002, 1003

OFFERED = "return [...document.querySelectorAll('[role=option] b')].map(it => it.textContent)"
WORDS = "return document.getElementById('chat').textContent"
# The names of the files that came with a video.
SENT = """
    return [...document.querySelectorAll("#chat video")].map(
        video => video.closest('.media').querySelector(".file a").textContent)"""

pytestmark = pytest.mark.timeout(240)


def test_person_sees_a_video_and_how_far_another_is(browser: ChatBrowser) -> None:
    links = browser.open(ADA)
    browser.say(links["a video"])
    browser.click(".play", "")
    answer = browser.wait_for_answer(lambda answer: (answer["video"] or {}).get("canPlay"))
    assert answer["text"].startswith("clip\n")
    assert answer["buttons"] == ["Sound", "More"]
    assert answer["video"]["size"] == [SAMPLE_WIDTH, SAMPLE_HEIGHT]
    assert round(answer["video"]["duration"]) == SAMPLE_DURATION_S

    # It goes on for longer than anything is waited for here.
    browser.say(links["a slow site, with time to press Cancel"])
    answer = browser.wait_for_answer(lambda answer: "▰▰▰" in (answer["text"] or ""))
    assert answer["text"].startswith("Downloading ")
    assert answer["buttons"] == ["Cancel"]
    browser.click(".row button", "Cancel")
    answer = browser.wait_for_answer(lambda answer: not answer["buttons"])
    assert answer["text"].startswith("Cancelled.")
    assert browser.complaints() == []


def test_menu_is_used_by_keyboard(browser: ChatBrowser) -> None:
    links = browser.open(JONAS, width=560)
    browser.say(links["a video in four, of which not all can be sent"])
    browser.wait_for_answer(lambda answer: "Quality" in answer["buttons"])
    assert browser.press("ARROW_UP") == "Sound"
    assert browser.press("ARROW_RIGHT") == "Quality"
    browser.press("ENTER")
    answer = browser.wait_for_answer(lambda answer: "Back" in answer["buttons"])
    assert answer["buttons"][-2:] == ["As a file", "Back"]
    assert browser.press("ARROW_UP") in answer["buttons"], "the focus stays in the edited menu"
    assert browser.press(*["ARROW_DOWN"] * len(answer["buttons"])) == "Message"
    assert browser.press("ARROW_UP") == "Back"
    browser.press("ENTER")
    browser.wait_for_answer(lambda answer: "Sound" in answer["buttons"])
    assert browser.press("ESCAPE") == "Message"
    assert browser.complaints() == []


def test_commands_are_offered_by_keyboard(browser: ChatBrowser) -> None:
    browser.open(JONAS, width=560)
    assert browser.press("ESCAPE", "TAB", "/") == "Message"
    browser.press("/", "s", "e")
    browser.wait_for(OFFERED, lambda offered: offered == ["/search", "/settings"])
    browser.press("ARROW_DOWN", "ENTER", "ENTER")
    answer = browser.wait_for_answer(lambda answer: len(answer["buttons"]) > 4)
    assert any(label.startswith("Quality") for label in answer["buttons"])
    assert browser.complaints() == []


@dataclass(frozen=True)
class TakenList:
    """A list as it is offered and taken, and when the bot is killed: with so many items there."""

    sample: str
    button: str
    kills: tuple[int, ...]
    done: int
    failed: int


SHORT = TakenList("a list of twelve, of which one is gone", "First 5", (1,), 4, 1)
LONG = TakenList("a list of two hundred, of which two are gone", "All 200", (60, 130), 198, 2)


@pytest.mark.parametrize(
    "taken",
    [
        SHORT,
        pytest.param(LONG, marks=[pytest.mark.exhaustive, pytest.mark.timeout(1200)]),
    ],
    ids=lambda taken: f"{taken.done + taken.failed}-items",
)
def test_list_goes_on_after_the_bot_is_killed(taken: TakenList, browser: ChatBrowser) -> None:
    links = browser.open(NOUR)
    assert browser.run("return document.documentElement.dir") == "rtl"
    browser.say(links[taken.sample])
    browser.click(".row button", taken.button)
    for number, items in enumerate(taken.kills, 1):
        browser.wait_for(f"{SENT}.length >= {items}", timeout_s=400)
        browser.click("#presses button", "Kill the bot")
        browser.wait_for_incident("The bot was started again", number)
    total = rf"Done: {taken.done}\b.*Failed: {taken.failed}\b"
    browser.wait_for(WORDS, lambda words: re.search(total, words), 400)
    names = browser.run(SENT)
    assert len(names) == taken.done
    assert sorted(names) == sorted(set(names)), "each comes once"
    assert browser.complaints() == []


def test_trouble_is_told_among_the_calls_and_ends(browser: ChatBrowser) -> None:
    links = browser.open(OPERATOR)
    browser.click("#presses button", "Telegram says 500")
    browser.wait_for_incident("Telegram says 500")
    browser.say(links["sound only"])
    browser.wait_for("return document.querySelector('#calls .status.bad')")
    browser.click("#presses button", "Telegram says 500")
    browser.wait_for_incident("Over: Telegram says 500")
    browser.wait_for("return document.querySelector('#chat audio')")
    assert browser.complaints() == []
