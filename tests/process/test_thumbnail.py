"""A thumbnail that is begun before its film is there: it comes, and else it leaves no trace."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.hostile.web import Handler, Web, content
from tests.sandbox.clips import SAMPLE
from tests.support.download_limits import LIMITS
from tests.support.downloads_harness import Worker, worker
from tests.support.media import assert_has_thumbnail, make
from tests.support.process_kit import wait_until
from worker.downloads.media import thumbnail
from worker.downloads.ytdlp import fetch
from worker.protocol import MediaFile, MediaKind

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as web:
        yield web


class HeldFilm:
    """A film of which half is sent, and each further quarter when it is released."""

    def __init__(self, web: Web, path: str = "/film.mp4") -> None:
        self._film = SAMPLE.read_bytes()
        self._quarters = 2
        self._changed = threading.Condition()
        self.url = web.url + path
        web.answers[path] = self._answer

    def release(self, quarters: int = 4) -> None:
        with self._changed:
            self._quarters += quarters
            self._changed.notify_all()

    def _answer(self, handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "video/mp4")
        handler.send_header("Content-Length", str(len(self._film)))
        handler.end_headers()
        size = len(self._film) // 4 + 1
        for number in range(4):
            with self._changed:
                assert self._changed.wait_for(lambda: self._quarters > number, 30)  # noqa: B023
            handler.wfile.write(self._film[number * size : (number + 1) * size])


def waiting_ffmpeg(warm: Worker) -> psutil.Process | None:
    running = psutil.Process(warm.pid).children(recursive=True)
    return next((process for process in running if process.name() == "ffmpeg"), None)


def begun_with_ffmpeg(warm: Worker, film: HeldFilm) -> psutil.Process:
    """The download of a film has begun, and ffmpeg waits for it."""
    warm.begin(film.url, LIMITS)
    found: psutil.Process = wait_until(lambda: waiting_ffmpeg(warm))
    return found


def assert_nothing_else_is_left(warm: Worker, media: MediaFile) -> None:
    left = {str(entry) for entry in warm.directory.iterdir()}
    assert left == {media.path, media.thumbnail} - {None}


@pytest.mark.parametrize("path", ["/film.mp4", "/watch"])
def test_ffmpeg_waits_for_the_film_and_draws_it(warm: Worker, web: Web, path: str) -> None:
    film = HeldFilm(web, path)
    begun_with_ffmpeg(warm, film)
    film.release()
    media = warm.finish().media
    assert_has_thumbnail(media)
    assert Path(str(media.thumbnail)).name == "drawing.jpg"
    assert_nothing_else_is_left(warm, media)


def test_ffmpeg_that_is_killed_while_it_waits_costs_no_thumbnail(warm: Worker, web: Web) -> None:
    film = HeldFilm(web)
    waiting = begun_with_ffmpeg(warm, film)
    waiting.kill()
    film.release(1)
    # Not even a zombie is left of it, while the download goes on.
    wait_until(lambda: not psutil.pid_exists(waiting.pid))
    film.release()
    media = warm.finish().media
    assert media.facts.kind is MediaKind.VIDEO
    assert_has_thumbnail(media)
    assert_nothing_else_is_left(warm, media)


def test_ffmpeg_that_waits_ends_with_its_download(warm: Worker, web: Web) -> None:
    film = HeldFilm(web)
    waiting = begun_with_ffmpeg(warm, film)
    warm.stop_job()
    assert warm.finish().result is None
    assert not waiting.is_running()
    film.release()


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_film_too_short_for_it_has_a_thumbnail_of_its_own(
    warm: Worker, web: Web, tmp_path: Path, suffix: str
) -> None:
    codecs = "-c:v libvpx -c:a libopus" if suffix == ".webm" else "-c:v libx264 -c:a aac"
    short = make(tmp_path / f"short{suffix}", f"-t 1 {codecs}")
    web.otherwise = content(short.read_bytes(), f"video/{suffix[1:]}")
    media = warm.run(f"{web.url}/short{suffix}", LIMITS).media
    assert_has_thumbnail(media)
    assert_nothing_else_is_left(warm, media)


def _refuse_links() -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "a filesystem without links")

    vars(thumbnail)["os"] = type("os", (), {"link": staticmethod(refuse)})


def test_filesystem_without_links_costs_no_thumbnail(tmp_path: Path, web: Web) -> None:
    web.otherwise = content(SAMPLE.read_bytes(), "video/mp4")
    with worker(tmp_path, prepare=_refuse_links) as made:
        media = made.run(f"{web.url}/film.mp4", LIMITS).media
        assert_has_thumbnail(media)
        assert_nothing_else_is_left(made, media)


def _refuse_drawings() -> None:
    def refuse() -> Any:
        raise AssertionError("nobody wants a drawing")

    vars(fetch)["ThumbnailDrawing"] = refuse


def test_none_is_begun_for_what_is_no_film(tmp_path: Path, web: Web) -> None:
    song = make(tmp_path / "song.mp3", "-vn -c:a libmp3lame")
    web.answers["/song.mp3"] = content(song.read_bytes(), "audio/mpeg")
    with worker(tmp_path / "home", prepare=_refuse_drawings) as made:
        assert made.run(f"{web.url}/song.mp3", LIMITS).media.facts.kind is MediaKind.AUDIO


@pytest.mark.negative
def test_one_would_be_begun_for_a_film(tmp_path: Path, web: Web) -> None:
    web.otherwise = content(SAMPLE.read_bytes(), "video/mp4")
    with worker(tmp_path, prepare=_refuse_drawings) as made:
        assert "nobody wants" in made.run(f"{web.url}/film.mp4", LIMITS).error.detail
