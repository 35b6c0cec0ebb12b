"""Which chapters of those that a site tells are believed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.downloads.media import chapters
from worker.protocol.choices import MAX_CHAPTERS, Chapter


def said(*times: tuple[Any, Any]) -> dict[str, Any]:
    listed = [
        {"title": str(number), "start_time": start, "end_time": end}
        for number, (start, end) in enumerate(times)
    ]
    return {"chapters": listed}


@pytest.mark.parametrize(
    ("times", "believed"),
    [
        (((0, 5), (5, 10)), [(0, 5), (5, 10)]),
        (((5, 10), (0, 5)), [(0, 5), (5, 10)]),
        (((0, 7), (5, 10)), [(0, 7), (7, 10)]),
        (((0, 5), (5, 99)), [(0, 5), (5, 20)]),
        (((0, 5), (5, 10), (30, 40)), [(0, 5), (5, 10)]),
        (((0, 5), ("soon", 10), (5, None), (-3, 4), (5, float("inf"))), []),
        (((0, 5), (5, 1e18), (5, 10**400), (5, float("nan"))), []),
        (((0, 20),), []),
    ],
)
def test_chapters_lie_one_behind_the_other(times: Any, believed: list[tuple[float, float]]) -> None:
    found = chapters.of(said(*times), 20)
    assert [(each.start_s, each.end_s) for each in found] == believed


def test_there_are_not_too_many_and_titles_are_short() -> None:
    many = {
        "chapters": [
            {"title": "x" * 10_000, "start_time": at, "end_time": at + 1}
            for at in range(10 * MAX_CHAPTERS)
        ]
    }
    found = chapters.of(many, None)
    assert len(found) == MAX_CHAPTERS
    assert {len(each.title) for each in found} == {chapters.TITLE_LIMIT}


@given(st.lists(st.builds(Chapter, st.just(""), st.floats(0, 100), st.floats(0, 100))))
def test_whatever_is_said_kept_chapters_are_in_order(listed: list[Chapter]) -> None:
    found = chapters.kept(listed, 50)
    edges = [edge for each in found for edge in (each.start_s, each.end_s)]
    assert edges == sorted(edges)
    assert all(each.start_s < each.end_s <= 50 for each in found)
