"""How the chat page looks in a real browser, and whether everybody can use it.

`PICTURE=write` in the environment also takes the pictures of README.md, and that of /help.
"""

from pathlib import Path
from typing import Literal

import pytest

from tests.sandbox.people import GROUP, OPERATOR
from tests.support.chat_browser import FEWER_COLOURS, ChatBrowser
from tests.support.chat_browser import browser as browser
from tests.support.operator_kit import ROOT
from worker.protocol.notices import Topic
from worker.telegram import illustrations

CONVERSATION = ROOT / ".github" / "conversation.png"
CHOICES = ROOT / ".github" / "choices.png"
LIST = ROOT / ".github" / "list.png"
HELP = illustrations.PICTURES[Topic.HELP_PICTURE]
LARGEST_PICTURES = {CONVERSATION: 150_000, CHOICES: 150_000, LIST: 150_000, HELP: 60_000}

ADA, JONAS, NOUR = 1001, 1002, 1003
FIRST_WORDS = "Das erste Licht kommt über den Grat."
BUTTONS = "return [...document.querySelectorAll('.row')].map(row => row.textContent)"
# Brings the message with these words to the top.
SHOW = """
    [...document.querySelectorAll(".message")].find(
        it => it.textContent.includes(arguments[0])).scrollIntoView();
"""
WORDS = "return document.getElementById('chat').textContent"
# People who ask for help know neither this machine nor what only this page has.
AS_ELSEWHERE = """
    const words = document.createTreeWalker(
        document.getElementById("chat"), NodeFilter.SHOW_TEXT);
    while (words.nextNode()) words.currentNode.data = words.currentNode.data.replace(
        arguments[0], "https://video.example");
    for (const answer of document.querySelectorAll(".answer")) answer.style.visibility = "hidden";
"""

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("needs_ffmpeg")]


@pytest.fixture(scope="module")
def talked(browser: ChatBrowser) -> ChatBrowser:
    """A browser whose people have had answers of every kind, and made trouble."""
    links = browser.open(ADA)
    for sample, sign in (
        ("a film with qualities and subtitles", ".player"),
        ("a song with a cover", ".song img"),
        ("a post with three pictures and a clip", ".album.seen .message:nth-child(3)"),
    ):
        browser.say(links[sample])
        browser.wait_for(f"return document.querySelector({sign!r})")
    browser.say("/help")
    browser.wait_for(WORDS, lambda words: "/queue" in words)
    browser.click("#presses button", "The site is down")
    browser.wait_for_incident("The site is down")
    browser.say(f"{links['a video']}?down")
    browser.open(GROUP)
    browser.say(f"/info@sandbox_bot {links['a page that says much about its video']}")
    browser.wait_for("return document.querySelector('.message:not(.mine)')")
    return browser


def test_subtitles_are_shown_in_the_player(browser: ChatBrowser) -> None:
    links = browser.open(NOUR)
    browser.say(links["a film with qualities and subtitles"])
    for label in ("More", "Subtitles", "In the video"):
        browser.click(".row button", label)
    browser.wait_for("return document.querySelectorAll('.play').length === 2")
    browser.click(".play", "")
    shown = """
        const tracks = [...document.querySelectorAll("video")].at(-1).textTracks;
        return [...tracks].map(({mode, cues}) => [mode, cues?.[0]?.text]);
    """
    browser.wait_for(shown, lambda tracks: tracks == [["showing", FIRST_WORDS]])
    assert browser.complaints() == []


@pytest.mark.parametrize("chat", [ADA, GROUP])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_can_be_read(
    scheme: Literal["light", "dark"], chat: int, talked: ChatBrowser
) -> None:
    talked.prefer(scheme)
    talked.open(chat)
    assert talked.dim() == []
    assert talked.nameless() == []
    assert talked.complaints() == []


@pytest.mark.negative
def test_pale_text_and_a_nameless_button_would_be_found(talked: ChatBrowser) -> None:
    talked.prefer("light")
    talked.open(ADA)
    talked.run("document.getElementById('title').style.color = '#999'")
    (found,) = talked.dim()
    assert found.endswith(": Sandbox bot")
    talked.run("document.getElementById('menu').removeAttribute('aria-label')")
    talked.run("document.getElementById('menu').textContent = ''")
    assert talked.nameless() == ["button"]


def test_focus_stays_in_a_message_that_is_edited(browser: ChatBrowser) -> None:
    links = browser.open(GROUP)
    browser.say(links["a slow site, with time to press Cancel"])
    browser.wait_for(
        """
        const buttons = [...document.querySelectorAll(".row button")];
        const cancel = buttons.findLast(button => button.textContent === "Cancel");
        window.focused = cancel?.closest(".message")?.querySelector(".reply");
        window.focused?.focus();
        return Boolean(window.focused);
        """
    )
    browser.wait_for("return !window.focused.isConnected")
    assert browser.run("return document.activeElement.className") == "reply"
    browser.click(".row button", "Cancel")
    browser.wait_for(WORDS, lambda words: "Cancelled." in words)


def test_focus_is_seen_wherever_it_goes(talked: ChatBrowser) -> None:
    talked.open(ADA)
    stops = list(talked.tab_stops())
    assert {"Message", "Commands", "Send", "Backstage", "Kill the bot"} <= {
        name for name, _ in stops
    }
    assert [name for name, is_seen in stops if not is_seen] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("chat", [ADA, NOUR, GROUP])
def test_page_fits_a_phone(
    chat: int, scheme: Literal["light", "dark"], talked: ChatBrowser
) -> None:
    talked.prefer(scheme)
    talked.open(chat, width=360)
    assert talked.run("return document.documentElement.scrollWidth") == 360
    assert talked.run("return document.getElementById('chat').scrollWidth") == 360
    back = talked.run("return getComputedStyle(document.body).backgroundColor")
    assert (back == "rgb(255, 255, 255)") is (scheme == "light")
    assert talked.dim() == []
    talked.click("header button", "Backstage")
    talked.wait_for("return document.querySelector('#presses button')?.offsetWidth")
    assert talked.dim() == []
    assert talked.press("ESCAPE") == "Backstage"
    assert talked.run("return document.getElementById('pane').hidden")
    assert talked.complaints() == []


def test_pictures_of_the_readme_and_of_help_are_taken(browser: ChatBrowser) -> None:
    browser.prefer("light")
    links = browser.open(JONAS, width=400, height=740, scale=2)
    browser.say(links["a film with qualities and subtitles"])
    browser.click(".row button", "Quality")
    browser.wait_for(BUTTONS, lambda rows: rows[-1] == "Back")
    browser.take_picture(CHOICES)

    links = browser.open(OPERATOR, width=400, height=1090, scale=1.6)
    film = links["a film with qualities and subtitles"]
    browser.say(film)
    browser.wait_for(BUTTONS, lambda rows: rows[-1] == "SoundQualityMore")
    browser.say(links["a song with a cover"])
    browser.wait_for(BUTTONS, lambda rows: rows[-1].endswith("More") and len(rows) == 2)
    browser.click(".row button", "More")
    browser.wait_for(BUTTONS, lambda rows: rows[-1] == "Back")
    browser.run(AS_ELSEWHERE, film.removesuffix("/film.html"))
    browser.take_picture(HELP, "#chat", FEWER_COLOURS)

    links = browser.open(OPERATOR, width=400, height=740, scale=2)
    browser.say(links["a list of five, of which one is gone"])
    browser.click(".row button", "All 5")
    browser.wait_for(WORDS, lambda words: "Done: 4" in words)
    browser.run(SHOW, "Done: 4")
    browser.take_picture(LIST)

    links = browser.open(JONAS, width=1180, height=860, scale=1.25)
    browser.click(".row button", "Back")
    browser.wait_for(BUTTONS, lambda rows: "Sound" in rows[-1])
    browser.say(links["a slow site, with time to press Cancel"])
    browser.wait_for_answer(lambda answer: "▰▰▰" in (answer["text"] or ""))
    browser.take_picture(CONVERSATION)
    browser.click(".row button", "Cancel")
    browser.wait_for_answer(lambda answer: (answer["text"] or "").startswith("Cancelled."))
    assert browser.complaints() == []


@pytest.mark.parametrize("picture", LARGEST_PICTURES, ids=lambda path: path.name)
def test_picture_is_small_enough_to_be_shown(picture: Path) -> None:
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < LARGEST_PICTURES[picture]
