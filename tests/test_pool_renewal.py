"""How workers come and go: recycling, starts that fail, and an owner that ends, well or not."""

import contextlib
import logging
import os
import resource
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import pool_jobs
from tests.pool_driver import METHODS, driven
from worker import processes
from worker.pool import START_DELAYS_S, Failed, Finished, Stopped, Why
from worker.processes import Limits

each_method = pytest.mark.parametrize("method", METHODS)

HOURS_S = 36_000.0


# ------------------------------------------------------------------------------------- recycling


@each_method
def test_recycling_under_backlog_keeps_the_size_and_the_bounds(method: str) -> None:
    with driven(method, max_jobs=10) as driver:
        driver.wait_until_ready()
        sizes: Counter[int] = Counter()
        busy: Counter[int] = Counter()
        step = driver.pool.step

        def watched(now: float) -> Any:
            events = step(now)
            staying = [w for w in driver.pool._workers if not w.is_leaving]
            sizes[len(staying)] += 1
            busy[len(driver.pool.jobs)] += 1
            return events

        driver.pool.step = watched  # type: ignore[method-assign]
        ends = driver.run_many([("pid",)] * 150)
        done = Counter(end.result for end in ends if isinstance(end, Finished))
        assert done.total() == 150
        assert 9 <= max(done.values()) <= 10
        assert max(sizes) == 3, "one successor at a time"
        assert min(sizes) >= 2
        assert max(busy) <= 2, "a successor that is early takes no job"


@each_method
def test_old_worker_stays_until_its_successor_is_ready(method: str) -> None:
    with driven(method, size=1, max_age_s=HOURS_S) as driver:
        driver.wait_until_ready()
        (old,) = driver.pool.pids
        driver.lead_s = 0.89 * HOURS_S
        driver.step()
        assert driver.pool.pids == [old]
        driver.lead_s = HOURS_S
        while old in driver.pool.pids:
            assert driver.pool.free == 1 or len(driver.pool.pids) == 2
            driver.wait(1)
            driver.step()
        assert driver.pool.free == 1


@each_method
def test_age_that_comes_in_mid_job_waits_for_the_job_and_burns_no_time(method: str) -> None:
    with driven(method, size=1, max_age_s=HOURS_S) as driver:
        job = driver.submit("report_pid_and_wait", timeout_s=10 * HOURS_S)
        pid = driver.report_of(job)
        driver.lead_s = HOURS_S
        driver.until(lambda: sum(w.is_ready for w in driver.pool._workers) == 2)
        assert pid in driver.pool.pids
        assert driver.pool.free == 0, "the size bounds the jobs as well"
        # Nothing is due, so an owner sleeps; a deadline in the past would keep it spinning.
        assert driver.pool.next_deadline() > driver.now() + 1000
        driver.pool.stop_job(job)
        assert driver.end_of(job) == Stopped(job, Why.STOPPED)
        driver.until(lambda: pid not in driver.pool.pids)


@each_method
def test_workers_do_not_leave_together(method: str) -> None:
    with driven(method, size=6, max_jobs=1000, max_age_s=HOURS_S) as driver:
        driver.step()
        workers = driver.pool._workers
        assert len({worker.max_jobs for worker in workers}) > 1
        assert all(900 <= worker.max_jobs <= 1000 for worker in workers)
        assert len({worker.old_at for worker in workers}) == 6


@each_method
def test_one_job_for_each_worker(method: str) -> None:
    with driven(method, max_jobs=1) as driver:
        assert len({driver.run("pid") for _ in range(6)}) == 6


@each_method
def test_worker_that_will_not_leave_is_killed(method: str) -> None:
    with driven(method, size=1, max_age_s=HOURS_S) as driver:
        driver.wait_until_ready()
        (old,) = driver.pool.pids
        os.kill(old, signal.SIGSTOP)
        driver.lead_s = HOURS_S
        driver.until(lambda: any(worker.is_leaving for worker in driver.pool._workers))
        driver.lead_s += driver.pool.spec.stop_grace_s + 1
        driver.until(lambda: old not in driver.pool.pids)


# ---------------------------------------------------------------------------- starts that fail


@each_method
def test_failing_starts_are_rare_and_raise_one_alarm_and_end(
    method: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    flag = tmp_path / "flag"
    flag.touch()
    setup: dict[str, Any] = {"setup": pool_jobs.set_up_unless, "setup_args": (str(flag),)}
    with driven(method, **setup) as driver:
        driver.step()
        for failures, delay_s in enumerate((*START_DELAYS_S, START_DELAYS_S[-1]), start=1):
            driver.until(lambda number=failures: driver.pool._failed_starts == number)  # type: ignore[misc]
            driver.until(lambda: not driver.pool.pids)
            assert driver.pool._started == 2 * failures, "each worker once"
            assert "the file is there" in (driver.pool.trouble or "")
            due_s = driver.pool.next_deadline() - driver.now()
            assert delay_s - 0.6 < due_s <= delay_s
            driver.lead_s += due_s
        alarms = [record for record in caplog.records if record.levelno >= logging.ERROR]
        assert len(alarms) == 1
        flag.unlink()
        driver.wait_until_ready()
        driver.run("echo")
        assert driver.pool.trouble is None


@each_method
def test_worker_that_crashes_when_ready_is_not_replaced_at_its_own_pace(
    method: str, caplog: pytest.LogCaptureFixture
) -> None:
    with driven(method, works_after=False, setup=pool_jobs.set_up_to_die_when_ready) as driver:
        for failures in (1, 2, 3):
            driver.until(lambda number=failures: driver.pool._failed_starts == number)  # type: ignore[misc]
            driver.until(lambda: not driver.pool.pids)
            driver.lead_s += 11
        assert driver.pool._started == 6
        assert sum(record.levelno >= logging.ERROR for record in caplog.records) == 1


@each_method
def test_limit_too_low_to_start_is_a_failed_start(method: str) -> None:
    limits = Limits(data_bytes=64 * pool_jobs.MEBIBYTE)
    setup: dict[str, Any] = {
        "setup": pool_jobs.set_up_large,
        "setup_args": (128 * pool_jobs.MEBIBYTE,),
    }
    with driven(method, works_after=False, limits=limits, **setup) as driver:
        driver.until(lambda: driver.pool.trouble)
        assert "MemoryError" in (driver.pool.trouble or "")


@each_method
def test_limit_below_what_is_used_renews_the_worker_after_its_job(method: str) -> None:
    with driven(method, size=1, limits=Limits(data_bytes=4096)) as driver:
        first = driver.run("pid")
        driver.until(lambda: first not in driver.pool.pids)


@each_method
def test_pool_without_descriptors_waits_for_some(method: str) -> None:
    with driven(method) as driver:
        driver.wait_until_ready()
        victim = driver.run("pid")
        with no_descriptors_left():
            os.kill(victim, signal.SIGKILL)
            driver.until(lambda: driver.pool.trouble)
            assert "Too many open files" in (driver.pool.trouble or "")
            assert driver.run("echo", "the other goes on") == "the other goes on"


@contextlib.contextmanager
def no_descriptors_left() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(map(int, os.listdir("/proc/self/fd")))
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 2, hard))
    fillers: list[int] = []
    try:
        with contextlib.suppress(OSError):
            while True:
                fillers.append(os.dup(0))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for filler in fillers:
            os.close(filler)


@each_method
def test_memory_that_runs_out_while_pickling_fails_the_job(method: str) -> None:
    limits = Limits(data_bytes=192 * pool_jobs.MEBIBYTE)
    with driven(method, size=1, limits=limits) as driver:
        end = driver.end_of(driver.submit("big", 100 * pool_jobs.MEBIBYTE))
        assert isinstance(end, Failed)
        assert isinstance(end.error, MemoryError)


# ------------------------------------------------------------------------------------- the owner

OWNER = """
import multiprocessing, os, sys
from tests import pool_jobs
from tests.pool_driver import Driver, context_for
from worker.pool import Pool, PoolSpec

if __name__ == "__main__":
    with Driver(Pool(PoolSpec("test", 4, pool_jobs.set_up), context_for(sys.argv[1]))) as driver:
        driver.wait_until_ready()
        tasks = sys.argv[2:]
        jobs = [driver.submit(task) for task in tasks]
        pids = [driver.report_of(job) for job in jobs]
        print(*driver.pool.pids, *[p for pid in pids if isinstance(pid, tuple) for p in pid])
        sys.stdout.flush()
        sys.stdin.read()
"""


def own(tmp_path: Path, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    """A process that owns a pool, and prints the pids of all below it when all are busy."""
    script = tmp_path / "owner.py"
    script.write_text(OWNER)
    return subprocess.Popen(
        [sys.executable, "-X", "dev", script, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        **options,
    )


def told_by(owner: subprocess.Popen[str]) -> list[processes.Identity]:
    assert owner.stdout is not None
    pids = {int(pid) for pid in owner.stdout.readline().split()}
    return [found for pid in pids if (found := processes.identify(pid))]


@each_method
@pytest.mark.parametrize("stopped", [False, True], ids=["running", "stopped"])
def test_nothing_outlives_an_owner_that_is_killed(
    method: str, stopped: bool, tmp_path: Path
) -> None:
    tasks = ("ignore_everything", "spin_in_c", "leave_bound_grandchild")
    with own(tmp_path, method, *tasks) as owner:
        below = told_by(owner)
        assert len(below) == 5, "four workers, one of them idle, and a grandchild"
        for process in below:
            if stopped:
                processes.send_signal(process, signal.SIGSTOP)
        owner.kill()
        owner.wait()
        for process in below:
            processes.wait_for_one([process], 10)
            assert not processes.is_alive(process)


@each_method
def test_fork_server_and_tracker_end_with_a_killed_owner(method: str, tmp_path: Path) -> None:
    with own(tmp_path, method, "ignore_everything") as owner:
        told_by(owner)
        below = [process.identity for process in processes.descendants(owner.pid)]
        owner.kill()
        owner.wait()
        for process in below:
            processes.wait_for_one([process], 10)
            assert not processes.is_alive(process)


@each_method
def test_owner_ends_without_a_word_on_stderr(method: str, tmp_path: Path) -> None:
    with own(tmp_path, method, "ignore_everything", stderr=subprocess.PIPE) as owner:
        below = told_by(owner)
        _, errors = owner.communicate("", timeout=20)
        assert owner.returncode == 0
        lines = [line for line in errors.splitlines() if "ended with exit code -9" not in line]
        assert lines == []
        assert not any(map(processes.is_alive, below))


@each_method
def test_owner_without_stderr_works_and_ends(method: str, tmp_path: Path) -> None:
    def close_stderr() -> None:
        os.close(2)

    with own(tmp_path, method, "report_pid_and_wait", preexec_fn=close_stderr) as owner:
        below = told_by(owner)
        assert len(below) == 4
        owner.communicate("", timeout=20)
        assert owner.returncode == 0
        assert not any(map(processes.is_alive, below))
