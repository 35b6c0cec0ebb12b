"""What is said of a live stream, and what its buttons send back."""

import pytest

from worker.errors import Reason
from worker.form import START, Form, What
from worker.protocol import LiveOffer, Progress, Stage
from worker.protocol.effects import ChooseForm, StopRecording
from worker.protocol.looks import Live
from worker.telegram.buttons import status_rows
from worker.telegram.live import offer_rows, refusal_rows
from worker.telegram.people import People
from worker.telegram.presses import handle_press
from worker.telegram.texts import ENGLISH, explanation, progress

OFFER = LiveOffer("all", (1, 5, 30))


def pressed(data: str) -> object:
    """What the button with this data asks for."""
    message = {"message_id": 50, "chat": {"id": 7}}
    query = {"id": "1", "from": {"id": 7}, "message": message, "data": data}
    (effect,) = handle_press(query, People(frozenset(), frozenset()))
    return effect


@pytest.mark.parametrize(
    ("code", "forms"),
    [
        ("all", [Form(record_minutes=minutes) for minutes in (1, 5, 30)]),
        ("sound", [Form(What.SOUND, record_minutes=minutes) for minutes in (1, 5, 30)]),
        ("720p", [Form(max_height=720, record_minutes=minutes) for minutes in (1, 5, 30)]),
        ("all.c100-200", [Form(record_minutes=minutes) for minutes in (1, 5, 30)]),
        ("about", [Form(record_minutes=minutes) for minutes in (1, 5, 30)]),
    ],
)
def test_a_stream_is_recorded_in_the_form_that_was_wanted(code: str, forms: list[Form]) -> None:
    rows = refusal_rows(ENGLISH, 17, Reason.LIVE, LiveOffer(code, OFFER.minutes))
    assert [len(row) for row in rows] == [2, 1]
    buttons = [button for row in rows for button in row]
    texts = ["Record 1 minute", "Record 5 minutes", "Record 30 minutes"]
    assert [button.text for button in buttons] == texts
    effects = [pressed(button.data) for button in buttons]
    assert all(isinstance(each, ChooseForm) and each.request_id == 17 for each in effects)
    assert [each.form for each in effects if isinstance(each, ChooseForm)] == forms


def test_of_a_stream_that_has_not_started_one_can_be_told() -> None:
    ((button,),) = refusal_rows(ENGLISH, 17, Reason.NOT_STARTED, OFFER)
    effect = pressed(button.data)
    assert isinstance(effect, ChooseForm)
    assert effect.form == START


@pytest.mark.parametrize("live", [None, Live.OVER])
def test_what_is_not_live_has_no_such_buttons(live: Live | None) -> None:
    assert offer_rows(ENGLISH, 17, live, OFFER) == ()
    assert refusal_rows(ENGLISH, 17, Reason.PRIVATE, OFFER) == ()
    assert refusal_rows(ENGLISH, 17, Reason.JUST_ENDED, OFFER) == ()
    assert refusal_rows(ENGLISH, 17, None, OFFER) == ()


def test_nothing_is_offered_where_nothing_may_be_recorded() -> None:
    assert offer_rows(ENGLISH, 17, Live.NOW, None) == ()
    assert explanation(ENGLISH, Reason.LIVE).endswith("Send the link again when it is over.")
    said = explanation(ENGLISH, Reason.LIVE, has_offer=True)
    assert said == "This is a live stream. I can record it from now on."


def test_a_recording_counts_down_and_can_be_stopped() -> None:
    state = Progress(Stage.RECORDING, 12_000_000, eta_s=605.0)
    assert progress(ENGLISH, state) == "Recording: 10:05 left\n12.0 MB"
    ((stop, cancel),) = status_rows(ENGLISH, 17, Stage.RECORDING)
    assert (stop.text, cancel.text) == ("Stop and send", "Cancel")
    effect = pressed(stop.data)
    assert isinstance(effect, StopRecording)
    assert effect.request_id == 17
