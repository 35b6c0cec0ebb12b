"""What of the media is wanted, and its code."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker import form
from worker.form import WHOLE, Form

FORMS = st.one_of(
    st.builds(Form, sound_only=st.booleans()),
    st.builds(Form, max_height=st.integers(10, 9999)),
)


@given(FORMS)
def test_code_is_short_and_leads_back_to_the_form(wanted: Form) -> None:
    assert Form.parse(wanted.code) == wanted
    assert wanted.code.isascii()
    assert wanted.code.isalnum()
    assert len(wanted.code) <= 5


@given(FORMS, FORMS)
def test_other_form_has_another_code(one: Form, other: Form) -> None:
    assert (one.code == other.code) == (one == other)


@given(st.one_of(st.text(), st.from_regex(r"[0-9a-z]{0,6}", fullmatch=True)))
def test_text_is_a_code_or_refused(text: str) -> None:
    try:
        found = Form.parse(text)
    except ValueError:
        return
    assert found.code == text


@pytest.mark.parametrize(
    "code", ["", "All", "sound ", "audio", "720", "p", "0720p", "9p", "10000p", "-720p", "٧٢٠p"]
)
def test_unknown_code_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="no code of a form"):
        Form.parse(code)


@pytest.mark.parametrize(
    ("sound_only", "max_height"), [(True, 720), (False, 0), (False, 9), (False, -1), (False, 10000)]
)
def test_what_has_no_code_is_no_form(sound_only: bool, max_height: int) -> None:
    with pytest.raises(ValueError, match="no such form"):
        Form(sound_only, max_height)


def test_codes_that_stand_in_ledgers_keep_their_meaning() -> None:
    assert Form.parse("all") == WHOLE == Form()
    assert Form.parse("sound") == Form(sound_only=True)


def test_examples_are_true() -> None:
    assert doctest.testmod(form).failed == 0
    assert doctest.testmod(form).attempted > 1
