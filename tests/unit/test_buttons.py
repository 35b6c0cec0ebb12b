"""Data of buttons: short enough for Telegram, and read again as it was written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.telegram.buttons import MAX_DATA_BYTES, Button, cancel_rows, pack, unpack
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


def test_cancel_is_one_button_in_one_row() -> None:
    assert cancel_rows(ENGLISH, 17) == [[Button("Cancel", "cancel:17")]]
