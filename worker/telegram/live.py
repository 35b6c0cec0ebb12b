"""The buttons of a live stream: to record it, or to be told when it starts."""

from dataclasses import replace

from worker.errors import Reason
from worker.form import START, Form
from worker.protocol import LiveOffer
from worker.protocol.looks import Live
from worker.telegram.buttons import Button, Rows, pack
from worker.telegram.texts import Catalogue

_BUTTONS_A_ROW = 2
_BY_REASON = {Reason.LIVE: Live.NOW, Reason.NOT_STARTED: Live.SOON}


def refusal_rows(
    words: Catalogue, request_id: int, reason: Reason | None, offer: LiveOffer | None
) -> Rows:
    """The buttons below a refusal, if it is because the media is live or has not started."""
    return offer_rows(words, request_id, _BY_REASON.get(reason) if reason else None, offer)


def offer_rows(
    words: Catalogue, request_id: int, live: Live | None, offer: LiveOffer | None
) -> Rows:
    """The buttons for what is offered for a live stream: record it, or tell when it starts."""
    if offer is None or live not in (Live.NOW, Live.SOON):
        return ()
    if live is Live.SOON:
        return [[Button(words.tell_start_button, pack("form", f"{request_id}.{START.code}"))]]
    buttons = [_recording(words, request_id, offer.code, minutes) for minutes in offer.minutes]
    starts = range(0, len(buttons), _BUTTONS_A_ROW)
    return [buttons[at : at + _BUTTONS_A_ROW] for at in starts]


def _recording(words: Catalogue, request_id: int, code: str, minutes: int) -> Button:
    try:
        form = replace(Form.parse(code), record_minutes=minutes)
    except ValueError:
        # The form has a clip or subtitles, which a recording cannot have.
        form = Form(record_minutes=minutes)
    text = words.counted(words.record_button, minutes)
    return Button(text, pack("form", f"{request_id}.{form.code}"))
