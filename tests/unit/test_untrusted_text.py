"""Text that strangers wrote is shown on one line, without what nobody can see."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.untrusted_text import one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("two\r\nlines\tand  gaps\u2028", "two lines and gaps"),
        ("\u202egnp.exe\u2066\u200b\x07\x00", "gnp.exe"),
        ("a\x07b", "a b"),
        ("\ud800lone", "lone"),
        ("👩\u200d🚀 up", "👩\u200d🚀 up"),
        ("\u200d \u200c", ""),
    ],
)
def test_text_becomes_one_visible_line(text: str, shown: str) -> None:
    assert one_line(text) == shown


@given(st.text(st.characters(codec=None)))
def test_any_text_becomes_a_line_that_stays_as_it_is(text: str) -> None:
    line = one_line(text)
    line.encode()  # no lone surrogate is left
    assert line.isprintable() or not {*line}.isdisjoint("\u200c\u200d")
    assert one_line(line) == line
