"""The ten guards that the pool stands on, each taken away: its attack succeeds then.

1. A pipe for each worker: who is killed at a shared queue takes its lock along.
2. A pipe's end that never blocks: a stopped worker stops the owner that writes to it.
3. Ends seen through a pidfd: a fork server that dies makes live workers look dead.
4. A dead worker is read before it is buried: its last answer would be lost, its job run twice.
5. A worker tries each pickle that it sends: one that crashes would crash in the parent.
6. Only the process that took a job answers for it: a copy that the job forked would as well.
7. SIGKILL after the grace: a job that heeds nothing would keep its worker for ever.
8. Delays between starts that fail: workers that cannot start would be started without end.
9. The life line: workers would outlive an owner that was killed.
10. The start time, compared when the pidfd is open: a reused pid's new process would be hit.

Each guard's own test, by the same number: 1 and 2 `test_busy_worker_killed…` and
`test_stopped_worker_holds_up_nobody…`, 3 `test_fork_server_killed…`, 4 `test_answer_sent_just…`,
5 `test_message_that_cannot_travel…`, 6 `test_forked_copy…`, 7 `test_order_is_enforced…`,
8 `test_failing_starts…`, 9 `test_nothing_outlives_an_owner…`, 10 `test_reused_pid…`.
"""

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from typing import Any

import pytest

from tests.support import pool_jobs
from tests.support.pool_driver import (
    METHODS,
    context_for,
    driven,
    start_helpers,
    strays,
)
from tests.support.pool_owner import own, told_by
from tests.support.process_kit import ends, identity_of, reused_pid, wait_until
from worker.pool import pool, start_backoff
from worker.pool.channel import Channel
from worker.pool.events import Failed, Finished, Lost
from worker.pool.watched_process import WatchedProcess, fork_server_pid
from worker.pool.worker import Phase
from worker.processes import process_setup, process_table, signals

pytestmark = pytest.mark.negative

each_method = pytest.mark.parametrize("method", METHODS)


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


@each_method
def test_blocking_end_stops_the_owner_with_its_worker(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_blocking = os.set_blocking
    monkeypatch.setattr(os, "set_blocking", lambda fd, _blocking: set_blocking(fd, True))
    with driven(method, size=1, works_after=False) as driver:
        driver.until(lambda: driver.pool.pids)
        worker = identity_of(driver.pool.pids[0])
        # With such an end the pool cannot even ask whether the worker is ready.
        driver.pool._workers[0].phase = Phase.SERVING
        signals.send_signal(worker, signal.SIGSTOP)
        owner = threading.Thread(target=driver.pool.submit, args=(1, bytes(10_000_000), 60))
        owner.start()
        owner.join(0.5)
        assert owner.is_alive(), "it waits for a worker that does nothing"
        signals.send_signal(worker, signal.SIGKILL)
        owner.join()
        monkeypatch.undo()


def test_sentinel_calls_a_worker_dead_that_still_runs() -> None:
    start_helpers("forkserver")
    process_setup.become_subreaper()
    process = context_for("forkserver").Process(target=pool_jobs.last)
    process.start()
    assert process.pid is not None
    runner, server = identity_of(process.pid), identity_of(fork_server_pid())
    signals.send_signal(server, signal.SIGKILL)
    assert multiprocessing.connection.wait([process.sentinel], 10) == [process.sentinel]
    assert process.exitcode == 255
    assert process_table.is_alive(runner), "the pidfd is right, the sentinel is wrong"
    signals.send_signal(runner, signal.SIGKILL)
    assert ends(runner)
    wait_until(lambda: signals.reap([runner.pid]))
    process.close()


@each_method
def test_without_reading_first_a_dead_workers_answer_is_lost(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with driven(method, size=1) as driver:
        driver.wait_until_ready()
        worker = identity_of(driver.pool.pids[0])
        job = driver.submit("die_after_answer", 1)
        assert ends(worker)
        monkeypatch.setattr(Channel, "receive", lambda _: [])
        assert driver.step() == [Lost(job, -signal.SIGKILL)]
        monkeypatch.undo()


@each_method
def test_without_a_trial_the_parent_meets_the_pickle_that_crashes(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "worker_main", pool_jobs.worker_without_test_unpickling)
    with driven(method) as driver:
        end = driver.end_of(driver.submit("pickled_by", "", "fail"))
        assert isinstance(end, Failed)
        assert "does not unpickle" in str(end.error), "it was the parent that unpickled it"


@each_method
def test_without_asking_who_it_is_a_copy_answers_for_the_job(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "worker_main", pool_jobs.worker_that_does_not_know_itself)
    others = strays()
    with driven(method, size=1, works_after=False) as driver:
        job = driver.submit("answer_in_fork")
        assert driver.end_of(job) == Finished(job, -1), "the worker itself returns a pid"
        monkeypatch.undo()
        # The worker waits for its copy, and the copy for another job of the worker's.
        driver.pool.close()
        wait_until(lambda: strays() <= others or signals.reap(strays() - others))


@each_method
def test_without_sigkill_a_job_that_heeds_nothing_goes_on(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with driven(method, stop_grace_s=0) as driver:
        job = driver.submit("ignore_everything")
        worker = identity_of(driver.report_of(job))
        with monkeypatch.context() as patch:
            patch.setattr(WatchedProcess, "kill", lambda _: None)
            driver.pool.stop_job(job)
            driver.step()
            assert not ends(worker, 0.5)
            assert driver.pool.job_ids == [job]


@each_method
def test_without_delays_failing_starts_are_a_fork_storm(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start_backoff, "START_DELAYS_S", (0.0,))
    with driven(method, works_after=False, setup=pool_jobs.set_up_in_vain) as driver:
        driver.until(lambda: driver.pool._started > 20)
        assert driver.lead_s == 0, "all that while no time has had to pass"


@each_method
def test_without_the_life_line_workers_outlive_their_owner(method: str) -> None:
    guard = pool_jobs.worker_without_life_line.__name__
    with own(method, "ignore_everything", "spin_in_c", guard=guard) as owner:
        workers = told_by(owner)
        owner.kill()
        owner.wait()
        busy = 2  # The others have nothing to do but to wait for a word from their owner.
        wait_until(lambda: sum(map(process_table.is_alive, workers)) <= busy)
        left = [worker for worker in workers if not ends(worker, 0.5)]
        for worker in left:
            signals.send_signal(worker, signal.SIGKILL)
    assert len(left) == busy


def test_without_the_second_look_an_innocent_process_is_hit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with reused_pid() as (gone, innocent):
        monkeypatch.setattr(signals, "open_pidfd", lambda identity: os.pidfd_open(identity.pid))
        assert signals.send_signal(gone, signal.SIGKILL)
        monkeypatch.undo()
        assert ends(innocent)
