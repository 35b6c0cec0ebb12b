"""Workers that die: in which way and at which moment makes no difference to anybody else."""

import itertools
import os
import signal
from typing import Any

import pytest

from tests.support import pool_jobs
from tests.support.exhaustive import in_full, some_of
from tests.support.pool_driver import METHODS, NO_HURRY_S, driven
from tests.support.pool_jobs import PickledBy
from tests.support.process_kit import ends, identity_of, taking_the_pid_of, wait_until
from worker.pool.events import Finished, Lost, Stopped, StopReason
from worker.processes import process_table, signals

pytestmark = pytest.mark.parametrize("method", METHODS)


def test_idle_worker_killed_does_not_stop_the_pool(method: str) -> None:
    with driven(method) as driver:
        driver.wait_until_ready()
        pid = driver.pool.pids[0]
        os.kill(pid, signal.SIGKILL)
        driver.until(lambda: pid not in driver.pool.pids)


def test_all_idle_workers_killed_do_not_stop_the_pool(method: str) -> None:
    with driven(method, size=3) as driver:
        driver.wait_until_ready()
        pids = set(driver.pool.pids)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        driver.until(lambda: pids.isdisjoint(driver.pool.pids))


def test_busy_worker_killed_costs_its_own_job_alone(method: str) -> None:
    with driven(method) as driver:
        victim = driver.submit("ignore_everything")
        pid = driver.report_of(victim)
        neighbour = driver.submit("report_pid_and_wait")
        neighbours_pid = driver.report_of(neighbour)
        os.kill(pid, signal.SIGKILL)
        assert driver.end_of(victim) == Lost(victim, -signal.SIGKILL)
        assert driver.pool.job_ids == [neighbour]
        driver.pool.stop_job(neighbour)
        assert driver.end_of(neighbour) == Stopped(neighbour, StopReason.STOPPED)
        assert neighbours_pid in driver.pool.pids


def test_worker_killed_between_claim_and_start_loses_the_job_once(method: str) -> None:
    with driven(method, size=1) as driver:
        driver.wait_until_ready()
        (pid,) = driver.pool.pids
        os.kill(pid, signal.SIGSTOP)
        job = driver.submit("echo")
        os.kill(pid, signal.SIGKILL)
        assert driver.end_of(job) == Lost(job, -signal.SIGKILL)
        assert len(driver.events) == 1


@pytest.mark.parametrize(
    ("task", "exitcode"),
    [
        (("exit_now", 0), 0),
        in_full(("exit_now", 3), 3),
        (("segfault",), -signal.SIGSEGV),
        (("kill_self", signal.SIGKILL), -signal.SIGKILL),
        in_full(("kill_self", signal.SIGTERM), -signal.SIGTERM),
        in_full(("kill_self", signal.SIGABRT), -signal.SIGABRT),
        (("die_in_answer", 20_000_000, 1_000_000), -signal.SIGKILL),
        (("echo", PickledBy("", "end_process")), 9),
        (("pickled_by", "end_process"), 9),
        (("pickled_by", "", "end_process"), 9),
        (("raise_error", pool_jobs.HeavyError), 9),
    ],
    ids=[
        "exit 0",
        "exit 3",
        "segfault",
        "SIGKILL",
        "SIGTERM",
        "SIGABRT",
        "in an answer",
        "unpickling the task",
        "pickling the result",
        "unpickling the result",
        "pickling the exception",
    ],
)
def test_job_that_ends_its_worker_is_lost(
    method: str, task: tuple[Any, ...], exitcode: int
) -> None:
    with driven(method) as driver:
        job = driver.submit(*task)
        neighbour = driver.submit("echo", "on time")
        assert driver.end_of(job) == Lost(job, exitcode)
        assert driver.end_of(neighbour) == Finished(neighbour, "on time")


@pytest.mark.parametrize("size", [1, 100_000])
def test_answer_sent_just_before_the_death_counts_and_counts_once(method: str, size: int) -> None:
    with driven(method, size=1) as driver:
        driver.wait_until_ready()
        worker = identity_of(driver.pool.pids[0])
        job = driver.submit("die_after_answer", bytes(size))
        assert ends(worker), "it is dead before the pool looks again"
        assert driver.end_of(job) == Finished(job, bytes(size))
        driver.until(lambda: worker.pid not in driver.pool.pids)
        assert driver.events == [Finished(job, bytes(size))]


def test_worker_killed_while_it_is_sent_a_long_task(method: str) -> None:
    with driven(method, size=1) as driver:
        driver.wait_until_ready()
        (pid,) = driver.pool.pids
        os.kill(pid, signal.SIGSTOP)
        task = bytes(100_000_000)
        job = driver.submit("length", task)
        driver.step()
        assert list(driver.pool.writers), "the task does not fit into the pipe"
        os.kill(pid, signal.SIGKILL)
        assert driver.end_of(job) == Lost(job, -signal.SIGKILL)
        assert driver.run("length", task) == len(task)


def test_pid_of_a_dead_worker_that_another_process_has_now_is_not_hit(method: str) -> None:
    with driven(method, size=1) as driver:
        job = driver.submit("report_pid_and_wait")
        worker = identity_of(driver.report_of(job))
        signals.send_signal(worker, signal.SIGKILL)
        assert ends(worker)
        if method == "spawn":
            # It is our child, so its pid stays taken until the pool has seen its end.
            assert process_table.identify(worker.pid) == worker
            return
        wait_until(lambda: process_table.identify(worker.pid) is None)  # The fork server reaps it.
        with taking_the_pid_of(worker) as innocent:
            driver.pool.stop_job(job, 0)
            driver.pool._workers[0].process.kill()
            assert driver.end_of(job) == Stopped(job, StopReason.STOPPED)
            assert process_table.is_alive(innocent)


def test_worker_that_proc_hides_is_killed_nevertheless(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with driven(method, size=1) as driver:
        job = driver.submit("ignore_everything")
        driver.step()
        # As /proc looks with hidepid, where the worker refuses inspection.
        monkeypatch.setattr(process_table, "identify", lambda _: None)
        driver.pool.stop_job(job, 0)
        assert driver.end_of(job) == Stopped(job, StopReason.STOPPED)


# --------------------------------------------------------------------------- what jobs start


def test_forked_copy_of_a_job_gives_no_second_answer(method: str) -> None:
    with driven(method, size=1) as driver:
        for _ in range(3):
            assert driver.run("answer_in_fork") > 0
        assert len(driver.events) == 3


def test_grandchild_that_holds_the_pipe_open_hides_no_death(method: str) -> None:
    with driven(method) as driver:
        job = driver.submit("leave_grandchild_and_die")
        grandchild = identity_of(driver.report_of(job))
        assert driver.end_of(job) == Lost(job, -signal.SIGKILL)
        assert process_table.is_alive(grandchild)
        end_stray(grandchild)


def test_bound_grandchild_in_its_own_session_dies_with_its_worker(method: str) -> None:
    with driven(method) as driver:
        job = driver.submit("leave_bound_grandchild")
        worker, grandchild = driver.report_of(job)
        bound = identity_of(grandchild)
        os.kill(worker, signal.SIGKILL)
        assert driver.end_of(job) == Lost(job, -signal.SIGKILL)
        assert ends(bound)
        end_stray(bound)


@pytest.mark.parametrize(
    ("end", "heeds_stop"),
    some_of(
        itertools.product(["timeout", "stop", "close"], [True, False]),
        kept=[("timeout", False), ("stop", True), ("close", False)],
    ),
)
def test_all_that_a_job_has_started_ends_with_it(method: str, end: str, heeds_stop: bool) -> None:
    works_after = end != "close"
    with driven(method, works_after=works_after, size=1, stop_grace_s=0.3) as driver:
        timeout_s = 2.0 if end == "timeout" else NO_HURRY_S
        job = driver.submit("leave_grandchildren_everywhere", heeds_stop, timeout_s=timeout_s)
        left = [identity_of(pid) for pid in driver.report_of(job)]
        if end == "close":
            driver.pool.close()
        else:
            if end == "stop":
                driver.pool.stop_job(job)
            reason = StopReason.STOPPED if end == "stop" else StopReason.TIMED_OUT
            assert driver.end_of(job) == Stopped(job, reason)
        assert [identity for identity in left if not ends(identity)] == []
        signals.reap(identity.pid for identity in left)


def end_stray(stray: process_table.Identity) -> None:
    """What became our child when its parent died is ours to end and to reap."""
    signals.send_signal(stray, signal.SIGKILL)
    wait_until(lambda: signals.reap([stray.pid]))
