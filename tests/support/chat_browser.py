"""The chat page of a running sandbox in a real browser, and what a person does there."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import psutil
import pytest

from tests.support.operator_kit import ROOT

PATIENCE_S = 60.0
"""How long something is waited for that comes at once on a machine with nothing else to do."""

_CONTRAST = Path(__file__).with_name("contrast.js")
FEW_COLOURS = "split[a][b];[a]palettegen[colours];[b][colours]paletteuse=dither=sierra2_4a"
FEWER_COLOURS = "split[a][b];[a]palettegen=128[colours];[b][colours]paletteuse=dither=none"
"""Filters of ffmpeg that make a picture of a page small, and one for a phone smaller."""

_NAMED_ROLES = {
    *("button", "link", "textbox", "combobox", "listbox", "option", "img", "image", "Video"),
    *("Audio", "slider", "main", "navigation", "complementary", "region", "log"),
}
_WATCHDOG_S = 1500.0
_HEIGHT = 760
_ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--hide-scrollbars", "--font-render-hinting=none", "--lang=en-GB"),
)

# The words of the bot's newest message, the labels of its buttons, and its video.
_ANSWER = """
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
_CURRENT = "return document.querySelector('#chats [aria-current]')?.dataset.chat"
# The links that the page offers, by what they are for.
_SAMPLES = """
    const samples = [...document.querySelectorAll("#samples button")];
    return samples.length && Object.fromEntries(samples.map(it => [it.textContent, it.title]));
"""
# The last element that begins so.
_LABELLED = """
    const [selector, label] = arguments;
    return [...document.querySelectorAll(selector)].findLast(
        it => it.textContent.startsWith(label));
"""
# What the focus is on, by what is told of it.
_FOCUSED = """
    const focused = document.activeElement;
    return focused.getAttribute("aria-label") || focused.textContent;
"""
# What Tab has led to, and whether it is the end: nothing, or where it has been before.
_TAB_STOP = """
    const focused = document.activeElement, style = getComputedStyle(focused);
    // Within a player it goes from control to control, and the player keeps the focus.
    const isSame = focused === window.lastStop;
    const isKnown = !isSame && focused.dataset.visited === "yes";
    window.lastStop = focused;
    focused.dataset.visited = "yes";
    const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    const label = focused.getAttribute("aria-label") || focused.textContent || focused.tagName;
    const isSeen = isSame || outlined || style.boxShadow !== "none";
    return [label, isSeen, isKnown || focused === document.body];
"""
_HAPPENED = """
    return [...document.querySelectorAll("#calls .incident b")].map(it => it.textContent);
"""


class ChatBrowser:
    """A page that shows one chat after the other.

    What passes may be over before a browser sees it, so a test waits for what lasts.
    """

    def __init__(self, driver: Any, address: str) -> None:
        self.driver = driver
        self.address = address

    def open(
        self, chat: int, width: int = 1120, height: int = _HEIGHT, scale: float = 1
    ) -> dict[str, str]:
        """Show a chat in a window of that size; the sample links by what they are for."""
        size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.get("about:blank")
        self.driver.get(f"{self.address}#{chat}")
        self.wait_for(_CURRENT, lambda shown: shown == str(chat))
        links: dict[str, str] = self.wait_for(_SAMPLES)
        return links

    def prefer(self, scheme: Literal["light", "dark"]) -> None:
        """Have the person prefer a colour scheme from now on."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script returns."""
        return self.driver.execute_script(script, *arguments)

    def wait_for(
        self, script: str, condition: Callable[[Any], Any] = bool, timeout_s: float = PATIENCE_S
    ) -> Any:
        """What the script returns, once it is as wanted."""

        def found() -> Any:
            value = self.run(script)
            return value if value and condition(value) else None

        return self._until(found, timeout_s)

    def wait_for_answer(self, condition: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """The bot's newest message, once it is as wanted."""
        answer: dict[str, Any] = self.wait_for(_ANSWER, condition)
        return answer

    def wait_for_incident(self, text: str, times: int = 1) -> None:
        """Wait until the page tells that this has happened so many times."""
        self.wait_for(_HAPPENED, lambda told: told.count(text) >= times)

    def say(self, words: str) -> None:
        """Type a message and press Enter."""
        self.driver.find_element("id", "text").send_keys(f"{words}\n")

    def click(self, selector: str, label: str) -> None:
        """Click the last of the elements that begins so, also one that is drawn again meanwhile."""
        from selenium.common.exceptions import StaleElementReferenceException

        def clicked() -> bool:
            found = self.run(_LABELLED, selector, label)
            if not found:
                return False
            with suppress(StaleElementReferenceException):
                found.click()
                return True
            return False

        self._until(clicked, PATIENCE_S)

    def press(self, *keys: str) -> str:
        """Press keys wherever the focus is; what it is on then."""
        from selenium.webdriver.common.keys import Keys

        for key in keys:
            self.driver.switch_to.active_element.send_keys(getattr(Keys, key, key))
        focused: str = self.run(_FOCUSED)
        return focused

    def take_picture(self, path: Path, part: str = "body", colours: str = FEW_COLOURS) -> None:
        """Keep how a part of the page looks, if `PICTURE=write` asks for that."""
        if os.environ.get("PICTURE") != "write":
            return
        # No button looks as if the pointer were on it.
        away = {"type": "mouseMoved", "x": 0, "y": 0}
        self.driver.execute_cdp_cmd("Input.dispatchMouseEvent", away)
        command = ["ffmpeg", "-v", "error", "-y", "-f", "png_pipe", "-i", "-", "-vf", colours]
        shown = self.driver.find_element("css selector", part).screenshot_as_png
        subprocess.run([*command, str(path)], input=shown, check=True, timeout=PATIENCE_S)

    def dim(self) -> list[str]:
        """The texts on the screen that stand out too little: WCAG 2.2, 1.4.3, level AA."""
        found: list[str] = self.run(_CONTRAST.read_text("utf-8"))
        return found

    def nameless(self) -> list[str]:
        """The roles of what can be used or looked at and has no name for a screen reader."""
        tree = self.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})
        return [
            node["role"]["value"]
            for node in tree["nodes"]
            if not node["ignored"]
            and node["role"]["value"] in _NAMED_ROLES
            and not node.get("name", {}).get("value")
        ]

    def tab_stops(self) -> Iterator[tuple[str, bool]]:
        """Go from stop to stop with Tab: what each is, and whether one sees that it is the one."""
        from selenium.webdriver import ActionChains, Keys

        self.run("document.querySelector('button').focus()")
        while True:
            label, is_seen, is_end = self.run(_TAB_STOP)
            if is_end:
                return
            yield label, is_seen
            ActionChains(self.driver).send_keys(Keys.TAB).perform()

    def complaints(self) -> list[Any]:
        """The errors in the browser's console since it was last asked."""
        return [entry for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def _until(self, found: Callable[[], Any], timeout_s: float) -> Any:
        from selenium.webdriver.support.wait import WebDriverWait

        return WebDriverWait(self.driver, timeout_s, poll_frequency=0.1).until(lambda _: found())


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatBrowser]:
    """A browser at the chat page of a sandbox of its own."""
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or chromedriver is None:
        pytest.skip("chromium is not installed (apt install chromium chromium-driver)")
    profile = tmp_path_factory.mktemp("profile")
    with _sandbox() as address, _driver(chromium, chromedriver, profile) as driver:
        yield ChatBrowser(driver, address)


@contextmanager
def _sandbox() -> Iterator[str]:
    """Run `python -m tests.sandbox`; the address of its chat page."""
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


@contextmanager
def _driver(chromium: str, chromedriver: str, profile: Path) -> Iterator[Any]:
    """Run a headless Chromium with that profile, and kill it if it does not end by itself."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (*_ARGUMENTS, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options, webdriver.ChromeService(chromedriver))
    root = psutil.Process(driver.service.process.pid)
    family = [root, *root.children(recursive=True)]
    watchdog = threading.Timer(_WATCHDOG_S, _kill, [family])
    watchdog.start()
    try:
        yield driver
    finally:
        driver.quit()
        watchdog.cancel()
        _kill(psutil.wait_procs(family, timeout=PATIENCE_S)[1])


def _kill(processes: list[psutil.Process]) -> None:
    """End what is still there of these."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
