"""A link to a clip of a longer video gives the clip."""

import importlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.clocked_film import RATE, beeps_s, first_time_s, make_clocked_film
from tests.support.download_limits import limits_for_parts, limits_with
from tests.support.downloads_harness import Worker, worker
from tests.support.file_server import served
from tests.support.media import index_stands_in_front, make, probe
from worker.downloads.media.clipping import clip
from worker.downloads.spans import Span
from worker.errors import JobError, Reason
from worker.form import SOUND
from worker.protocol import MediaKind, Note

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")


def know_the_clips() -> None:
    importlib.import_module("tests.hostile.films")


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with worker(tmp_path_factory.mktemp("downloads"), prepare=know_the_clips) as made:
        yield made


@pytest.mark.parametrize(
    ("link", "length_s"), [("5-8.5", 3.5), ("0-4", 4), ("9-", 3), ("10-99", 2)]
)
def test_the_clip_comes_and_not_the_whole(
    warm: Worker, film: Path, link: str, length_s: float
) -> None:
    with served(film.parent) as url:
        media = warm.run(f"{url}/clip/{link}/film.mp4", limits_with()).media
    found = probe(media.path)
    assert (media.facts.kind, media.facts.note, media.facts.title) == (
        MediaKind.VIDEO,
        None,
        "A clip",
    )
    assert (found.video, found.audio) == ("h264", "aac")
    assert found.duration_s == pytest.approx(length_s, abs=0.2)
    assert media.facts.duration_s == pytest.approx(length_s, abs=0.2)
    assert index_stands_in_front(media.path)


def test_the_whole_may_be_larger_than_what_is_sent(warm: Worker, film: Path) -> None:
    with served(film.parent) as url:
        limits = limits_for_parts(film, 2.5, max_parts=4)
        media = warm.run(f"{url}/clip/5-7/film.mp4", limits).media
    assert probe(media.path).duration_s == pytest.approx(2, abs=0.2)


def test_a_clip_may_be_so_large_that_it_is_cut(warm: Worker, film: Path) -> None:
    with served(film.parent) as url:
        limits = limits_for_parts(film, 8, max_parts=10)
        files = warm.run(f"{url}/clip/0-11/film.mp4", limits).files
    assert len(files) > 1
    assert sum(probe(file.path).duration_s for file in files) == pytest.approx(11, abs=0.5)


def test_the_sound_of_a_clip(warm: Worker, film: Path) -> None:
    with served(film.parent) as url:
        form = SOUND
        media = warm.run(f"{url}/clip/5-8/film.mp4", limits_with(), form=form).media
    found = probe(media.path)
    assert (media.facts.kind, found.video, found.audio) == (MediaKind.AUDIO, None, "aac")
    assert found.duration_s == pytest.approx(3, abs=0.2)


def test_a_clip_of_flac_is_as_long_as_it_says(warm: Worker, tmp_path: Path) -> None:
    make(tmp_path / "song.flac", "-vn -c:a flac")
    with served(tmp_path) as url:
        media = warm.run(f"{url}/clip/1-2/song.flac", limits_with()).media
    assert media.facts.duration_s == pytest.approx(1, abs=0.1)
    assert probe(media.path).duration_s == pytest.approx(1, abs=0.1)


def test_without_time_to_encode_it_begins_at_the_key_frame_before(
    film: Path, tmp_path: Path
) -> None:
    large = "-s 1920x1080 -r 10 -c:v libx264 -preset ultrafast -g 40 -sc_threshold 0 -c:a copy"
    whole = make(tmp_path / "film.mp4", large, film)
    clipped = clip(whole, Span(6, 9), {}, replace(limits_with(), timeout_s=3))
    assert clipped.note is Note.EARLY_START
    assert clipped.starts_s == pytest.approx(4, abs=0.1)
    found = probe(clipped.path)
    assert (found.video, found.audio) == ("h264", "aac")
    assert found.duration_s == pytest.approx(5, abs=0.3)
    assert not whole.exists()


@pytest.mark.parametrize(
    ("pictures", "span", "shown_s", "beeps"),
    [
        ("lt(t\\,2)+gte(t\\,18)", Span(4.5, 7.5), 1.96, [0.5, 1.5, 2.5]),
        ("lt(t\\,2)+gte(t\\,18)", Span(0.5, 4), 0.5, [0.5, 1.5, 2.5]),
        ("not(mod(n\\,125))", Span(8.5, 9.7), 5, [0.5]),
        ("not(mod(n\\,125))", Span(16.5, 19), 7, [0.5, 1.5]),  # 15 s, in the second round of greys
    ],
    ids=["within a standstill", "into a standstill", "a slide", "the last slide"],
)
def test_a_picture_that_stands_still_is_shown_for_as_long_as_it_stands(
    tmp_path: Path, pictures: str, span: Span, shown_s: float, beeps: list[float]
) -> None:
    how = f"-vf select={pictures} -fps_mode vfr -c:a aac -movflags +faststart"
    clipped = clip(make_clocked_film(tmp_path / "film.mp4", how), span, {}, limits_with())
    pictures_alone = make(tmp_path / "pictures.mp4", "-an -c copy", clipped.path)
    sound_alone = make(tmp_path / "sound.m4a", "-vn -c copy", clipped.path)
    assert span.end_s is not None
    length_s = span.end_s - span.start_s
    assert probe(pictures_alone).duration_s == pytest.approx(length_s, abs=0.1)
    assert probe(sound_alone).duration_s == pytest.approx(length_s, abs=0.1)
    assert first_time_s(clipped.path) == pytest.approx(shown_s, abs=1.5 / RATE)
    assert beeps_s(clipped.path) == pytest.approx(beeps, abs=1 / RATE)


@pytest.mark.parametrize(
    ("span", "reason"), [(Span(40, 50), Reason.BEYOND_END), (Span(40), Reason.BEYOND_END)]
)
def test_a_clip_behind_the_end_is_no_answer(
    film: Path, tmp_path: Path, span: Span, reason: Reason
) -> None:
    whole = make(tmp_path / "film.mp4", "-c copy", film)
    with pytest.raises(JobError) as caught:
        clip(whole, span, {}, limits_with())
    assert caught.value.reason is reason
