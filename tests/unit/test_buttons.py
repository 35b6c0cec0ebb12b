"""Data of buttons: short enough for Telegram, and read again as it was written."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.as_json import answer_from_json, to_json
from worker.choices import Menu, Quality
from worker.protocol import AnswerButton
from worker.telegram.buttons import MAX_DATA_BYTES, Button, cancel_rows, menu_rows, pack, unpack
from worker.telegram.texts import ENGLISH


@given(st.from_regex(r"[a-z]{1,12}", fullmatch=True), st.integers(0, 2**63))
def test_data_is_read_as_it_was_written(action: str, argument: int) -> None:
    assert unpack(pack(action, argument)) == (action, str(argument))


def test_data_may_fill_all_that_telegram_takes() -> None:
    full = pack("a", "x" * (MAX_DATA_BYTES - 2))
    assert len(full.encode()) == MAX_DATA_BYTES
    assert unpack(full) == ("a", "x" * (MAX_DATA_BYTES - 2))


@pytest.mark.parametrize(
    ("action", "argument"),
    [("a", "x" * (MAX_DATA_BYTES - 1)), ("a", ""), ("", "x"), ("A", "x"), ("a", "é"), ("a", "x y")],
)
def test_data_that_could_not_be_read_again_is_refused(action: str, argument: str) -> None:
    with pytest.raises(ValueError, match="no data for a button"):
        pack(action, argument)


@pytest.mark.parametrize("data", ["", "cancel", ":1", "cancel:", "cancel:1\n", " cancel:1"])
def test_data_of_no_button_of_ours_is_no_action(data: str) -> None:
    assert unpack(data) == ("", "")


QUALITIES = (
    Quality(1080, 90_000_000, 2),
    Quality(720, 34_000_000),
    Quality(480),
    Quality(360, 7, 0),
)


def test_below_an_answer_there_is_what_can_be_chosen() -> None:
    sound = Button("Sound", "form:17.sound")
    menu = Menu(7, 50, 17, has_qualities=True)
    assert menu_rows(ENGLISH, menu) == [[sound, Button("Quality", "qualities:17")]]
    assert menu_rows(ENGLISH, replace(menu, has_qualities=False)) == [[sound]]
    in_list = replace(menu, has_qualities=False, names_list=True)
    assert menu_rows(ENGLISH, in_list) == [[sound], [Button("Whole list", "form:17.all.list")]]
    assert menu_rows(ENGLISH, replace(menu, qualities=QUALITIES)) == [
        [Button("1080p · 90.0 MB · in 2 parts", "form:17.1080p")],
        [Button("720p · 34.0 MB", "form:17.720p")],
        [Button("480p", "form:17.480p")],
        [Button("360p · 0 kB · too large", "form:17.360p")],
        [Button("Back", "choices:17")],
    ]


def test_a_menu_is_read_again_as_it_was_written() -> None:
    answer = AnswerButton("42", "en", None, Menu(7, 50, 17, True, QUALITIES))
    assert answer_from_json(json.loads(json.dumps(to_json(answer)))) == answer
    assert answer_from_json({"callback_id": "42", "language": "en", "notice": None}).menu is None


def test_cancel_is_one_button_in_one_row() -> None:
    assert cancel_rows(ENGLISH, 17) == [[Button("Cancel", "cancel:17")]]
