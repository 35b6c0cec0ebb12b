"""The buttons that the people of a chaos run press: which are which, and where some stand."""

from __future__ import annotations

import re
from collections import deque
from enum import StrEnum

from tests.sandbox.world import Event

REMEMBERED = 10
"""How many buttons of a kind people may still press, the last ones that they saw."""


class Button(StrEnum):
    """What a button is for."""

    CANCEL = "Cancel"
    SOUND = "Sound"
    QUALITIES = "Quality"
    QUALITY = "a quality"
    MORE = "More"
    CHOICE = "a choice of More"
    BACK = "Back"
    TAKE = "First 5 of a list"
    REST = "Cancel the rest"
    AGAIN = "Try the failed ones again"
    RECORD = "Record a live stream"
    STOP = "Stop and send"
    PANEL = "a button of /queue"


# What a button says and what it sends back, in one line.
_KINDS: tuple[tuple[Button, re.Pattern[str]], ...] = (
    (Button.CANCEL, re.compile(r"Cancel cancel:.*")),
    (Button.SOUND, re.compile(r".* form:\d+\.sound")),
    (Button.QUALITY, re.compile(r".* form:\d+\.\d+p.*")),
    (Button.RECORD, re.compile(r"Record .* form:.*")),
    (Button.CHOICE, re.compile(r".* form:.*")),
    (Button.QUALITIES, re.compile(r".* qualities:.*")),
    (Button.MORE, re.compile(r".* more:.*")),
    (Button.BACK, re.compile(r"Back choices:.*")),
    (Button.TAKE, re.compile(r"First 5 take:.*")),
    (Button.REST, re.compile(r".* rest:.*")),
    (Button.AGAIN, re.compile(r".* again:.*")),
    (Button.STOP, re.compile(r"Stop and send .*")),
    (Button.PANEL, re.compile(r".* panel:.*")),
)


def kind_of(text: str, data: str) -> Button | None:
    """What a button is for; None for one that nobody presses."""
    line = f"{text} {data}"
    return next((button for button, pattern in _KINDS if pattern.fullmatch(line)), None)


class SeenButtons:
    """The buttons that stood in the chats lately. Safe to use from two threads."""

    def __init__(self) -> None:
        self._seen = {button: deque[tuple[int, int, str]](maxlen=REMEMBERED) for button in Button}

    def look(self, event: Event) -> None:
        """Note the buttons of a message that has come or was edited."""
        if event.message is None or event.kind not in ("message", "edit"):
            return
        for text, data in (pair for row in event.message.buttons for pair in row):
            button = kind_of(text, data)
            found = (event.chat_id, event.message.message_id, data)
            if button and found not in self._seen[button]:
                self._seen[button].append(found)

    def find(self, button: Button, share: float) -> tuple[int, int, str] | None:
        """The chat, message and data of one: `share` 0 is the oldest, just below 1 the newest."""
        seen = list(self._seen[button])
        return seen[int(share * len(seen))] if seen else None
