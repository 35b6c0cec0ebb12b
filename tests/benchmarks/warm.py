"""A download by the plain yt-dlp command, by our worker, and by the whole bot.

All three fetch the same files from the same server, in turns. The command does nothing but
download; our job also looks into the file and makes a thumbnail, and the bot also takes the
update, keeps its journal and delivers the media.

The floor of a small file, in processor time by marks set in the download process, since that is
much the same on a busy machine: 64 ms are one run of ffmpeg for the thumbnail (52 of them before
its first instruction, for 215 shared libraries; the plain command does not start it), 25 yt-dlp's
extraction and download, 5 the steps of the isolation, 4 the start of ffmpeg out of a process of
this size, and 3 the fork.
"""

import itertools
import logging
import multiprocessing
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.figures import millis, ratio
from tests.benchmarks.file_server import serve
from tests.benchmarks.sides import (
    SMALL_BYTES,
    TIMEOUT_S,
    alternate,
    make_padded,
    plain,
    plain_command,
    whole_bot,
)
from tests.benchmarks.usage import Sampler
from tests.sandbox.clips import SAMPLE
from tests.sandbox.files import MEBIBYTE
from tests.support.judges import judge
from tests.support.pool_driver import Driver
from worker.dispatch import pool_specs
from worker.pool import Pool
from worker.pool.events import Finished
from worker.pool.watched_process import PRELOADED, fork_server_pid
from worker.protocol import Download
from worker.settings import load_settings

ROUNDS = 20
LINKS = 200
WORKERS = 2

HLS_SEGMENTS = 60
FAR_AWAY_S = 0.03

_LARGE_BYTES = 30 * MEBIBYTE

_FFMPEG = ("ffmpeg", "-v", "error", "-nostdin", "-y")
_MINUTE_OF_SAMPLE = ("-stream_loop", "19", "-i", str(SAMPLE), "-c", "copy")


@dataclass(frozen=True)
class Case:
    """What is downloaded: a name for people, and a path on the server."""

    name: str
    path: str
    delay_s: float = 0.0


CASES = (
    Case("150 KB MP4", "small.mp4"),
    Case("30 MB MP4", "large.mp4"),
    Case("60-segment HLS", "hls/media.m3u8"),
    Case("60-segment HLS, 30 ms away", "hls/media.m3u8", FAR_AWAY_S),
    Case("video and audio to be merged", "dash/manifest.mpd"),
)


def run() -> Iterator[str]:
    """The lines of the report."""
    logging.disable(logging.WARNING)  # a worker says what it could not confine
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
        files = home / "files"
        _make_files(files)
        near = stack.enter_context(serve(files))
        far = stack.enter_context(serve(files, FAR_AWAY_S))
        workers = stack.enter_context(_our_workers(home))
        bot = stack.enter_context(whole_bot(home))
        sides: dict[str, Callable[[str], float]] = {
            "plain": lambda url: plain(url, home),
            "job": workers.fetch,
            "bot": bot.fetch,
        }
        absolute: list[str] = []
        for case in CASES:
            url = f"{far if case.delay_s else near}/{case.path}"
            yield from _compare(case, url, sides, absolute)
        yield from _many(workers, near, home, absolute)
    yield "absolute, on this machine:"
    yield from absolute


def _compare(
    case: Case, url: str, sides: dict[str, Callable[[str], float]], absolute: list[str]
) -> Iterator[str]:
    times = alternate(url, sides, ROUNDS)
    for name, what in (("job", "our job"), ("bot", "link to media through the whole bot")):
        yield f"{case.name}: {what} takes {ratio(times[name], times['plain'])} the plain command"
    for name, values in times.items():
        absolute.append(f"{case.name}: {name} {millis(values)}")


def _make_files(directory: Path) -> None:
    directory.mkdir()
    make_padded(directory / "small.mp4", SMALL_BYTES)
    make_padded(directory / "large.mp4", _LARGE_BYTES)
    for name, arguments in (
        ("hls", ("-f", "hls", "-hls_time", "1", "-hls_list_size", "0", "media.m3u8")),
        ("dash", ("-f", "dash", "-seg_duration", "60", "manifest.mpd")),
    ):
        (directory / name).mkdir()
        command = [*_FFMPEG, *_MINUTE_OF_SAMPLE, *arguments]
        subprocess.run(command, check=True, cwd=directory / name, timeout=TIMEOUT_S)
    (directory / "many").mkdir()
    for number in range(LINKS):  # names of their own, for the command calls its files by them
        os.link(directory / "small.mp4", directory / "many" / f"{number}.mp4")
    segments = len(list((directory / "hls").glob("*.ts")))
    assert segments == HLS_SEGMENTS, segments


# ------------------------------------------------------------------------------------ sides


class _Workers:
    """The downloads pool as the bot runs it, without a bot."""

    def __init__(self, driver: Driver, home: Path) -> None:
        self._driver = driver
        self._home = home
        self._jobs = itertools.count(1)

    def fetch(self, url: str) -> float:
        """Seconds of one job, from submission to result."""
        started = time.perf_counter()
        self._finish(self._submit(url))
        return time.perf_counter() - started

    def fetch_all(self, urls: list[str]) -> None:
        """As many at a time as there are workers."""
        jobs = []
        for url in urls:
            self._driver.until(lambda: self._driver.pool.free, TIMEOUT_S)
            jobs.append(self._submit(url))
        for job in jobs:
            self._finish(job)

    def _submit(self, url: str) -> int:
        job = next(self._jobs)
        task = Download(job, url, os.fspath(self._home / f"{job}-1"))
        self._driver.pool.submit(job, task, TIMEOUT_S)
        return job

    def _finish(self, job: int) -> None:
        end = self._driver.end_of(job)
        assert isinstance(end, Finished), end
        shutil.rmtree(self._home / f"{job}-1")


@contextmanager
def _our_workers(home: Path) -> Iterator[_Workers]:
    values = {
        "DATA_DIR": str(home / "workers"),
        "ALLOWED_NETWORKS": "127.0.0.0/8",
        "DOWNLOAD_WORKERS": str(WORKERS),
    }
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["worker.dispatch.preload", PRELOADED])
    downloads = home / "workers" / "downloads"
    downloads.mkdir(parents=True)
    settings = load_settings(values, needs_token=False)
    with judge(pool_specs.judge_rules(settings)) as made:
        pool = Pool(pool_specs.downloads_spec(settings, made.address), context)
        with Driver(pool) as driver:
            driver.until(lambda: pool.free == WORKERS, TIMEOUT_S)
            yield _Workers(driver, downloads)


# ------------------------------------------------------------------------------ many links


def _many(workers: _Workers, server: str, home: Path, absolute: list[str]) -> Iterator[str]:
    """200 small links by two workers, and by `xargs -P2`."""
    urls = [f"{server}/many/{number}.mp4" for number in range(LINKS)]
    figures = {
        "ours": _many_by_us(workers, urls),
        "xargs -P2": _many_by_xargs(urls, home),
    }
    ours, theirs = figures.values()
    rate = theirs.wall_s / ours.wall_s
    yield f"{LINKS} links by {WORKERS} workers: {rate:.1f} × as many a minute as xargs -P2 yt-dlp"
    yield f"  with {ours.cpu_s / theirs.cpu_s:.2f} × its CPU seconds"
    yield f"  and {ours.peak_bytes / theirs.peak_bytes:.2f} × its memory at the peak"
    for name, used in figures.items():
        absolute.append(
            f"{LINKS} links: {name} {60 * LINKS / used.wall_s:.0f} links/min, "
            f"{used.cpu_s:.1f} CPU s, {used.peak_bytes / MEBIBYTE:.0f} MB at the peak (PSS)"
        )


@dataclass(frozen=True)
class _Usage:
    wall_s: float
    cpu_s: float
    peak_bytes: int


def _many_by_us(workers: _Workers, urls: list[str]) -> _Usage:
    with Sampler(fork_server_pid()) as sampler:
        started = time.perf_counter()
        workers.fetch_all(urls)
        wall_s = time.perf_counter() - started
    return _Usage(wall_s, sampler.cpu_s, sampler.peak_bytes)


def _many_by_xargs(urls: list[str], home: Path) -> _Usage:
    with tempfile.TemporaryDirectory(dir=home) as directory:
        links = home / "links"
        links.write_text("\n".join(urls))
        started = time.perf_counter()
        with (
            links.open() as file,
            subprocess.Popen(
                ["xargs", f"-P{WORKERS}", "-n1", *plain_command(Path(directory))], stdin=file
            ) as xargs,
            Sampler(xargs.pid) as sampler,
        ):
            assert xargs.wait(LINKS * TIMEOUT_S) == 0
        return _Usage(time.perf_counter() - started, sampler.cpu_s, sampler.peak_bytes)
