"""Which part of a video somebody means, by their words or by their link."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.form import Clip
from worker.telegram import clip_times

LINK = "https://a.example/x/1-2"


@pytest.mark.parametrize(
    ("text", "clip"),
    [
        ("1:20-1:45", Clip(8000, 10500)),
        (f"1:20-1:45 {LINK}", Clip(8000, 10500)),
        (f"{LINK} 1:20 - 1:45", Clip(8000, 10500)),
        ("80-105", Clip(8000, 10500)),
        ("80–105.5", Clip(8000, 10550)),
        ("0,5—1.25", Clip(50, 125)),
        ("1:02:03-1:02:30", Clip(372300, 375000)),
        ("1m20s-1m45s", Clip(8000, 10500)),
        ("1h2m3s-1H3M", Clip(372300, 378000)),
        ("90:00-95:00", Clip(540000, 570000)),
        ("1:20-", Clip(8000)),
        ("0-1", Clip(0, 100)),
        ("80..105", Clip(8000, 10500)),
    ],
)
def test_times_in_words(text: str, clip: Clip) -> None:
    assert clip_times.said(text) == clip


@pytest.mark.parametrize(
    "text",
    [
        *("", LINK, "1:20", "105-80", "80-80", "1:75-1:80", "1:61:00-2:00:00", "-5", "a-b"),
        *("1:20-1:45x", "1e3-2e3", "٨٠-١٠٥", "99999999-999999999", f"0-{'9' * 5000}"),
        *("0-360001", "0.001-0.002", "1:2:3:4-5", "from 1:20-1:45", ":-:", "inf-nan", "--"),
    ],
)
def test_what_names_no_part(text: str) -> None:
    assert clip_times.said(text) is None


def test_numbers_beside_a_link_may_be_meant_as_times() -> None:
    assert clip_times.may_be_meant(f"105-80 {LINK}")
    assert not clip_times.may_be_meant(f"please {LINK}")


@pytest.mark.parametrize(
    ("ending", "clip"),
    [
        ("?t=80", Clip(8000)),
        ("?t=80s", Clip(8000)),
        ("?v=1&t=1m20s", Clip(8000)),
        ("?t=1h2m3s", Clip(372300)),
        ("?start=80&end=105", Clip(8000, 10500)),
        ("?end=105", Clip(0, 10500)),
        ("#t=80", Clip(8000)),
        ("#t=80,105.5", Clip(8000, 10550)),
        ("#t=npt:1:20,1:45", Clip(8000, 10500)),
        ("#t=,20", Clip(0, 2000)),
        ("?t=5#t=80", Clip(500)),
        ("", None),
        ("?t=", None),
        ("?t=soon", None),
        ("?start=105&end=80", None),
        ("?t=-5", None),
        (f"?t={'9' * 1000}", None),
    ],
)
def test_times_in_a_link(ending: str, clip: Clip | None) -> None:
    assert clip_times.in_link(f"https://a.example/x{ending}") == clip


@given(st.text(alphabet="0123456789:.,-–hmst#&=?x ", max_size=40))
def test_any_text_names_a_part_or_none(text: str) -> None:
    clip_times.said(text)
    clip_times.in_link(f"https://a.example/?{text}")


def test_examples_are_true() -> None:
    assert doctest.testmod(clip_times).failed == 0


@pytest.mark.parametrize("before", ["?", "#"])
def test_link_with_very_many_values_is_read(before: str) -> None:
    assert clip_times.in_link(f"https://a.example/x{before}{'&' * 1000}t=80") == Clip(8000)
