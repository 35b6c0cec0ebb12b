"""Downloads that mean harm, in the pool: they end with their job, and their worker goes on."""

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from maintenance.strays import StrayReaper
from tests.support import download_jobs
from tests.support.download_jobs import MEBIBYTE
from tests.support.exhaustive import in_full, some_of
from tests.support.pool_driver import Driver, driven
from tests.support.process_kit import ends, identity_of, wait_until
from worker.downloads.limits import DownloadLimits
from worker.errors import JobError, Reason
from worker.pool.events import Failed, Lost, Reported, Stopped, StopReason
from worker.processes import process_table, signals
from worker.processes.process_setup import Limits
from worker.protocol import Download, Progress, YtDlpStarted

RULES: dict[str, Any] = {
    "instance": "test",
    "max_file_bytes": 50 * MEBIBYTE,
    "memory_bytes": 400 * MEBIBYTE,
    "allowed_networks": ("127.0.0.0/8",),
    "term_grace_s": 0.3,
}

GRANDCHILDREN = ["deaf", "own_session", "double_forked", "orphaned", "chain", "stopped"]


@contextmanager
def downloads(**rules: Any) -> Iterator[Driver]:
    with driven(
        "forkserver",  # as the bot does, and no other program runs downloads
        setup=download_jobs.set_up,
        setup_args=(DownloadLimits(**{**RULES, **rules}),),
        limits=Limits(data_bytes=400 * MEBIBYTE),
    ) as driver:
        yield driver


def download(driver: Driver, home: Path, what: str) -> int:
    return driver.submit(Download(1, f"http://127.0.0.1/{what}", str(home / "1-1")))


def reported(driver: Driver, job: int, kind: type[Any]) -> Any:
    """The first report of a kind."""

    def find() -> list[Any]:
        events = [e for e in driver.events if isinstance(e, Reported) and e.job_id == job]
        return [event.message for event in events if isinstance(event.message, kind)]

    return driver.until(find)[0]


def below(pids: Iterable[int], grandchild: str) -> list[process_table.Process]:
    """What these workers run; the last of it is stopped where that is the scene."""
    found = [process for pid in pids for process in process_table.descendants(pid)]
    if grandchild == "stopped":
        signals.send_signal(found[-1].identity, signal.SIGSTOP)
    return found


@pytest.mark.parametrize("grandchild", some_of(GRANDCHILDREN, kept=["own_session", "chain"]))
def test_whatever_a_download_starts_ends_with_it(grandchild: str, tmp_path: Path) -> None:
    with downloads() as driver:
        driver.wait_until_ready()
        workers = driver.pool.pids
        job = download(driver, tmp_path, grandchild)
        reported(driver, job, Progress)
        assert len(below(workers, grandchild)) >= 2, "yt-dlp's process and another"
        driver.pool.stop_job(job, 30)
        assert driver.end_of(job) == Stopped(job, StopReason.STOPPED)
        assert driver.pool.pids == workers
        for pid in workers:
            assert process_table.descendants(pid) == []
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("what", "rules", "reason"),
    [
        ("take_memory", {}, Reason.OUT_OF_MEMORY),
        in_full("take_memory_in_parts", {}, Reason.OUT_OF_MEMORY),
        ("write_a_large_file", {}, Reason.TOO_LARGE),
        ("ignore_sigterm", {"timeout_s": 0.5}, Reason.TIMED_OUT),
        ("nothing", {"idle_timeout_s": 0.5}, Reason.STALLED),
        ("leave_a_holder_of_the_pipe", {}, Reason.CRASHED),
    ],
)
def test_download_over_its_limits_fails_with_its_own_reason_and_its_worker_lives(
    what: str, rules: dict[str, Any], reason: Reason, tmp_path: Path
) -> None:
    with downloads(**rules) as driver:
        driver.wait_until_ready()
        workers = driver.pool.pids
        end = driver.end_of(download(driver, tmp_path, what))
        assert isinstance(end, Failed)
        assert isinstance(end.error, JobError)
        assert end.error.reason is reason
        assert driver.pool.pids == workers
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("grandchild", some_of(GRANDCHILDREN, kept=["orphaned", "stopped"]))
def test_what_a_killed_worker_leaves_behind_is_hunted_down(grandchild: str, tmp_path: Path) -> None:
    with downloads() as driver:
        driver.wait_until_ready()
        job = download(driver, tmp_path, grandchild)
        leader = identity_of(reported(driver, job, YtDlpStarted).pid)
        reported(driver, job, Progress)
        known = {process.pid for process in process_table.children(os.getpid())}
        (worker,) = [w.process.pid for w in driver.pool._workers if w.job]
        below({worker}, grandchild)
        os.kill(worker, signal.SIGKILL)
        assert driver.end_of(job) == Lost(job, -signal.SIGKILL)
        assert ends(leader)
        reaper = StrayReaper()
        wait_until(lambda: not reaper.sweep({*known, *driver.pool.pids}))
