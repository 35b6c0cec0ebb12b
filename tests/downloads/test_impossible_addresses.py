"""Addresses that no server can have, in each place where a site names one."""

import itertools
from collections.abc import Iterator

import pytest

from tests.hostile.web import Web, content, redirect
from tests.support.download_limits import LIMITS
from tests.support.downloads_harness import Worker, worker
from tests.support.exhaustive import some_of
from tests.support.media import make
from worker.errors import Fault, Reason
from worker.protocol import MediaKind

IMPOSSIBLE = (
    *("http://[::1", "http://[x]/a", "http://a:99999/a", "http://:80/a", "http://a..b/a"),
    *(f"http://{'a' * 300}.example/a", "http://a:b:c/a", "http://a%00b/a"),
)
PLACES = ("redirect", "piece.m3u8", "master.m3u8", "page")
CASES = [*itertools.product(PLACES, IMPOSSIBLE)]
PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{0}\n#EXTINF:4,\n{0}\n#EXT-X-ENDLIST\n"
MASTER = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{}\n"
KIND = "application/vnd.apple.mpegurl"
PAGE = '<!doctype html><video src="{0}"></video>'


pytestmark = pytest.mark.usefixtures("needs_ffmpeg")


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with worker(tmp_path_factory.mktemp("downloads")) as made:
        yield made


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("song") / "song.m4a"
    return make(path, "-vn -c copy -movflags +faststart").read_bytes()


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with Web() as made:
        yield made


@pytest.mark.parametrize(
    ("place", "address"), some_of(CASES, kept=[*CASES[: len(IMPOSSIBLE)], *CASES[::5]])
)
def test_an_impossible_address_is_not_the_operators_to_mend(
    quick: Worker, web: Web, place: str, address: str
) -> None:
    web.answers = {
        "/redirect": redirect(address),
        "/piece.m3u8": content(PLAYLIST.format(address), KIND),
        "/master.m3u8": content(MASTER.format(address), KIND),
        "/page": content(PAGE.format(address)),
    }
    error = quick.run(f"{web.url}/{place}", LIMITS).error
    assert (error.reason, error.fault) == (Reason.INVALID_LINK, Fault.PERMANENT)


COVER = '<!doctype html><meta property="og:image" content="{}"><audio src="/song.m4a"></audio>'


@pytest.mark.parametrize("address", some_of(IMPOSSIBLE, kept=IMPOSSIBLE[::4]))
def test_a_song_comes_without_a_cover_at_an_impossible_address(
    quick: Worker, web: Web, song: bytes, address: str
) -> None:
    web.answers = {
        "/song": content(COVER.format(address)),
        "/song.m4a": content(song, "audio/mp4"),
    }
    assert quick.run(f"{web.url}/song", LIMITS).media.facts.kind is MediaKind.AUDIO
