"""The chat page in a real browser: a person sends links and sees what the bot answers.

`PICTURE=write` in the environment also takes the picture of README.md.
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
from tests.support.operator_kit import ROOT

PICTURE = ROOT / ".github" / "conversation.png"
LARGEST_PICTURE = 150_000

PATIENCE_S = 40.0
WATCHDOG_S = 90.0

ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--hide-scrollbars", "--window-size=680,960", "--force-device-scale-factor=1.25"),
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

# The links that the page offers, by what they are for.
SAMPLES = """
    const samples = [...document.querySelectorAll("#samples button")];
    return samples.length && Object.fromEntries(samples.map(it => [it.textContent, it.title]));
"""

pytestmark = pytest.mark.timeout(150)


@pytest.fixture
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


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    """A headless Chromium with a profile of its own, killed if it does not end by itself."""
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or chromedriver is None:
        pytest.skip("chromium is not installed (apt install chromium chromium-driver)")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (*ARGUMENTS, f"--user-data-dir={tmp_path / 'profile'}"):
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


def test_person_sees_a_video_and_how_far_another_is(browser: Any, address: str) -> None:
    browser.get(address)
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
    if os.environ.get("PICTURE") == "write":
        browser.save_screenshot(str(PICTURE))

    browser.find_elements("css selector", ".row button")[-1].click()
    answer = wait_for(browser, ANSWER, lambda answer: not answer["buttons"])
    assert answer["text"].startswith("Cancelled.")
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_picture_is_small_enough_to_be_shown() -> None:
    assert PICTURE.read_bytes().startswith(b"\x89PNG")
    assert PICTURE.stat().st_size < LARGEST_PICTURE
