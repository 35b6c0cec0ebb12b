"""What a warm worker is and is not to its jobs: ready, shared by all of them, marked by none."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from yt_dlp.extractor import gen_extractor_classes
from yt_dlp.extractor.lazy_extractors import (  # type: ignore[import-not-found]
    LazyLoadExtractor,
)

from tests.hostile.web import Answer, Handler, Web, content
from tests.sandbox.clips import SAMPLE
from tests.support.download_limits import LIMITS
from tests.support.downloads_harness import Worker, worker
from tests.support.media import make, probe
from tests.support.pool_driver import METHODS, Driver, driven
from worker.dispatch import worker_setups
from worker.downloads.confinement import landlock
from worker.downloads.limits import DownloadLimits
from worker.downloads.ytdlp import options, warm
from worker.errors import Fault, Reason
from worker.pool.worker_main import Handler as JobHandler
from worker.processes.process_setup import Limits
from worker.protocol import Download

MEBIBYTE = 1024 * 1024
WATCHDOG_S = 60.0


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as web:
        yield web


# ----------------------------------------------------------------------------- when it is ready


def set_up(rules: DownloadLimits, notes: str) -> JobHandler:
    """The product's own, and a note when the last step of warming up is done."""
    download = warm._download_sample

    def download_and_note() -> None:
        download()
        with open(notes, "a", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")

    vars(warm)["_download_sample"] = download_and_note
    return worker_setups.set_up_downloads(rules)


@pytest.mark.parametrize("method", METHODS)
def test_worker_is_warm_when_it_is_ready_and_so_is_its_successor(
    method: str, tmp_path: Path
) -> None:
    notes = tmp_path / "notes"
    notes.touch()
    limits = Limits(data_bytes=512 * MEBIBYTE)
    with driven(
        method,
        works_after=False,
        size=1,
        maxtasksperchild=1,
        setup=set_up,
        setup_args=(LIMITS, str(notes)),
        limits=limits,
    ) as driver:
        for job in range(2):
            pid = _ready(driver)
            assert str(pid) in notes.read_text().split()
            assert len(os.listdir(f"/proc/{pid}/task")) == 1, "a fork would lack its other threads"
            end = driver.submit(Download(job, "ftp://127.0.0.1/", str(tmp_path / "1-1")))
            driver.end_of(end)
            driver.until(lambda pid=pid: pid not in driver.pool.pids)  # type: ignore[misc]


def _ready(driver: Driver) -> int:
    driver.wait_until_ready()
    (pid,) = driver.pool.pids
    return pid


class _BrokenIE:
    """Its pattern raises."""

    _ENABLED = True

    @classmethod
    def ie_key(cls) -> str:
        return "Broken"

    @classmethod
    def suitable(cls, url: str) -> bool:
        raise ImportError("broken")


class _HalfIE(LazyLoadExtractor):  # type: ignore[misc]
    """Its pattern is there, and the module behind it is not."""

    IE_NAME = "half"
    _VALID_URL = r"https?://half\.example/"
    _module = "yt_dlp.extractor.no_such_module"


class _OddIE(LazyLoadExtractor):  # type: ignore[misc]
    """Its pattern is there, and the class behind it does not keep to it, as a plugin's may."""

    _VALID_URL = r"https?://(odd)\.example/\1"
    _real_class = _BrokenIE


def _add_unusable_extractors() -> None:
    real = vars(warm)["gen_extractor_classes"]
    vars(warm)["gen_extractor_classes"] = lambda: [_BrokenIE, _HalfIE, _OddIE, *real()]


def _keep_unusable_extractors() -> None:
    _add_unusable_extractors()
    vars(warm).update(_try=lambda *_: True, _real=lambda extractor: extractor)


PAGE = '<html><body><video><source src="clip.mp4"></video></body></html>'


def test_extractors_that_cannot_be_imported_do_no_harm(tmp_path: Path, web: Web) -> None:
    web.answers = {
        "/clip.mp4": content(SAMPLE.read_bytes(), "video/mp4"),
        "/page": content(PAGE),
    }
    with worker(tmp_path, prepare=_add_unusable_extractors) as made:
        for path in web.answers:
            assert made.run(web.url + path, LIMITS).media.size_bytes


@pytest.mark.negative
def test_extractors_that_cannot_be_imported_would_fail_all_links(tmp_path: Path, web: Web) -> None:
    web.otherwise = content(SAMPLE.read_bytes(), "video/mp4")
    with worker(tmp_path, prepare=_keep_unusable_extractors) as weak:
        assert "ImportError" in weak.run(f"{web.url}/clip.mp4", LIMITS).error.detail


# ------------------------------------------------------------------- what nobody asks it for


def _look_at_extractors(is_warm: bool, kind: str) -> tuple[int, dict[str, str | None]]:
    """How many have examples for yt-dlp's tests, and what each says that it gives."""
    vars(warm)["_RETURN_TYPE"] = kind
    found = warm.warm_up().values() if is_warm else gen_extractor_classes()
    real: list[Any] = [getattr(extractor, "real_class", extractor) for extractor in found]
    with_examples = sum(any(map(vars(each).get, warm._EXAMPLES)) for each in real)
    return with_examples, {each.ie_key(): each._RETURN_TYPE for each in real if each._ENABLED}


def _extractors(is_warm: bool, kind: str = warm._RETURN_TYPE) -> tuple[int, dict[str, str | None]]:
    """The same, of a process of its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(_look_at_extractors, is_warm, kind).result(WATCHDOG_S)


@pytest.fixture(scope="module")
def kinds() -> dict[str, str | None]:
    """What each extractor says that it gives in a cold process."""
    with_examples, kinds = _extractors(is_warm=False)
    assert with_examples > 1000
    return kinds


def test_examples_are_freed_and_what_yt_dlp_reads_in_them_is_kept(
    kinds: dict[str, str | None],
) -> None:
    assert _extractors(is_warm=True) == (0, kinds)


@pytest.mark.negative
def test_examples_freed_before_yt_dlp_has_read_them_would_be_missed(
    kinds: dict[str, str | None],
) -> None:
    with_examples, kinds_without = _extractors(is_warm=True, kind="no_such_attribute")
    assert with_examples == 0
    assert kinds_without != kinds


def _lazy_classes() -> tuple[int, int]:
    """Of how many extractors yt-dlp has a lazy class before warming up, and after it."""
    kind = type(LazyLoadExtractor)

    def lazy() -> set[str]:
        return {each.ie_key() for each in gc.get_objects() if isinstance(each, kind)}

    before = lazy()
    found = warm.warm_up().keys()
    gc.unfreeze()
    return len(before & found), len(lazy() & found)


def _without_private_names() -> tuple[int, str | None]:
    """How many extractors there are where yt-dlp keeps them elsewhere, and one that is found."""
    vars(warm).update(_KNOWN="elsewhere", _LAZY="no.such.module")
    extractors = warm.warm_up()
    return len(extractors), extractors.suitable("https://youtu.be/jNQXAC9IVRw")


def test_yt_dlp_that_keeps_its_extractors_elsewhere_costs_memory_alone() -> None:
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        number, found = process.submit(_without_private_names).result(WATCHDOG_S)
    assert number > 1000
    assert found == "Youtube"


def test_lazy_classes_are_freed_once_the_real_ones_are_there() -> None:
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        before, after = process.submit(_lazy_classes).result(WATCHDOG_S)
    assert before > 1000
    assert after < before / 100, "a few are base classes of others"


# --------------------------------------------------------------- what is left of a job in it


def test_no_session_or_cookie_of_a_job_is_used_by_the_next(warm: Worker, web: Web) -> None:
    seen: list[tuple[int, str | None]] = []
    clip = content(SAMPLE.read_bytes(), "video/mp4", Set_Cookie="visitor=first; Path=/")

    def answer(handler: Handler) -> None:
        seen.append((handler.client_address[1], handler.headers["Cookie"]))
        clip(handler)

    web.otherwise = answer
    jobs = []
    for name in ("one", "another"):
        seen.clear()
        assert warm.run(f"{web.url}/{name}.mp4", LIMITS).media.size_bytes
        jobs.append(seen.copy())
    for job in jobs:
        # Within a job the cookie does come back: so it would be seen.
        assert [cookie for _, cookie in job] == [None, *["visitor=first"] * (len(job) - 1)]
        assert len(job) > 1
    first, second = ({port for port, _ in job} for job in jobs)
    assert first.isdisjoint(second), "a connection of the job before"


def _refuse_a_step() -> None:
    def refuse(*_: object) -> bool:
        raise PermissionError(1, "not today")

    landlock.confine = refuse  # type: ignore[assignment]


def test_download_that_cannot_be_confined_is_not_begun(tmp_path: Path, web: Web) -> None:
    with worker(tmp_path, prepare=_refuse_a_step, is_cold=True) as weak:
        error = weak.run(f"{web.url}/clip.mp4", LIMITS).error
    assert (error.reason, error.fault) == (Reason.INTERNAL, Fault.OPERATOR)
    assert "not today" in error.detail
    assert web.hits == []


# --------------------------------------------------------------------------- many fragments


class Meeting:
    """Answers that wait for one another until so many are asked for at the same time."""

    def __init__(self, size: int, patience_s: float) -> None:
        self._size = size
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._inside = 0
        self.most = 0

    def answer(self, data: bytes) -> Answer:
        give = content(data, "video/mp2t")

        def answer(handler: Handler) -> None:
            with self._lock:
                self._inside += 1
                self.most = max(self.most, self._inside)
                if self.most == self._size:
                    self._over.set()
            if not self._over.wait(self._patience_s):
                self._over.set()  # nobody else will wait
            with self._lock:
                self._inside -= 1
            give(handler)

        return answer


def _stream(web: Web, directory: Path, answer: Callable[[bytes], Answer]) -> str:
    """A stream of 15 fragments on a site that gives each by `answer`."""
    arguments = "-c:v libx264 -preset ultrafast -g 5 -sc_threshold 0 -c:a copy"
    arguments += " -f hls -hls_time 0.2 -hls_list_size 0"
    playlist = make(directory / "media.m3u8", arguments)
    web.answers["/media.m3u8"] = content(playlist.read_bytes(), "application/vnd.apple.mpegurl")
    fragments = list(directory.glob("*.ts"))
    assert len(fragments) == 15
    for fragment in fragments:
        web.answers[f"/{fragment.name}"] = answer(fragment.read_bytes())
    return f"{web.url}/media.m3u8"


@pytest.mark.usefixtures("needs_ffmpeg")
def test_fragments_are_fetched_side_by_side_and_not_too_many(
    warm: Worker, web: Web, tmp_path: Path
) -> None:
    meeting = Meeting(4, patience_s=10)
    media = warm.run(_stream(web, tmp_path, meeting.answer), LIMITS).media
    assert meeting.most == 4
    assert probe(media.path).duration_s == pytest.approx(3.0, abs=0.2)


def _one_after_the_other() -> None:
    real = options.for_download
    options.for_download = lambda *args: real(*args) | {"concurrent_fragment_downloads": 1}


@pytest.mark.usefixtures("needs_ffmpeg")
@pytest.mark.negative
def test_fragments_would_come_one_after_the_other(web: Web, tmp_path: Path) -> None:
    meeting = Meeting(4, patience_s=0.5)
    with worker(tmp_path / "home", prepare=_one_after_the_other) as slow:
        assert slow.run(_stream(web, tmp_path, meeting.answer), LIMITS).media.size_bytes
    assert meeting.most == 1
