"""Jobs that are ended: by an order, by their time, and with the whole pool."""

import os
import signal

import pytest

from tests.support import pool_jobs
from tests.support.pool_driver import METHODS, Driver, driven
from tests.support.process_kit import no_descriptors_left
from worker.pool.events import Finished, Lost, Stopped, StopReason

pytestmark = pytest.mark.parametrize("method", METHODS)


def run_out_of_time(driver: Driver, job: int) -> None:
    """Let the deadline of a job pass that has 1000 s, and the grace after it."""
    driver.lead_s = 1001
    driver.step()
    driver.lead_s += driver.pool.spec.stop_grace_s
    assert driver.end_of(job) == Stopped(job, StopReason.TIMED_OUT)


def test_job_that_heeds_its_order_keeps_its_worker(method: str) -> None:
    with driven(method, size=1, stop_grace_s=60) as driver:
        before = driver.run("pid")
        job = driver.submit("report_pid_and_wait")
        driver.report_of(job)
        assert driver.pool.stop_job(job)
        assert driver.end_of(job) == Stopped(job, StopReason.STOPPED)
        assert not driver.pool.stop_job(job), "it does not run any more"
        assert driver.run("pid") == before


def test_worker_whose_leftovers_do_not_die_gets_no_other_job(method: str) -> None:
    setup = pool_jobs.set_up_beside_the_undying
    with driven(method, size=1, stop_grace_s=60, setup=setup) as driver:
        job = driver.submit("report_pid_and_wait")
        pid = driver.report_of(job)
        driver.pool.stop_job(job)
        assert driver.end_of(job) == Stopped(job, StopReason.STOPPED)
        assert pid not in driver.pool.pids
        assert driver.run("pid") != pid


@pytest.mark.parametrize("task", ["ignore_everything", "spin_in_c"])
def test_order_is_enforced_when_its_grace_is_over_and_not_before(method: str, task: str) -> None:
    with driven(method, stop_grace_s=60) as driver:
        job = driver.submit(task)
        pid = driver.report_of(job)
        if task == "ignore_everything":
            os.kill(pid, signal.SIGTERM)
        driver.pool.stop_job(job)
        driver.lead_s = 50
        driver.step()
        assert driver.run("echo", "a neighbour") == "a neighbour"
        assert driver.pool.job_ids == [job]
        driver.lead_s = 70
        assert driver.end_of(job) == Stopped(job, StopReason.STOPPED)
        assert pid not in driver.pool.pids


@pytest.mark.parametrize("task", ["ignore_everything", "spin_in_c", "report_pid_and_wait"])
def test_job_over_its_time_is_ended_and_not_before(method: str, task: str) -> None:
    # One that heeds the order must not be killed for being slow at it.
    grace_s = 60 if task == "report_pid_and_wait" else 3
    with driven(method, stop_grace_s=grace_s) as driver:
        job = driver.submit(task, timeout_s=1000)
        pid = driver.report_of(job)
        driver.lead_s = 990
        driver.step()
        assert driver.pool.job_ids == [job]
        if task == "report_pid_and_wait":
            driver.lead_s = 1001  # It heeds the order, so no grace has to pass.
            assert driver.end_of(job) == Stopped(job, StopReason.TIMED_OUT)
            assert pid in driver.pool.pids
        else:
            run_out_of_time(driver, job)
            assert pid not in driver.pool.pids


def test_job_that_closes_its_channel_is_ended_without_an_order(method: str) -> None:
    with driven(method) as driver:
        job = driver.submit("close_all")
        assert driver.end_of(job) == Lost(job, -signal.SIGKILL)


def test_stopped_worker_holds_up_nobody_and_is_killed_at_its_deadline(method: str) -> None:
    with driven(method) as driver:
        job = driver.submit("report_pid_and_wait", timeout_s=1000)
        pid = driver.report_of(job)
        os.kill(pid, signal.SIGSTOP)
        for number in range(20):
            assert driver.run("echo", number) == number
        run_out_of_time(driver, job)
        assert pid not in driver.pool.pids


def test_job_is_killed_at_its_deadline_also_without_a_descriptor(method: str) -> None:
    with driven(method) as driver:
        job = driver.submit("ignore_everything", timeout_s=1000)
        driver.report_of(job)
        with no_descriptors_left():
            run_out_of_time(driver, job)
        driver.wait_until_ready()


def test_idle_stopped_worker_is_found_out_by_its_next_job(method: str) -> None:
    with driven(method, size=1) as driver:
        driver.wait_until_ready()
        os.kill(driver.pool.pids[0], signal.SIGSTOP)
        run_out_of_time(driver, driver.submit("echo", timeout_s=1000))


def test_timeout_that_races_completion_has_one_outcome(method: str) -> None:
    with driven(method, stop_grace_s=0) as driver:
        jobs = [driver.submit("echo", timeout_s=0.0002 * (number % 5)) for number in range(40)]
        for job in jobs:
            driver.end_of(job)
        assert sorted(event.job_id for event in driver.events) == jobs
        for event in driver.events:
            assert event in (
                Finished(event.job_id, None),
                Stopped(event.job_id, StopReason.TIMED_OUT),
            )


@pytest.mark.parametrize("state", ["starting", "busy", "stopped"])
def test_close_is_bounded_whatever_the_workers_do(method: str, state: str) -> None:
    with driven(method, size=4, works_after=False) as driver:
        driver.step()
        if state != "starting":
            for task in ("ignore_everything", "spin_in_c"):
                driver.report_of(driver.submit(task))
        if state == "stopped":
            driver.until(lambda: driver.pool.free == 2)
            for pid in driver.pool.pids:
                os.kill(pid, signal.SIGSTOP)


def test_close_tells_what_has_just_ended(method: str) -> None:
    with driven(method, size=2, works_after=False) as driver:
        cut_short = driver.submit("report_pid_and_wait")
        driver.report_of(cut_short)
        done = driver.submit("echo", "an answer")
        driver.wait()
        ends = driver.pool.close()
        assert sorted(ends, key=lambda end: end.job_id) == [
            Lost(cut_short, -signal.SIGKILL),
            Finished(done, "an answer"),
        ]
