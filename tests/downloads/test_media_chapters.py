"""The chapters of a video become chapters of its file."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.download_limits import limits_with
from tests.support.media import chapters_in, index_stands_in_front, make, probe
from worker.downloads.media.finishing import finish
from worker.protocol import MediaKind

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")

TITLES = ["Intro = [start]; #1", "Line\nbreak \\ and\u202etext", "Das Ende 🎬"]
SITE = [
    {"title": title, "start_time": number, "end_time": number + 1}
    for number, title in enumerate(TITLES)
]


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("film.mp4", "-c copy -movflags +faststart"),
        ("film.mp4", "-c copy"),
        ("film.mkv", "-c copy"),
    ],
    ids=["as it is", "index behind", "another container"],
)
def test_file_has_the_chapters_of_its_site(tmp_path: Path, name: str, how: str) -> None:
    path = make(tmp_path / name, how)
    done = finish(path, {"chapters": SITE}, limits_with())
    made = tmp_path / done.name
    assert done.facts.kind is MediaKind.VIDEO
    assert done.facts.duration_s == pytest.approx(3, abs=0.1)
    assert (probe(made).video, probe(made).audio) == ("h264", "aac")
    assert index_stands_in_front(made)
    assert chapters_in(made) == [
        (0.0, 1.0, "Intro = [start]; #1"),
        (1.0, 2.0, "Line break \\ andtext"),
        (2.0, pytest.approx(3.0, abs=0.1), "Das Ende 🎬"),
    ]


@pytest.mark.parametrize(
    "said",
    [None, "rubbish", [], SITE[:1], [{}] * 5, [{"start_time": 2, "end_time": 1}] * 3]
)  # fmt: skip
def test_what_is_no_list_of_chapters_is_left_out(tmp_path: Path, said: Any) -> None:
    path = make(tmp_path / "film.mp4", "-c copy -movflags +faststart")
    before = path.stat().st_ino
    done = finish(path, {"chapters": said}, limits_with())
    assert (tmp_path / done.name).stat().st_ino == before
    assert chapters_in(tmp_path / done.name) == []
