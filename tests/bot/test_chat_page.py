"""The chat page in a real browser: a person sends links and sees what the bot answers.

`PICTURE=write` in the environment also takes the pictures of README.md.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.sandbox.clips import SAMPLE_DURATION_S, SAMPLE_HEIGHT, SAMPLE_WIDTH
from tests.sandbox.people import GROUP, OPERATOR
from tests.support.operator_kit import ROOT

CONVERSATION = ROOT / ".github" / "conversation.png"
CHOICES = ROOT / ".github" / "choices.png"
PICTURES = (CONVERSATION, CHOICES)
LARGEST_PICTURE = 200_000

PATIENCE_S = 40.0
WATCHDOG_S = 280.0
ADA, JONAS, NOUR = 1001, 1002, 1003

ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--hide-scrollbars", "--window-size=1120,760"),
)

# The words of the bot's newest message, the labels of its buttons, and its video.
ANSWER = """
    const answer = [...document.querySelectorAll(".message:not(.mine)")].at(-1);
    const video = answer?.querySelector("video");
    return answer && {
        text: answer.querySelector(".text")?.textContent,
        buttons: [...answer.querySelectorAll(".row button")].map(button => button.textContent),
        video: video && {
            size: [video.videoWidth, video.videoHeight],
            duration: video.duration,
            canPlay: video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && !video.seeking,
        },
    };
"""

CURRENT = "return document.querySelector('#chats [aria-current]')?.dataset.chat"
PRESSED = """
    return [...document.querySelectorAll("#presses [aria-pressed=true]")].map(it => it.textContent);
"""
OFFERED = "return [...document.querySelectorAll('[role=option] b')].map(it => it.textContent)"
WORDS = "return document.getElementById('chat').textContent"
# The names of the files that came with a video.
SENT = """
    return [...document.querySelectorAll("#chat video")].map(
        video => video.parentElement.querySelector(".file a").textContent);
"""
# What the focus is on, by what is told of it.
FOCUSED = """
    const focused = document.activeElement;
    return focused.getAttribute("aria-label") || focused.textContent;
"""

# The links that the page offers, by what they are for.
SAMPLES = """
    const samples = [...document.querySelectorAll("#samples button")];
    return samples.length && Object.fromEntries(samples.map(it => [it.textContent, it.title]));
"""

pytestmark = pytest.mark.timeout(150)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where `python -m tests.sandbox` serves the chat page."""
    command = [sys.executable, "-u", "-m", "tests.sandbox", "--port", "0"]
    sandbox = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert sandbox.stdout
        found = re.search(r"http://\S+", sandbox.stdout.readline())
        assert found
        yield found[0]
    finally:
        sandbox.send_signal(signal.SIGTERM)
        rest, _ = sandbox.communicate(timeout=PATIENCE_S)
    assert sandbox.returncode == 0, rest


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless Chromium with a profile of its own, killed if it does not end by itself."""
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or chromedriver is None:
        pytest.skip("chromium is not installed (apt install chromium chromium-driver)")
    from selenium import webdriver

    profile = tmp_path_factory.mktemp("profile")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (*ARGUMENTS, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options, webdriver.ChromeService(chromedriver))
    root = psutil.Process(driver.service.process.pid)
    family = [root, *root.children(recursive=True)]
    watchdog = threading.Timer(WATCHDOG_S, kill, [family])
    watchdog.start()
    try:
        yield driver
    finally:
        driver.quit()
        watchdog.cancel()
        kill(psutil.wait_procs(family, timeout=PATIENCE_S)[1])


def kill(processes: list[psutil.Process]) -> None:
    """End what is still there of these."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def say(browser: Any, words: str) -> None:
    """Type a message and press Enter."""
    browser.find_element("id", "text").send_keys(f"{words}\n")


def wait_for(browser: Any, script: str, condition: Callable[[Any], Any]) -> Any:
    """What the script returns, once it is as wanted."""
    from selenium.webdriver.support.wait import WebDriverWait

    def found(_: Any) -> Any:
        value = browser.execute_script(script)
        return value if value and condition(value) else None

    return WebDriverWait(browser, PATIENCE_S, poll_frequency=0.1).until(found)


def open_chat(browser: Any, address: str, chat: int, width: int = 1120) -> None:
    """Show a chat, once the page has drawn it, in a window of that width."""
    size = {"width": width, "height": 760, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get("about:blank")
    browser.get(f"{address}#{chat}")
    wait_for(browser, CURRENT, lambda shown: shown == str(chat))


def click(browser: Any, selector: str, label: str) -> None:
    """Click the last of the elements that begins so."""
    found = wait_for(
        browser,
        f"""return [...document.querySelectorAll({selector!r})].filter(
            it => it.textContent.startsWith({label!r})).at(-1)""",
        bool,
    )
    found.click()


def keys(browser: Any, *pressed: str) -> str:
    """Press keys wherever the focus is; what it is on then."""
    from selenium.webdriver.common.keys import Keys

    for key in pressed:
        browser.switch_to.active_element.send_keys(getattr(Keys, key, key))
    focused: str = browser.execute_script(FOCUSED)
    return focused


def take_picture(browser: Any, path: Path) -> None:
    if os.environ.get("PICTURE") == "write":
        browser.save_screenshot(str(path))


def complaints(browser: Any) -> list[Any]:
    return [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def test_person_sees_a_video_and_how_far_another_is(browser: Any, address: str) -> None:
    open_chat(browser, address, ADA)
    links = wait_for(browser, SAMPLES, dict)

    say(browser, links["a video"])
    answer = wait_for(browser, ANSWER, lambda answer: (answer["video"] or {}).get("canPlay"))
    assert answer["text"].startswith("clip\n")
    assert answer["buttons"] == ["Sound", "More"]
    assert answer["video"]["size"] == [SAMPLE_WIDTH, SAMPLE_HEIGHT]
    assert round(answer["video"]["duration"]) == SAMPLE_DURATION_S

    say(browser, links["a slow site"])
    answer = wait_for(browser, ANSWER, lambda answer: "▰▰▰" in (answer["text"] or ""))
    assert answer["text"].startswith("Downloading ")
    assert answer["buttons"] == ["Cancel"]
    take_picture(browser, CONVERSATION)

    browser.find_elements("css selector", ".row button")[-1].click()
    answer = wait_for(browser, ANSWER, lambda answer: not answer["buttons"])
    assert answer["text"].startswith("Cancelled.")
    assert complaints(browser) == []


def test_menu_is_used_by_keyboard(browser: Any, address: str) -> None:
    open_chat(browser, address, JONAS, width=560)
    say(browser, wait_for(browser, SAMPLES, dict)["a video in four, of which not all can be sent"])
    wait_for(browser, ANSWER, lambda answer: "Quality" in answer["buttons"])
    assert keys(browser, "ARROW_UP") == "Sound"
    assert keys(browser, "ARROW_RIGHT") == "Quality"
    keys(browser, "ENTER")
    answer = wait_for(browser, ANSWER, lambda answer: "Back" in answer["buttons"])
    assert answer["buttons"][-2:] == ["As a file", "Back"]
    focused = keys(browser, "ARROW_UP")
    assert focused in answer["buttons"], "the focus stays in the menu that was edited"
    take_picture(browser, CHOICES)
    assert keys(browser, *["ARROW_DOWN"] * len(answer["buttons"])) == "Message"
    assert keys(browser, "ARROW_UP") == "Back"
    keys(browser, "ENTER")
    wait_for(browser, ANSWER, lambda answer: "Sound" in answer["buttons"])
    assert keys(browser, "ESCAPE") == "Message"
    assert complaints(browser) == []


def test_commands_are_offered_by_keyboard(browser: Any, address: str) -> None:
    open_chat(browser, address, JONAS, width=560)
    wait_for(browser, SAMPLES, dict)
    assert keys(browser, "ESCAPE", "TAB", "/") == "Message"
    keys(browser, "/", "s", "e")
    assert wait_for(browser, OFFERED, list) == ["/search", "/settings"]
    keys(browser, "ARROW_DOWN", "ENTER", "ENTER")
    answer = wait_for(browser, ANSWER, lambda answer: len(answer["buttons"]) > 4)
    assert any(label.startswith("Quality") for label in answer["buttons"])
    assert complaints(browser) == []


def test_list_goes_on_after_the_bot_is_killed(browser: Any, address: str) -> None:
    open_chat(browser, address, NOUR)
    assert browser.execute_script("return document.documentElement.dir") == "rtl"
    say(browser, wait_for(browser, SAMPLES, dict)["a list of twelve, of which one is gone"])
    click(browser, ".row button", "First 5")
    wait_for(browser, SENT, lambda names: names)
    click(browser, "#presses button", "Kill the bot")
    wait_for(browser, "return document.querySelector('header.down')", bool)
    wait_for(browser, "return !document.querySelector('header.down')", bool)
    names = wait_for(browser, SENT, lambda names: len(names) >= 4)
    wait_for(browser, WORDS, lambda words: re.search(r"Done: 4\b", words))
    assert sorted(names) == sorted(set(names)), "each comes once"
    assert complaints(browser) == []


def test_trouble_is_seen_in_the_calls_and_ends(browser: Any, address: str) -> None:
    open_chat(browser, address, OPERATOR)
    links = wait_for(browser, SAMPLES, dict)
    click(browser, "#presses button", "Telegram says 500")
    wait_for(browser, PRESSED, lambda labels: labels == ["Telegram says 500"])
    say(browser, links["sound only"])
    wait_for(browser, "return document.querySelector('#calls .status.bad')", bool)
    click(browser, "#presses button", "Telegram says 500")
    wait_for(browser, "return !document.querySelector('#presses [aria-pressed=true]')", bool)
    wait_for(browser, "return document.querySelector('#chat audio')", bool)
    assert complaints(browser) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_fits_a_phone(scheme: str, browser: Any, address: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    open_chat(browser, address, GROUP, width=360)
    wait_for(browser, SAMPLES, dict)
    assert browser.execute_script("return document.documentElement.scrollWidth") == 360
    back = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (back == "rgb(255, 255, 255)") is (scheme == "light")
    click(browser, "header button", "Backstage")
    wait_for(browser, "return document.querySelector('#presses button')?.offsetWidth", bool)
    assert keys(browser, "ESCAPE") == "Backstage"
    assert browser.execute_script("return document.getElementById('pane').hidden")
    assert complaints(browser) == []


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_picture_is_small_enough_to_be_shown(picture: Path) -> None:
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < LARGEST_PICTURE
