"""A video gets a thumbnail, whatever happens to the first ffmpeg that draws it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest

from tests.hostile.web import Web, content
from tests.sandbox.clips import SAMPLE
from tests.support.download_limits import LIMITS
from tests.support.downloads_harness import Worker, worker
from tests.support.media import assert_has_thumbnail, make
from worker.downloads.media import ffmpeg
from worker.protocol import MediaFile, MediaKind

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as web:
        yield web


def assert_nothing_else_is_left(warm: Worker, media: MediaFile) -> None:
    left = {str(entry) for entry in warm.directory.iterdir()}
    assert left == {media.path, media.thumbnail} - {None}


@pytest.mark.parametrize("path", ["/film.mp4", "/watch"])
def test_a_video_has_a_thumbnail(warm: Worker, web: Web, path: str) -> None:
    web.otherwise = content(SAMPLE.read_bytes(), "video/mp4")
    media = warm.run(web.url + path, LIMITS).media
    assert_has_thumbnail(media)
    assert_nothing_else_is_left(warm, media)


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_a_short_video_has_a_thumbnail(warm: Worker, web: Web, tmp_path: Path, suffix: str) -> None:
    codecs = "-c:v libvpx -c:a libopus" if suffix == ".webm" else "-c:v libx264 -c:a aac"
    short = make(tmp_path / f"short{suffix}", f"-t 1 {codecs}")
    web.otherwise = content(short.read_bytes(), f"video/{suffix[1:]}")
    media = warm.run(f"{web.url}/short{suffix}", LIMITS).media
    assert_has_thumbnail(media)
    assert_nothing_else_is_left(warm, media)


def _lose_the_first_thumbnail() -> None:
    real, lost = ffmpeg.start_thumbnail, iter([True])

    def start(path: Path, thumbnail: Path, at_s: float) -> subprocess.Popen[str]:
        if next(lost, False):
            return subprocess.Popen(["false"], stdout=PIPE, stderr=PIPE, text=True)
        return real(path, thumbnail, at_s)

    vars(ffmpeg)["start_thumbnail"] = start


def test_a_thumbnail_that_fails_is_drawn_again(tmp_path: Path, web: Web) -> None:
    web.otherwise = content(SAMPLE.read_bytes(), "video/mp4")
    with worker(tmp_path, prepare=_lose_the_first_thumbnail) as made:
        media = made.run(f"{web.url}/film.mp4", LIMITS).media
        assert media.facts.kind is MediaKind.VIDEO
        assert_has_thumbnail(media)
        assert_nothing_else_is_left(made, media)


def _refuse_thumbnails() -> None:
    def refuse(*_: object) -> Any:
        raise AssertionError("nobody wants a thumbnail")

    vars(ffmpeg)["start_thumbnail"] = refuse


def test_none_is_drawn_of_a_song_without_a_cover(tmp_path: Path, web: Web) -> None:
    song = make(tmp_path / "song.mp3", "-vn -c:a libmp3lame")
    web.answers["/song.mp3"] = content(song.read_bytes(), "audio/mpeg")
    with worker(tmp_path / "home", prepare=_refuse_thumbnails) as made:
        assert made.run(f"{web.url}/song.mp3", LIMITS).media.facts.kind is MediaKind.AUDIO


@pytest.mark.negative
def test_one_would_be_drawn_of_a_video(tmp_path: Path, web: Web) -> None:
    web.otherwise = content(SAMPLE.read_bytes(), "video/mp4")
    with worker(tmp_path, prepare=_refuse_thumbnails) as made:
        assert "nobody wants" in made.run(f"{web.url}/film.mp4", LIMITS).error.detail
