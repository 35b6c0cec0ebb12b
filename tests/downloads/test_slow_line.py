"""Downloads over a line that all connections share, slower than the plain timeout allows.

The sizes, the line and the times are a tenth and less of what a person meets, the rules the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks.file_server import serve
from tests.support.download_limits import limits_with
from tests.support.downloads_harness import Outcome, Worker, worker
from tests.support.media import make, probe
from worker.errors import Fault, Reason
from worker.protocol import Note, Outpaced

LINE_BPS = 350_000
LIMITS = limits_with(timeout_s=3, idle_timeout_s=10, slowest_bps=LINE_BPS // 3)
# Of the time that its size does not explain, a conversion must do with a part.
IMPATIENT = limits_with(timeout_s=6, idle_timeout_s=10, slowest_bps=2 * LINE_BPS)
# Noise, so that the size is what the bit rate says.
NOISE = "-vf noise=alls=40:allf=t -c:v libx264 -preset ultrafast -g 5 -pix_fmt yuv420p"
RATE = "-b:v {bps} -maxrate {bps} -bufsize {bps}"
LENGTH_S = 2


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same video of about 2 MB as one file, as HLS of two rates, and as DASH."""
    directory = tmp_path_factory.mktemp("slow-line")
    large = _encode(directory / "large.mp4", 5_000_000)
    small = _encode(directory / "small.mp4", 100_000)
    for name, film in (("large", large), ("small", small)):
        make(directory / f"{name}.m3u8", "-c copy -f hls -hls_time 0.2 -hls_list_size 0", film)
    make(directory / "large.mpd", "-c copy -f dash -seg_duration 1", large)
    (directory / "master.m3u8").write_text(
        "#EXTM3U\n"
        '#EXT-X-STREAM-INF:BANDWIDTH=200000,RESOLUTION=160x90,CODECS="avc1.42c00b,mp4a.40.2"\n'
        "small.m3u8\n"
        '#EXT-X-STREAM-INF:BANDWIDTH=5500000,RESOLUTION=320x180,CODECS="avc1.42c00d,mp4a.40.2"\n'
        "large.m3u8\n"
    )
    return directory


def _encode(path: Path, bps: int) -> Path:
    height = 180 if bps > 1_000_000 else 90
    return make(
        path, f"-t {LENGTH_S} {NOISE} {RATE.format(bps=bps)} -s {height * 16 // 9}x{height}"
    )


@pytest.fixture(scope="module")
def site(files: Path) -> Iterator[str]:
    with serve(files, line_bps=LINE_BPS) as url:
        yield url


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with worker(tmp_path_factory.mktemp("jobs")) as made:
        yield made


def _outpaced(outcome: Outcome) -> list[int]:
    return [report.done_bytes for report in outcome.reports if isinstance(report, Outpaced)]


@pytest.mark.parametrize(
    "name", ["large.mp4", "large.m3u8", pytest.param("large.mpd", marks=pytest.mark.exhaustive)]
)
def test_a_video_may_take_what_its_size_needs(
    downloads: Worker, site: str, files: Path, name: str
) -> None:
    outcome = downloads.run(f"{site}/{name}", LIMITS)
    assert probe(outcome.media.path).duration_s == pytest.approx(LENGTH_S, abs=0.5)
    line_s = outcome.media.size_bytes / LINE_BPS
    assert line_s > LIMITS.timeout_s, "the line was fast enough for the plain timeout"


@pytest.mark.parametrize(
    ("share", "note"),
    [pytest.param(1.05, None, id="fits"), pytest.param(0.4, Note.CUT, id="has to be cut")],
)
def test_what_can_be_sent_is_not_begun_again(
    downloads: Worker, files: Path, tmp_path: Path, share: float, note: Note | None
) -> None:
    pieces = list(files.glob("large*.ts"))
    size = sum(piece.stat().st_size for piece in pieces)
    limits = limits_with(max_file_bytes=int(size * share), max_parts=4)
    asked_for = tmp_path / "asked-for"
    with serve(files, line_bps=LINE_BPS, log=asked_for) as url:
        outcome = downloads.run(f"{url}/large.m3u8", limits)
    assert outcome.files[0].facts.note is note
    asked = [path for path in asked_for.read_text().split() if path.endswith(".ts")]
    assert sorted(asked) == sorted(f"/{piece.name}" for piece in pieces)


@pytest.fixture(scope="module")
def crawl(files: Path) -> Iterator[str]:
    """A site so slow that no size needs as long."""
    with serve(files, line_bps=LINE_BPS // 6) as url:
        yield url


@pytest.mark.parametrize(("name", "note"), [("master.m3u8", Note.SLOW_SITE), ("large.mp4", None)])
def test_after_a_timeout_less_is_fetched_or_it_ends(
    downloads: Worker, crawl: str, name: str, note: Note | None
) -> None:
    first = downloads.run(f"{crawl}/{name}", IMPATIENT)
    assert (first.error.reason, first.error.fault) == (Reason.TIMED_OUT, Fault.RETRYABLE)
    (came,) = _outpaced(first)
    assert 0 < came < LENGTH_S * 5_000_000 / 8

    second = downloads.run(f"{crawl}/{name}", IMPATIENT, max_bytes=came)
    if note is None:
        assert (second.error.reason, second.error.fault) == (Reason.TIMED_OUT, Fault.PERMANENT)
    else:
        assert second.media.facts.note is note
        assert second.media.facts.height == 90
