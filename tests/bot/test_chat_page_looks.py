"""How the chat page looks in a real browser, and whether everybody can use it.

`PICTURE=write` in the environment also takes the pictures of README.md.
"""

from pathlib import Path
from typing import Literal

import pytest

from tests.sandbox.people import GROUP
from tests.support.chat_browser import ChatBrowser
from tests.support.chat_browser import browser as browser
from tests.support.operator_kit import ROOT

LARGEST_PICTURE = 200_000
CONVERSATION = ROOT / ".github" / "conversation.png"
CHOICES = ROOT / ".github" / "choices.png"
PICTURES = (CONVERSATION, CHOICES)

ADA = 1001

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_fits_a_phone(scheme: Literal["light", "dark"], browser: ChatBrowser) -> None:
    browser.prefer(scheme)
    browser.open(GROUP, width=360)
    assert browser.run("return document.documentElement.scrollWidth") == 360
    back = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert (back == "rgb(255, 255, 255)") is (scheme == "light")
    browser.click("header button", "Backstage")
    browser.wait_for("return document.querySelector('#presses button')?.offsetWidth")
    assert browser.press("ESCAPE") == "Backstage"
    assert browser.run("return document.getElementById('pane').hidden")
    assert browser.complaints() == []


@pytest.mark.usefixtures("needs_ffmpeg")
def test_pictures_of_the_readme_are_taken(browser: ChatBrowser) -> None:
    browser.prefer("light")
    links = browser.open(ADA, height=700)
    browser.say(links["a film with qualities and subtitles"])
    browser.wait_for_answer(lambda answer: "Quality" in answer["buttons"])
    browser.say(links["a slow site, with time to press Cancel"])
    browser.wait_for_answer(lambda answer: "▰▰▰" in (answer["text"] or ""))
    browser.take_picture(CONVERSATION)
    browser.click(".row button", "Cancel")
    browser.wait_for_answer(lambda answer: (answer["text"] or "").startswith("Cancelled."))
    browser.open(ADA, width=560)
    browser.click(".row button", "Quality")
    browser.wait_for("return [...document.querySelectorAll('.row')].at(-1).textContent === 'Back'")
    browser.take_picture(CHOICES)
    assert browser.complaints() == []


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_picture_is_small_enough_to_be_shown(picture: Path) -> None:
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < LARGEST_PICTURE
