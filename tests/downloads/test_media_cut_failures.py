"""What goes wrong beside the file itself: while videos are cut, and with a song's cover."""

import importlib
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.site import MediaSite
from tests.support.download_limits import limits_for_parts, limits_with
from tests.support.downloads_harness import Worker, worker
from tests.support.file_server import served
from tests.support.media import make
from worker.downloads import child
from worker.downloads.media.cutting import cut
from worker.errors import Fault, JobError, Reason
from worker.protocol import Note

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")


def know_the_films() -> None:
    importlib.import_module("tests.hostile.films")


def have_five_places() -> None:
    know_the_films()
    vars(child)["MAX_FILES"] = 5


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with worker(tmp_path_factory.mktemp("downloads"), prepare=know_the_films) as made:
        yield made


def films(film: Path, folder: Path, names: str) -> Path:
    """The film under several names; each is an own file, a little shorter than the last."""
    for number, name in enumerate(names):
        make(folder / f"{name}.mp4", f"-c copy -t {12 - number / 2}", film)
    return folder


def test_each_video_of_a_post_has_parts_of_its_own(
    warm: Worker, film: Path, tmp_path: Path
) -> None:
    with served(films(film, tmp_path, "AB")) as url:
        files = warm.run(f"{url}/films/AB", limits_for_parts(film, 1.5, max_parts=4)).files
    assert [(file.facts.title, file.facts.part, file.facts.parts) for file in files] == [
        ("A", 1, 2),
        ("A", 2, 2),
        ("B", 1, 2),
        ("B", 2, 2),
    ]
    assert len({file.path for file in files}) == 4
    assert all(file.size_bytes == Path(file.path).stat().st_size for file in files)
    assert len({file.thumbnail for file in files}) == 4


def test_a_post_with_more_parts_than_places_ends_with_a_whole_video(
    film: Path, tmp_path: Path
) -> None:
    limits = limits_for_parts(film, 1.5, max_parts=4)
    with (
        served(films(film, tmp_path, "ABC")) as url,
        worker(tmp_path / "downloads", prepare=have_five_places) as made,
    ):
        files = made.run(f"{url}/films/ABC", limits).files
    assert [file.facts.title for file in files] == ["A", "A", "B", "B"]
    assert files[0].facts.note is Note.MORE_IN_POST


def test_half_a_film_is_not_cut_as_if_it_were_whole(
    warm: Worker, film: Path, tmp_path: Path
) -> None:
    whole = make(tmp_path / "film.mp4", "-c copy -movflags +faststart", film)
    os.truncate(whole, whole.stat().st_size * 2 // 3)
    with served(tmp_path) as url:
        error = warm.run(f"{url}/film.mp4", limits_for_parts(whole, 1.5, max_parts=4)).error
    assert error.reason is Reason.BROKEN_FILE


def claim_a_millisecond(path: Path, boxes: dict[bytes, int]) -> None:
    """Write a length of one into these boxes of an MP4, so far behind their names."""
    data = bytearray(path.read_bytes())
    for name, behind in boxes.items():
        at = -1
        while (at := data.find(name, at + 1)) >= 0:
            data[at + behind : at + behind + 4] = struct.pack(">I", 1)
    path.write_bytes(data)


@pytest.mark.parametrize("has_edits", [True, False], ids=["one piece", "a piece a key frame"])
def test_a_film_that_lies_about_its_length_is_no_answer(
    warm: Worker, film: Path, tmp_path: Path, has_edits: bool
) -> None:
    liar = make(tmp_path / "film.mp4", "-c copy" + " -use_editlist 0" * (not has_edits), film)
    # ISO/IEC 14496-12: where mvhd, mdhd, tkhd and elst of version 0 hold a duration.
    claim_a_millisecond(liar, {b"mvhd": 20, b"mdhd": 20, b"tkhd": 24, b"elst": 12})
    with served(tmp_path) as url:
        error = warm.run(f"{url}/film.mp4", limits_for_parts(film, 1.5, max_parts=4)).error
    assert error.reason is Reason.TOO_LARGE


def fails_to_cut(film: Path, folder: Path) -> JobError:
    path = folder / "film.mp4"
    path.write_bytes(film.read_bytes())
    with pytest.raises(JobError) as caught:
        cut(path, {}, limits_for_parts(film, 1.5, max_parts=4))
    return caught.value


def test_a_full_disk_lets_it_wait(film: Path, tmp_path: Path) -> None:
    (tmp_path / "film.part-00.mp4").symlink_to("/dev/full")
    error = fails_to_cut(film, tmp_path)
    assert (error.reason, error.fault) == (Reason.DISK_FULL, Fault.RETRYABLE)


def test_a_killed_ffmpeg_says_nothing_about_the_film(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "ffmpeg").write_text("#!/bin/sh\nkill -KILL $$\n")
    (programs / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    error = fails_to_cut(film, tmp_path)
    assert (error.reason, error.fault) == (Reason.CRASHED, Fault.RETRYABLE)


@pytest.mark.parametrize("cover", ["stall.mp4", "slow/cover.mp4?seconds=40", "404.jpg"])
def test_a_cover_that_does_not_come_costs_nothing_but_the_cover(
    warm: Worker, site: MediaSite, cover: str
) -> None:
    song = warm.run(f"{site.url}/song/{cover}", limits_with()).media
    assert song.thumbnail is None
