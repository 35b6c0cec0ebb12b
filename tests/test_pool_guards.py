"""What keeps one death from becoming two, case by case; and each guard's test without the guard."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import time
from typing import Any

import pytest

from tests import pool_jobs
from tests.pool_driver import (
    METHODS,
    context_for,
    driven,
    fork_server_pid,
    start_helpers,
)
from tests.process_kit import wait_until
from worker import channel as channel_module
from worker import child, processes
from worker.channel import Channel
from worker.pool import Failed, Finished, Lost, Reported, Stopped, Why

each_method = pytest.mark.parametrize("method", METHODS)


def identity(pid: int) -> processes.Identity:
    found = processes.identify(pid)
    assert found is not None
    return found


def wait_for_end(process: processes.Identity) -> None:
    processes.wait_for_one([process], 20)
    assert not processes.is_alive(process)


# -------------------------------------------------------------------------------- last answers


@each_method
@pytest.mark.parametrize("size", [1, 100_000])
def test_answer_is_heard_after_its_worker_is_seen_dead(method: str, size: int) -> None:
    with driven(method, size=1) as driver:
        driver.wait_until_ready()
        worker = identity(driver.pool.pids[0])
        job = driver.submit("die_after_answer", bytes(size))
        wait_for_end(worker)
        assert driver.end_of(job) == Finished(job, bytes(size))


@each_method
@pytest.mark.negative
def test_without_draining_that_answer_is_lost(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with driven(method, size=1) as driver:
        driver.wait_until_ready()
        worker = identity(driver.pool.pids[0])
        job = driver.submit("die_after_answer", 1)
        wait_for_end(worker)
        monkeypatch.setattr(Channel, "receive", lambda _: [])
        assert driver.step() == [Lost(job, -signal.SIGKILL)]
        monkeypatch.undo()


@each_method
def test_reports_come_in_order_and_before_the_end(method: str) -> None:
    with driven(method) as driver:
        job = driver.submit("reports", 300)
        driver.end_of(job)
        assert driver.events == [
            *(Reported(job, number) for number in range(300)),
            Finished(job, 300),
        ]


@each_method
@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, MemoryError])
def test_worker_that_is_about_to_end_gets_no_other_job(
    method: str, error: type[BaseException]
) -> None:
    with driven(method, size=1) as driver:
        for _ in range(5):
            assert isinstance(driver.end_of(driver.submit("raise_error", error)), Failed)
            assert driver.run("echo", "next") == "next"


@each_method
def test_ordinary_error_keeps_its_worker(method: str) -> None:
    with driven(method, size=1) as driver:
        before = driver.run("pid")
        assert isinstance(driver.end_of(driver.submit("raise_error", ValueError)), Failed)
        assert driver.run("pid") == before


# --------------------------------------------------------------------------- what a worker sends


@each_method
@pytest.mark.parametrize(
    "data",
    [
        b"\xff" * 12,
        b"\xff\xff\xff\xfe",
        b"\x00\x00\x00\x00",
        b"\x00\x00\x00\x09\x63" + bytes(8),
        b"\x7f" * 4,
    ],
    ids=["longest", "negative length", "nothing", "unknown kind", "too long"],
)
def test_rubbish_is_the_end_of_its_worker(method: str, data: bytes) -> None:
    with driven(method) as driver:
        job = driver.submit("write_raw", data)
        assert driver.end_of(job) == Lost(job, -signal.SIGKILL)


@each_method
def test_flood_of_reports_holds_up_nobody(method: str) -> None:
    with driven(method, stop_grace_s=0) as driver:
        job = driver.submit("flood")
        driver.report_of(job)
        for number in range(20):
            assert driver.run("echo", number) == number
            driver.events.clear()
        driver.pool.stop_job(job)
        assert driver.end_of(job) == Stopped(job, Why.STOPPED)


@each_method
def test_answer_over_the_bound_is_a_failure(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "MAX_MESSAGE_BYTES", 1000)
    with pytest.raises(ValueError, match="too long"):
        child._pickled(bytes(1000))
    assert child._pickled(bytes(100))
    monkeypatch.setattr(channel_module, "MAX_MESSAGE_BYTES", 1000)
    with driven(method) as driver:
        # This worker does not know of our bound, as one that is out of its mind would not.
        job = driver.submit("big", 2000)
        assert driver.end_of(job) == Lost(job, -signal.SIGKILL)


# -------------------------------------------------------------------------------- orders, ends


@each_method
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
        assert driver.pool.jobs == [job]
        driver.lead_s = 70
        assert driver.end_of(job) == Stopped(job, Why.STOPPED)
        assert not driver.pool.stop_job(job), "it is not in hand any more"


@each_method
def test_idle_stopped_worker_is_found_out_by_its_next_job(method: str) -> None:
    with driven(method, size=1) as driver:
        driver.wait_until_ready()
        os.kill(driver.pool.pids[0], signal.SIGSTOP)
        job = driver.submit("echo", timeout_s=1000)
        driver.lead_s = 1001
        driver.step()
        driver.lead_s += driver.pool.spec.stop_grace_s
        assert driver.end_of(job) == Stopped(job, Why.TIMED_OUT)


@each_method
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


# ---------------------------------------------------------------------------------- descendants


@each_method
def test_bound_grandchild_in_its_own_session_dies_with_its_worker(method: str) -> None:
    with driven(method) as driver:
        job = driver.submit("leave_bound_grandchild")
        worker, grandchild = driver.report_of(job)
        bound = identity(grandchild)
        os.kill(worker, signal.SIGKILL)
        assert driver.end_of(job) == Lost(job, -signal.SIGKILL)
        wait_for_end(bound)
        wait_until(lambda: processes.reap([grandchild]))  # ours, for we are a subreaper


# ----------------------------------------------------------------------------------- fork server


def test_killed_fork_server_costs_no_job_and_hides_no_exit_code() -> None:
    with driven("forkserver", size=3) as driver:
        first, second = (driver.submit("report_pid_and_wait") for _ in range(2))
        orphan, killed = driver.report_of(first), driver.report_of(second)
        server = identity(fork_server_pid())
        processes.send_signal(server, signal.SIGKILL)
        wait_for_end(server)
        assert driver.run("echo", "on") == "on"
        assert orphan in driver.pool.pids
        # An orphan's exit code comes from the process whose child it has become: from us.
        os.kill(killed, signal.SIGKILL)
        assert driver.end_of(second) == Lost(second, -signal.SIGKILL)
        driver.pool.stop_job(first)
        assert driver.end_of(first) == Stopped(first, Why.STOPPED)
        driver.wait_until_ready()
        assert fork_server_pid() != server.pid


@pytest.mark.negative
def test_sentinel_calls_a_worker_dead_that_still_runs() -> None:
    start_helpers("forkserver")
    processes.become_subreaper()
    process = context_for("forkserver").Process(target=pool_jobs.last)
    process.start()
    assert process.pid is not None
    runner, server = identity(process.pid), identity(fork_server_pid())
    processes.send_signal(server, signal.SIGKILL)
    assert multiprocessing.connection.wait([process.sentinel], 10) == [process.sentinel]
    assert process.exitcode == 255
    assert processes.is_alive(runner), "the pidfd is right, the sentinel is wrong"
    processes.send_signal(runner, signal.SIGKILL)
    wait_for_end(runner)
    wait_until(lambda: processes.reap([runner.pid]))
    process.close()


def test_stopped_fork_server_holds_up_neither_step_nor_close() -> None:
    with driven("forkserver") as driver:
        job = driver.submit("report_pid_and_wait")
        pid = driver.report_of(job)
        os.kill(fork_server_pid(), signal.SIGSTOP)
        os.kill(pid, signal.SIGKILL)
        started = time.monotonic()
        assert driver.end_of(job) == Lost(job, -signal.SIGKILL)
        driver.wait_until_ready()
        assert time.monotonic() - started < 5
    with driven("forkserver", works_after=False) as driver:
        driver.wait_until_ready()
        os.kill(fork_server_pid(), signal.SIGSTOP)


# -------------------------------------------------------------------------------- private channels


@pytest.mark.negative
@each_method
def test_shared_queue_hangs_for_ever_when_its_reader_is_killed(method: str) -> None:
    start_helpers(method)
    context = context_for(method)
    queue: Any = context.SimpleQueue()
    answers, theirs = context.Pipe(duplex=False)

    def start_reader() -> Any:
        reader = context.Process(target=pool_jobs.read_queue, args=(queue, theirs), daemon=True)
        reader.start()
        assert answers.poll(20)
        assert answers.recv() == "reading"
        return reader

    victim = start_reader()
    # It says so just before it takes the lock.
    wait_until(lambda: not queue._rlock.acquire(False) or queue._rlock.release())
    victim.kill()
    victim.join()
    neighbour = start_reader()
    queue.put("a job")
    assert not answers.poll(0.5), "the lock is held by a process that is no more"
    neighbour.kill()
    neighbour.join()
