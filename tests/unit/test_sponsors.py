"""Where segments lie among the chapters of a video."""

from typing import Any

import pytest

from worker.downloads.media import sponsors
from worker.protocol.choices import Chapter


def chapters(*listed: tuple[str, float, float]) -> tuple[Chapter, ...]:
    return tuple(Chapter(*each) for each in listed)


@pytest.mark.parametrize(
    ("segments", "names"),
    [
        ([], "A0-10 B10-20"),
        ([(5, 8)], "A0-5 S5-8 A8-10 B10-20"),
        ([(0, 5)], "S0-5 A5-10 B10-20"),
        ([(8, 12)], "A0-8 S8-12 B12-20"),
        ([(9.5, 12)], "A0-9.5 S9.5-12 B12-20"),
        ([(0.5, 12)], "S0.5-12 B12-20"),
        ([(15, 20)], "A0-10 B10-15 S15-20"),
        ([(0, 20)], "S0-20"),
        ([(2, 4), (4, 6)], "A0-2 S2-4 S4-6 A6-10 B10-20"),
    ],
)
def test_segments_take_the_place_of_chapters(
    segments: list[tuple[float, float]], names: str
) -> None:
    found = sponsors.overlaid(
        chapters(("A", 0, 10), ("B", 10, 20)), [Chapter("S", *each) for each in segments]
    )
    assert " ".join(f"{each.title}{each.start_s:g}-{each.end_s:g}" for each in found) == names


def test_video_without_chapters_is_one_with_its_title() -> None:
    segment = {"title": "Sponsor", "start_time": 5, "end_time": 8}
    info: dict[str, Any] = {"title": "A film", "duration": 20, sponsors.SEGMENTS: [segment]}
    found = sponsors.mark(info)["chapters"]
    assert [each["title"] for each in found] == ["A film", "Sponsor", "A film"]


@pytest.mark.parametrize(
    "info", [{}, {sponsors.SEGMENTS: "rubbish"}, {sponsors.SEGMENTS: [], "chapters": None}]
)
def test_where_nothing_is_known_nothing_is_marked(info: dict[str, Any]) -> None:
    assert sponsors.mark(info) == info
