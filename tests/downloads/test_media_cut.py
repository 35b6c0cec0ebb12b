"""A video that is too large in every quality comes in parts."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.download_limits import limits_for_parts
from tests.support.downloads_harness import Worker
from tests.support.file_server import served
from tests.support.media import index_stands_in_front, make, probe, replace_program
from worker.downloads import child
from worker.downloads.media.cutting import cut
from worker.downloads.media.preparing import Downloaded
from worker.downloads.ytdlp.fetch import Fetched, fetch
from worker.errors import Fault, JobError, Reason
from worker.protocol import MediaKind, Note

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")


@pytest.mark.parametrize("parts", [1.5, 2.5])
def test_parts_are_playable_in_order_and_each_fits(warm: Worker, film: Path, parts: float) -> None:
    whole = probe(film)
    limit = limits_for_parts(film, parts, max_parts=4)
    with served(film.parent) as url:
        files = warm.run(f"{url}/film.mp4", limit).files
    assert len(files) >= parts
    assert [(file.facts.part, file.facts.parts) for file in files] == [
        (number, len(files)) for number in range(1, len(files) + 1)
    ]
    assert [file.facts.note for file in files] == [Note.CUT] + [None] * (len(files) - 1)
    for file in files:
        found = probe(file.path)
        assert file.facts.kind is MediaKind.VIDEO
        assert file.size_bytes <= limit.max_file_bytes
        assert (found.video, found.audio) == ("h264", "aac")
        assert (file.facts.width, file.facts.height) == (whole.width, whole.height)
        assert file.facts.duration_s == pytest.approx(found.duration_s, abs=0.2)
        assert index_stands_in_front(file.path)
        assert file.thumbnail is not None
        assert Path(file.thumbnail).is_file()
    together = sum(probe(file.path).duration_s for file in files)
    assert together == pytest.approx(whole.duration_s, rel=0.05)


@pytest.mark.negative
def test_without_leave_to_cut_it_is_too_large(warm: Worker, film: Path) -> None:
    with served(film.parent) as url:
        error = warm.run(f"{url}/film.mp4", limits_for_parts(film, 1.5)).error
    assert error.reason is Reason.TOO_LARGE


def test_more_parts_than_allowed_are_not_made(warm: Worker, film: Path) -> None:
    with served(film.parent) as url:
        error = warm.run(f"{url}/film.mp4", limits_for_parts(film, 6, max_parts=4)).error
    assert error.reason is Reason.TOO_LARGE


def test_key_frames_too_far_apart_end_in_a_sentence(
    warm: Worker, film: Path, tmp_path: Path
) -> None:
    make(tmp_path / "film.mp4", "-c:v libx264 -preset ultrafast -g 9999 -sc_threshold 0 -an", film)
    with served(tmp_path) as url:
        limit = limits_for_parts(tmp_path / "film.mp4", 1.5, max_parts=4)
        error = warm.run(f"{url}/film.mp4", limit).error
    assert error.reason is Reason.TOO_LARGE


@pytest.mark.parametrize("program", ["ffprobe", "ffmpeg"])
def test_a_program_that_was_killed_says_nothing_about_the_film(
    program: str, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(shutil.copy(film, tmp_path / "media.mp4"))
    replace_program(program, tmp_path / "programs", monkeypatch, "kill -KILL $$")
    with pytest.raises(JobError) as caught:
        cut(path, {}, limits_for_parts(film, 1.5, max_parts=4))
    assert (caught.value.reason, caught.value.fault) == (Reason.CRASHED, Fault.RETRYABLE)


MAX_FILES = 10


def fetch_film_four_times(*args: Any) -> Fetched:
    """A post with the same film four times, of which an answer has no place for all parts."""
    child.MAX_FILES = MAX_FILES  # type: ignore[attr-defined]
    (film,) = fetch(*args).files
    paths = [film.path, *(Path(f"media-{number}.mp4") for number in range(3))]
    for path in paths[1:]:
        shutil.copyfile(film.path, path)
    return Fetched(tuple(Downloaded(path, {}) for path in paths))


def test_a_post_ends_with_the_last_video_of_which_all_parts_have_a_place(
    warm: Worker, film: Path
) -> None:
    with served(film.parent) as url:
        files = warm.run(
            f"{url}/film.mp4", limits_for_parts(film, 1.9, max_parts=4), fetch_film_four_times
        ).files
    parts = files[0].facts.parts
    assert [file.facts.part for file in files] == list(range(1, parts + 1)) * (MAX_FILES // parts)
