"""Buttons below messages: what they say, and what they send back when they are pressed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from worker.form import SOUND, WHOLE, Form
from worker.protocol import Stage
from worker.protocol.choices import Quality
from worker.protocol.looks import Live, MediaLook
from worker.protocol.notices import Label, Notice
from worker.protocol.panels import PanelButton, View
from worker.telegram import texts
from worker.telegram.texts import Catalogue

MAX_DATA_BYTES = 64
"""Bot API 10.1, InlineKeyboardButton (callback_data)."""

_DATA = re.compile(r"([a-z]+):([A-Za-z0-9:._-]+)")


@dataclass(frozen=True)
class Button:
    """A button's text, and the data that Telegram sends when somebody presses it."""

    text: str
    data: str


Rows = Sequence[Sequence[Button]]
"""The buttons of a message, row by row."""


def pack(action: str, argument: int | str) -> str:
    """The data of a button: an action's name and its argument.

    Raises ValueError if that is more than Telegram takes, or could not be read again.

    >>> pack("cancel", 17)
    'cancel:17'
    """
    data = f"{action}:{argument}"
    if len(data) > MAX_DATA_BYTES or not _DATA.fullmatch(data):
        raise ValueError(f"no data for a button: {data!r}")
    return data


def unpack(data: str) -> tuple[str, str]:
    """The action and the argument of a pressed button; both empty if it is not ours."""
    found = _DATA.fullmatch(data)
    return (found[1], found[2]) if found else ("", "")


def look_rows(words: Catalogue, request_id: int, look: MediaLook) -> Rows:
    """The buttons below what is known about media, which fetch it; none if it is live."""
    if look.results:
        numbered = enumerate(look.results, 1)
        return [[Button(str(n), pack("found", f"{request_id}.{r.video_id}")) for n, r in numbered]]
    if look.live in (Live.NOW, Live.SOON):
        return ()
    wanted = ((words.video_button, WHOLE), (words.sound_button, SOUND))
    first = [Button(text, pack("form", f"{request_id}.{form.code}")) for text, form in wanted]
    each = [
        Button(texts.quality(words, quality), pack("form", f"{request_id}.{_code(quality)}"))
        for quality in (look.qualities if len(look.qualities) > 1 else ())
    ]
    return [first, *([button] for button in each)]


def _code(quality: Quality) -> str:
    return Form(max_height=quality.height).code


def panel_rows(words: Catalogue, panel_id: int, view: View) -> Rows:
    """The buttons of a panel."""
    return [
        [
            Button(panel_button_text(words, button), pack("panel", f"{panel_id}.{button.code}"))
            for button in row
        ]
        for row in view.rows
    ]


def panel_button_text(words: Catalogue, button: PanelButton) -> str:
    """What the button of a panel says."""
    text = texts.notice(words, button.text)
    if button.title:
        title = texts.notice(words, Notice(button.title))
        text = texts.notice(words, Notice(Label.TITLED, {"title": title, "text": text}))
    return texts.notice(words, Notice(Label.CHOSEN, {"text": text})) if button.is_chosen else text


def status_rows(words: Catalogue, request_id: int, stage: Stage) -> Rows:
    """The button that cancels a request, and for a recording the one that ends it."""
    cancel = Button(words.cancel_button, pack("cancel", request_id))
    if stage is Stage.RECORDING:
        return [[Button(words.stop_recording_button, pack("stop", request_id)), cancel]]
    return [[cancel]]
