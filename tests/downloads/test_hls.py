"""Playlists that players play, and yt-dlp does not."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.support.download_limits import LIMITS
from tests.support.downloads_harness import Worker
from tests.support.file_server import served
from tests.support.media import make, probe
from tests.support.serving import answering
from worker.errors import Fault, Reason
from worker.form import Form
from worker.protocol import MediaKind

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")

DEFINE = '#EXT-X-DEFINE:NAME="name",VALUE="film"'
FORMAT = "-c copy -hls_time 1 -hls_list_size 0"


@pytest.fixture(scope="module")
def playlist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A playlist of three pieces of a second each."""
    return make(tmp_path_factory.mktemp("hls") / "film.m3u8", FORMAT)


def without_end(text: str) -> str:
    return text.replace("#EXT-X-ENDLIST\n", "")


@pytest.mark.parametrize(
    ("change", "length_s"),
    [
        (lambda text: f"\ufeff\n\n{text}".replace("\n", "\r\n").encode(), 3.0),
        (lambda text: text.encode("utf-16"), 3.0),
        (lambda text: text.replace(",\n", ",café\n").encode("latin-1"), 3.0),
        (lambda text: without_end(text).replace("#EXTINF", "#EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF", 1)
         .encode(), 3.0),
        (lambda text: re.sub(r"film2", "#EXT-X-GAP\ngone", text).encode(), 2.0),
        (lambda text: text.replace("film", "{$name}").replace("#EXTINF", f"{DEFINE}\n#EXTINF", 1)
         .encode(), 3.0),
    ],
    ids=["marked", "utf-16", "latin-1", "complete", "gap", "variable"],
)  # fmt: skip
def test_what_players_play_is_fetched(
    warm: Worker, playlist: Path, change: Callable[[str], bytes], length_s: float
) -> None:
    changed = playlist.with_name("changed.m3u8")
    changed.write_bytes(change(playlist.read_text()))
    with served(playlist.parent) as url:
        media = warm.run(f"{url}/{changed.name}", LIMITS).media
    assert probe(media.path).duration_s == pytest.approx(length_s, abs=0.2)


SINGLE = f"{FORMAT} -hls_flags single_file"


@pytest.mark.parametrize(
    ("options", "copies"),
    [
        (SINGLE, 1),
        (f"{SINGLE} -hls_segment_type fmp4", 1),
        (SINGLE, 2),  # not one file any more
    ],
)
def test_a_server_need_not_know_ranges(
    warm: Worker, tmp_path: Path, options: str, copies: int
) -> None:
    film = make(tmp_path / "film.m3u8", options)
    head, _, pieces = without_end(film.read_text()).partition("#EXTINF")
    pieces = "#EXT-X-DISCONTINUITY\n".join([f"#EXTINF{pieces}"] * copies)
    film.write_text(f"{head}{pieces}#EXT-X-ENDLIST\n")
    with served(tmp_path) as url:
        media = warm.run(f"{url}/{film.name}", LIMITS).media
    assert probe(media.path).duration_s == pytest.approx(3.0 * copies, abs=0.3)


def test_a_piece_that_is_gone_is_asked_for_again_later(warm: Worker, playlist: Path) -> None:
    changed = playlist.with_name("changed.m3u8")
    changed.write_text(playlist.read_text().replace("film1", "gone"))
    with served(playlist.parent) as url:
        for _ in range(3):
            error = warm.run(f"{url}/{changed.name}", LIMITS).error
            # Not the site's fault as a whole, which would be left alone then.
            assert (error.reason, error.fault) == (Reason.BROKEN_FILE, Fault.RETRYABLE), (
                error.detail
            )


def test_pieces_may_be_passed_off_as_pictures(warm: Worker, playlist: Path) -> None:
    changed = playlist.with_name("changed.m3u8")
    changed.write_text(re.sub(r"film(\d)\.ts", r"film\1.png", playlist.read_text()))
    for piece in playlist.parent.glob("film*.ts"):
        picture = b"\x89PNG\r\n\x1a\n" + bytes(range(200))
        piece.with_suffix(".png").write_bytes(picture + piece.read_bytes())
    with served(playlist.parent) as url:
        media = warm.run(f"{url}/{changed.name}", LIMITS).media
    assert media.facts.kind is MediaKind.VIDEO
    assert probe(media.path).duration_s == pytest.approx(3.0, abs=0.2)


def test_a_piece_that_is_empty_is_asked_for_again_later(warm: Worker, playlist: Path) -> None:
    changed = playlist.with_name("changed.m3u8")
    changed.write_text(playlist.read_text().replace("film1", "empty"))
    playlist.with_name("empty.ts").touch()
    with served(playlist.parent) as url:
        error = warm.run(f"{url}/{changed.name}", LIMITS).error
    assert (error.reason, error.fault) == (Reason.BROKEN_FILE, Fault.RETRYABLE), error.detail


@pytest.mark.parametrize(
    "key", ['URI="page.html"', 'URI="key",IV=0xno', 'URI="data:text/plain;base64,AAAA"']
)
def test_a_key_that_cannot_be_one_is_not_the_operators(
    warm: Worker, playlist: Path, key: str
) -> None:
    changed = playlist.with_name("changed.m3u8")
    tag = f"#EXT-X-KEY:METHOD=AES-128,{key}\n#EXTINF"
    changed.write_text(playlist.read_text().replace("#EXTINF", tag, 1))
    playlist.with_name("page.html").write_text("<html>Please log in.</html>")
    playlist.with_name("key").write_bytes(bytes(16))
    with served(playlist.parent) as url:
        error = warm.run(f"{url}/{changed.name}", LIMITS).error
    assert (error.reason, error.fault) == (Reason.BROKEN_FILE, Fault.RETRYABLE), error.detail


MISSING = "#EXT-X-STREAM-INF:BANDWIDTH=900000,RESOLUTION=1280x720\nmissing.m3u8\n"
THERE = "#EXT-X-STREAM-INF:BANDWIDTH=500000,RESOLUTION=640x360\nfilm.m3u8\n"


@contextmanager
def refusing(folder: Path, status: int) -> Iterator[str]:
    """A server of a directory that answers `missing` with a status."""

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(folder))

        def do_GET(self) -> None:
            if "missing" in self.path:
                return self.send_error(status)
            return super().do_GET()

        def log_message(self, *args: Any) -> None:
            pass

    with answering(Handler) as url:
        yield url


@pytest.mark.parametrize("status", [403, 404, 410, 503])
def test_variant_that_is_missing_gives_way_to_another(
    warm: Worker, playlist: Path, status: int
) -> None:
    playlist.with_name("master.m3u8").write_text(f"#EXTM3U\n{MISSING}{THERE}")
    with refusing(playlist.parent, status) as url:
        media = warm.run(f"{url}/master.m3u8", LIMITS).media
    assert probe(media.path).duration_s == pytest.approx(3.0, abs=0.2)
    assert media.facts.note is None


@pytest.mark.parametrize("status", [404, 503])
def test_where_no_variant_is_there_the_first_failure_counts(
    warm: Worker, playlist: Path, status: int
) -> None:
    variants = MISSING + THERE.replace("film", "missing-too")
    playlist.with_name("master.m3u8").write_text(f"#EXTM3U\n{variants}")
    with refusing(playlist.parent, status) as url:
        error = warm.run(f"{url}/master.m3u8", LIMITS).error
    assert (error.reason, error.fault) == (Reason.SITE_ERROR, Fault.RETRYABLE), error.detail
    assert str(status) in error.detail


def test_a_stream_as_a_file_is_called_what_it_is(warm: Worker, playlist: Path) -> None:
    with served(playlist.parent) as url:
        media = warm.run(f"{url}/{playlist.name}", LIMITS, form=Form(as_file=True)).media
    assert "mpegts" in probe(media.path).containers
    assert Path(media.path).suffix == ".ts"
