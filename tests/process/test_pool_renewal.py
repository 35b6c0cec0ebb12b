"""How workers come and go: recycling, and starts that fail."""

import logging
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.support import pool_jobs, pool_without_room
from tests.support.pool_driver import METHODS, driven
from tests.support.process_kit import ends, identity_of, no_descriptors_left, wait_until
from worker.clocks import Monotonic
from worker.pool.events import Finished, Stopped, StopReason
from worker.pool.pool import MIN_UPTIME_S
from worker.pool.start_backoff import START_DELAYS_S
from worker.pool.watched_process import PRELOADED, fork_server_pid
from worker.pool.worker import Phase
from worker.pool.worker_main import Setup
from worker.processes import process_table
from worker.processes.process_setup import Limits

pytestmark = pytest.mark.parametrize("method", METHODS)

HOURS_S = 36_000.0


# ------------------------------------------------------------------------------------- recycling


def test_recycling_under_backlog_keeps_the_size_and_the_bounds(method: str) -> None:
    with driven(method, maxtasksperchild=10) as driver:
        driver.wait_until_ready()
        sizes: Counter[int] = Counter()
        busy: Counter[int] = Counter()
        slots: Counter[int] = Counter()
        step = driver.pool.step

        def watched(now: Monotonic) -> Any:
            events = step(now)
            staying = [w for w in driver.pool._workers if w.phase is not Phase.LEAVING]
            sizes[len(staying)] += 1
            busy[len(driver.pool.job_ids)] += 1
            numbered = [state.slot for state in driver.pool.workers if state.slot is not None]
            assert len(numbered) == len(set(numbered)), "a slot has one worker"
            slots.update(numbered)
            return events

        driver.pool.step = watched  # type: ignore[method-assign]
        ends = driver.run_many([("pid",)] * 150)
        done = Counter(end.result for end in ends if isinstance(end, Finished))
        assert done.total() == 150
        assert 9 <= max(done.values()) <= 10
        assert max(sizes) == 3, "one successor at a time"
        assert min(sizes) >= 2
        assert set(slots) == {1, 2}, "a successor takes over the slot"
        assert max(busy) <= 2, "a successor that is early takes no job"


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


def test_age_that_comes_in_mid_job_waits_for_the_job_and_burns_no_time(method: str) -> None:
    with driven(method, size=1, max_age_s=HOURS_S) as driver:
        job = driver.submit("report_pid_and_wait", timeout_s=10 * HOURS_S)
        pid = driver.report_of(job)
        driver.lead_s = HOURS_S
        driver.until(lambda: [w.phase for w in driver.pool._workers] == 2 * [Phase.SERVING])
        assert pid in driver.pool.pids
        assert driver.pool.free == 0, "the size bounds the jobs as well"
        driver.lead_s += MIN_UPTIME_S  # Its successor has started well by then.
        driver.step()
        # Nothing is due, so an owner sleeps; a deadline in the past would keep it spinning.
        assert driver.pool.next_deadline() > driver.now() + 1000
        driver.pool.stop_job(job)
        assert driver.end_of(job) == Stopped(job, StopReason.STOPPED)
        driver.until(lambda: pid not in driver.pool.pids)


def test_workers_do_not_leave_together(method: str) -> None:
    with driven(method, size=6, maxtasksperchild=1000, max_age_s=HOURS_S) as driver:
        driver.step()
        workers = driver.pool._workers
        assert len({worker.maxtasksperchild for worker in workers}) > 1
        assert all(900 <= worker.maxtasksperchild <= 1000 for worker in workers)
        assert len({worker.expires_at for worker in workers}) == 6


def test_one_job_for_each_worker(method: str) -> None:
    with driven(method, maxtasksperchild=1) as driver:
        assert len({driver.run("pid") for _ in range(6)}) == 6


def test_worker_that_will_not_leave_is_killed(method: str) -> None:
    with driven(method, size=1, max_age_s=HOURS_S) as driver:
        driver.wait_until_ready()
        (old,) = driver.pool.pids
        os.kill(old, signal.SIGSTOP)
        driver.lead_s = HOURS_S
        driver.until(lambda: any(w.phase is Phase.LEAVING for w in driver.pool._workers))
        driver.lead_s += driver.pool.spec.stop_grace_s + 1
        driver.until(lambda: old not in driver.pool.pids)


def test_worker_that_keeps_too_much_memory_is_replaced(method: str) -> None:
    with driven(method, size=1, limits=Limits(data_bytes=256 * pool_jobs.MEBIBYTE)) as driver:
        before = driver.run("pid")
        driver.run("keep_memory", 210 * pool_jobs.MEBIBYTE)
        driver.until(lambda: before not in driver.pool.pids)
        assert driver.run("pid") != before


def test_worker_imports_nothing_that_could_have_been_there_before(method: str) -> None:
    with driven(method, size=1) as driver:
        imported = set(driver.run("imported")) - {PRELOADED}  # That is the fork server's last.
        assert [name for name in imported if not name.startswith("multiprocessing.popen_")] == []


# ---------------------------------------------------------------------------- starts that fail


def test_failing_starts_are_rare_and_raise_one_alarm_and_end(
    method: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    flag = tmp_path / "flag"
    flag.touch()
    setup: dict[str, Any] = {"setup": pool_jobs.set_up_unless, "setup_args": (str(flag),)}
    with driven(method, **setup) as driver:
        driver.stop_clock()
        driver.step()
        for failures, delay_s in enumerate((*START_DELAYS_S, START_DELAYS_S[-1]), start=1):
            driver.until(lambda number=failures: driver.pool._backoff.failures == number)  # type: ignore[misc]
            driver.until(lambda: not driver.pool.pids)
            assert driver.pool._started == 2 * failures, "each worker once"
            assert "the file is there" in (driver.pool.trouble or "")
            assert driver.pool.next_deadline() == driver.now() + delay_s
            driver.lead_s += delay_s
        alarms = [record for record in caplog.records if record.levelno >= logging.ERROR]
        assert len(alarms) == 1
        flag.unlink()
        driver.wait_until_ready()
        driver.run("echo")
        assert driver.pool.trouble is None


def test_pool_asks_to_be_stepped_when_a_start_has_succeeded(method: str, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    flag.touch()
    setup: dict[str, Any] = {"setup": pool_jobs.set_up_unless, "setup_args": (str(flag),)}
    with driven(method, size=1, **setup) as driver:
        driver.stop_clock()
        driver.until(lambda: driver.pool.trouble)
        flag.unlink()
        driver.lead_s += START_DELAYS_S[0]
        driver.wait_until_ready()
        assert driver.pool.next_deadline() == driver.now() + MIN_UPTIME_S
        driver.lead_s += MIN_UPTIME_S
        driver.step()
        assert driver.pool.trouble is None
        assert driver.pool.next_deadline() > driver.now() + 1000


def test_workers_go_on_beyond_their_jobs_while_no_successor_can_start(
    method: str, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    setup: dict[str, Any] = {"setup": pool_jobs.set_up_unless, "setup_args": (str(flag),)}
    with driven(method, size=1, maxtasksperchild=20, **setup) as driver:
        old = driver.run("pid")
        flag.touch()
        assert [driver.run("pid") for _ in range(15)] == [old] * 15
        driver.until(lambda: driver.pool.trouble)
        assert [driver.run("pid") for _ in range(20)] == [old] * 20
        flag.unlink()
        driver.lead_s += START_DELAYS_S[-1]
        driver.until(lambda: old not in driver.pool.pids)
        assert driver.pool.free == 1, "its successor was ready before it went"


def test_worker_that_has_ended_before_it_is_watched_is_heard_and_counted_once(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flag = tmp_path / "flag"
    flag.touch()
    setup: dict[str, Any] = {"setup": pool_jobs.set_up_unless, "setup_args": (str(flag),)}
    open_pidfd = os.pidfd_open

    def is_over(pid: int) -> bool:
        found = process_table.look_up(pid)
        # A fork server reaps its children at once; ours wait for us.
        return found is None or (method == "spawn" and found.is_defunct)

    def open_too_late(pid: int) -> int:
        if pid != fork_server_pid():
            wait_until(lambda: is_over(pid))
        return open_pidfd(pid)

    with driven(method, size=1, **setup) as driver:
        driver.stop_clock()
        with monkeypatch.context() as patch:
            patch.setattr(os, "pidfd_open", open_too_late)
            driver.step()
        (late,) = driver.pool._workers
        assert late.process.has_ended()
        late.process.kill()
        with no_descriptors_left():
            late.process.kill()
        driver.until(lambda: not driver.pool.pids)
        assert driver.pool._backoff.failures == 1
        assert "the file is there" in (driver.pool.trouble or "")
        flag.unlink()
        driver.lead_s += START_DELAYS_S[0]
        driver.wait_until_ready()


@pytest.mark.parametrize(
    ("setup", "arguments"),
    [
        (pool_jobs.set_up_to_die, (0,)),
        (pool_jobs.set_up_to_die, (3,)),
        (pool_jobs.set_up_to_die_when_ready, ()),
    ],
    ids=["exit 0", "exit 3", "when it is ready"],
)
def test_worker_that_crashes_at_its_start_is_not_replaced_at_its_own_pace(
    method: str, setup: Setup, arguments: tuple[int, ...], caplog: pytest.LogCaptureFixture
) -> None:
    with driven(method, works_after=False, setup=setup, setup_args=arguments) as driver:
        driver.stop_clock()
        for failures in (1, 2, 3):
            driver.until(lambda number=failures: driver.pool._backoff.failures == number)  # type: ignore[misc]
            driver.until(lambda: not driver.pool.pids)
            driver.lead_s += 11
        assert driver.pool._started == 6
        assert driver.pool.trouble
        assert sum(record.levelno >= logging.ERROR for record in caplog.records) == 1


def test_worker_that_ends_after_its_first_job_has_not_failed_to_start(method: str) -> None:
    with driven(method, size=1) as driver:
        driver.wait_until_ready()
        driver.stop_clock()
        worker = identity_of(driver.pool.pids[0])
        job = driver.submit("die_after_answer", 1)
        assert ends(worker), "it is dead before the pool looks again"
        assert driver.end_of(job) == Finished(job, 1)
        assert worker.pid not in driver.pool.pids
        assert (driver.pool.trouble, driver.pool._backoff.failures) == (None, 0)


def test_start_that_never_gets_ready_is_given_up(method: str) -> None:
    slow: dict[str, Any] = {"setup": pool_jobs.set_up_for_ever, "start_timeout_s": 100}
    with driven(method, works_after=False, size=1, **slow) as driver:
        driver.step()
        driver.lead_s = 101
        driver.until(lambda: "too long" in (driver.pool.trouble or ""))
        driver.until(lambda: not driver.pool.pids)


def test_limit_too_low_to_start_is_a_failed_start(method: str) -> None:
    limits = Limits(data_bytes=64 * pool_jobs.MEBIBYTE)
    setup: dict[str, Any] = {
        "setup": pool_jobs.set_up_large,
        "setup_args": (128 * pool_jobs.MEBIBYTE,),
    }
    with driven(method, works_after=False, limits=limits, **setup) as driver:
        driver.until(lambda: driver.pool.trouble)
        assert "MemoryError" in (driver.pool.trouble or "")


def test_limit_below_what_is_used_renews_the_worker_after_its_job(method: str) -> None:
    with driven(method, size=1, limits=Limits(data_bytes=4096)) as driver:
        first = driver.run("pid")
        driver.until(lambda: first not in driver.pool.pids)


def test_pool_without_descriptors_waits_for_some(method: str) -> None:
    with driven(method) as driver:
        driver.wait_until_ready()
        victim = driver.run("pid")
        with no_descriptors_left():
            os.kill(victim, signal.SIGKILL)
            driver.until(lambda: driver.pool.trouble)
            assert "Too many open files" in (driver.pool.trouble or "")
            assert driver.run("echo", "the other goes on") == "the other goes on"


def test_job_that_ends_while_no_descriptor_is_left_has_its_result(method: str) -> None:
    with driven(method, size=1, limits=Limits(data_bytes=256 * pool_jobs.MEBIBYTE)) as driver:
        job = driver.submit("echo", "a result")
        with no_descriptors_left():
            assert driver.end_of(job) == Finished(job, "a result")


def test_pool_whose_user_may_have_no_more_processes_waits_for_room(method: str) -> None:
    command = [sys.executable, "-m", pool_without_room.__name__, method]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.stdout.strip() == pool_without_room.UNREADABLE:
        pytest.skip("an ordinary user cannot read the bot's code here")
    assert done.stdout.strip() == pool_without_room.WHOLE, done.stderr
