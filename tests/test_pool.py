"""The pool, whatever its processes do: real processes and real signals, both start methods."""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerContext, SpawnContext
from typing import Any

import pytest

from tests import pool_jobs
from tests.pool_driver import Driver
from worker import pool as pool_module
from worker import processes
from worker.child import RemoteError
from worker.pool import Failed, Finished, Lost, Pool, PoolSpec, Stopped, Why
from worker.processes import Limits

SIZE = 2

MakeDriver = Callable[..., Driver]


@pytest.fixture(params=["forkserver", "spawn"])
def context(request: pytest.FixtureRequest) -> ForkServerContext | SpawnContext:
    if request.param == "spawn":
        return multiprocessing.get_context("spawn")
    forkserver = multiprocessing.get_context("forkserver")
    forkserver.set_forkserver_preload(["tests.pool_jobs"])
    return forkserver


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture
def make(context: ForkServerContext | SpawnContext) -> Iterator[MakeDriver]:
    """Makes drivers, and shows at the end that each pool is whole, works, and leaves nothing."""
    # The fork server and the resource tracker stay; they must not count as leaked.
    Pool(PoolSpec("first", 1, pool_jobs.set_up), context).step(0.0)
    with Driver(Pool(PoolSpec("first", 1, pool_jobs.set_up), context)) as first:
        first.wait_until_ready()
    before = open_files()
    drivers: list[Driver] = []

    def make(setup: Callable[..., Any] = pool_jobs.set_up, *args: Any, **spec: Any) -> Driver:
        spec = {"size": SIZE, "stop_grace_s": 0.2, **spec}
        driver = Driver(Pool(PoolSpec("test", setup=setup, setup_args=args, **spec), context))
        drivers.append(driver)
        return driver

    yield make
    for driver in drivers:
        driver.wait_until_ready()
        assert driver.run("echo", "the next job works") == "the next job works"
        assert len(driver.pool.pids) in (driver.pool.spec.size, driver.pool.spec.size + 1)
        workers = [processes.identify(pid) for pid in driver.pool.pids]
        driver.pool.close()
        assert not any(worker and processes.is_alive(worker) for worker in workers)
        assert driver.pool.pids == []
    assert open_files() <= before


# ---------------------------------------------------------------------------- deaths


def test_idle_worker_killed_does_not_stop_the_pool(make: MakeDriver) -> None:
    driver = make()
    driver.wait_until_ready()
    pid = driver.pool.pids[0]
    os.kill(pid, signal.SIGKILL)
    driver.until(lambda: pid not in driver.pool.pids)
    assert driver.run("echo", 1) == 1


def test_all_idle_workers_killed(make: MakeDriver) -> None:
    driver = make()
    driver.wait_until_ready()
    pids = set(driver.pool.pids)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    driver.until(lambda: pids.isdisjoint(driver.pool.pids))
    assert [driver.run("echo", number) for number in range(4)] == [0, 1, 2, 3]


def test_busy_worker_killed_costs_its_own_job_alone(make: MakeDriver) -> None:
    driver = make()
    victim = driver.submit("ignore_everything")
    pid = driver.report_of(victim)
    neighbour = driver.submit("report_pid_and_wait")
    driver.report_of(neighbour)
    os.kill(pid, signal.SIGKILL)
    assert driver.end_of(victim) == Lost(victim, -signal.SIGKILL)
    driver.pool.stop_job(neighbour)
    assert driver.end_of(neighbour) == Stopped(neighbour, Why.STOPPED)


@pytest.mark.parametrize(
    ("task", "exitcode"),
    [
        (("exit_now", 0), 0),
        (("exit_now", 3), 3),
        (("kill_self", signal.SIGKILL), -signal.SIGKILL),
        (("kill_self", signal.SIGTERM), -signal.SIGTERM),
        (("segfault",), -signal.SIGSEGV),
        (("die_in_answer", 20_000_000, 1_000_000), -signal.SIGKILL),
        (("pickled_by", "end_process"), 9),
        (("pickled_by", "", "end_process"), 9),
        (("raise_error", pool_jobs.HeavyError), 9),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, tuple) else None,
)
def test_job_that_ends_its_worker_is_lost(
    make: MakeDriver, task: tuple[Any, ...], exitcode: int
) -> None:
    driver = make()
    job = driver.submit(*task)
    assert driver.end_of(job) == Lost(job, exitcode)


def test_answer_that_was_sent_before_the_death_counts(make: MakeDriver) -> None:
    driver = make()
    job = driver.submit("die_after_answer", 42)
    (pid,) = [worker.process.pid for worker in driver.pool._workers if worker.job]
    assert driver.end_of(job) == Finished(job, 42)
    driver.until(lambda: pid not in driver.pool.pids)
    assert [event for event in driver.events if event.job == job] == [Finished(job, 42)]


def test_killed_while_the_parent_writes_a_long_task(make: MakeDriver) -> None:
    driver = make(size=1)
    driver.wait_until_ready()
    (pid,) = driver.pool.pids
    os.kill(pid, signal.SIGSTOP)
    job = driver.submit("length", bytes(100_000_000))
    driver.step()
    assert list(driver.pool.writers), "the task does not fit into the pipe"
    os.kill(pid, signal.SIGKILL)
    assert driver.end_of(job) == Lost(job, -signal.SIGKILL)


def test_killed_between_claim_and_start(make: MakeDriver) -> None:
    driver = make(size=1)
    driver.wait_until_ready()
    (pid,) = driver.pool.pids
    os.kill(pid, signal.SIGSTOP)
    job = driver.submit("echo")
    os.kill(pid, signal.SIGKILL)
    assert driver.end_of(job) == Lost(job, -signal.SIGKILL)


# ------------------------------------------------------------------------- exceptions, pickles


@pytest.mark.parametrize(
    "error", [ValueError, SystemExit, KeyboardInterrupt, MemoryError, pool_jobs.Plain]
)
def test_whatever_a_job_raises_is_its_failure(make: MakeDriver, error: type[BaseException]) -> None:
    driver = make()
    job = driver.submit("raise_error", error)
    end = driver.end_of(job)
    assert isinstance(end, Failed)
    assert type(end.error) is error
    assert "raise_error" in end.traceback


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (("raise_error", pool_jobs.OddError, 1, 2), "OddError"),
        (("raise_error", pool_jobs.Unpicklable), "Unpicklable"),
    ],
)
def test_exception_that_cannot_travel_is_told_in_words(
    make: MakeDriver, task: tuple[Any, ...], words: str
) -> None:
    driver = make()
    end = driver.end_of(driver.submit(*task))
    assert isinstance(end, Failed)
    assert isinstance(end.error, RemoteError)
    assert words in str(end.error)


@pytest.mark.parametrize(
    "task",
    [
        ("pickled_by", "fail"),
        ("pickled_by", "", "fail"),
        ("pickled_by", "run_out_of_memory"),
        ("pickled_by", "exit_interpreter"),
        ("fine_here_only",),
    ],
    ids="-".join,
)
def test_result_that_cannot_travel_is_a_failure(make: MakeDriver, task: tuple[str, ...]) -> None:
    driver = make()
    assert isinstance(driver.end_of(driver.submit(*task)), Failed)


def test_task_that_does_not_pickle_reaches_no_worker(make: MakeDriver) -> None:
    driver = make()
    with pytest.raises(LookupError):
        driver.submit("echo", pool_jobs.PickledBy("fail"))
    assert driver.pool.jobs == []


def test_task_that_does_not_unpickle_is_a_failure(make: MakeDriver) -> None:
    driver = make()
    end = driver.end_of(driver.submit("echo", pool_jobs.PickledBy("", "fail")))
    assert isinstance(end, Failed)
    assert isinstance(end.error, LookupError)


def test_report_that_does_not_unpickle_costs_the_report_alone(make: MakeDriver) -> None:
    driver = make()
    assert driver.run("report_fine_here_only") == "went on"


def test_long_task_and_long_result(make: MakeDriver) -> None:
    driver = make()
    assert driver.run("length", bytes(20_000_000)) == 20_000_000
    assert len(driver.run("big", 20_000_000)) == 20_000_000


# --------------------------------------------------------------------------- stops, timeouts


def test_job_over_its_time_is_ended_and_its_worker_goes_on(make: MakeDriver) -> None:
    driver = make(size=1, stop_grace_s=30)
    driver.wait_until_ready()
    pids = driver.pool.pids
    job = driver.submit("report_pid_and_wait", timeout_s=0.01)
    assert driver.end_of(job) == Stopped(job, Why.TIMED_OUT)
    assert driver.pool.pids == pids


@pytest.mark.parametrize("task", ["ignore_everything", "spin_in_c", "close_all"])
def test_job_that_heeds_nothing_is_killed_after_the_grace(make: MakeDriver, task: str) -> None:
    driver = make()
    job = driver.submit(task, timeout_s=0.5)
    end = driver.end_of(job)
    assert end in (Stopped(job, Why.TIMED_OUT), Lost(job, -signal.SIGKILL))


def test_stopped_worker_holds_up_nobody_and_is_killed(make: MakeDriver) -> None:
    driver = make()
    frozen = driver.submit("report_pid_and_wait", timeout_s=1)
    driver.report_of(frozen)
    (pid,) = [worker.process.pid for worker in driver.pool._workers if worker.job]
    os.kill(pid, signal.SIGSTOP)
    assert driver.run("echo", 1) == 1
    assert driver.end_of(frozen) == Stopped(frozen, Why.TIMED_OUT)


def test_timeout_that_races_completion_has_one_outcome(make: MakeDriver) -> None:
    driver = make()
    jobs = [driver.submit("echo", timeout_s=0) for _ in range(20)]
    for job in jobs:
        driver.end_of(job)
    assert sorted(event.job for event in driver.events) == jobs


def test_rubbish_from_a_worker_costs_its_job_alone(make: MakeDriver) -> None:
    driver = make()
    job = driver.submit("write_raw", b"\x00\x00\x00\x03abc" + b"\xff" * 64)
    assert isinstance(driver.end_of(job), Lost)


def test_forked_copy_of_a_job_gives_no_second_answer(make: MakeDriver) -> None:
    driver = make()
    job = driver.submit("answer_in_fork")
    assert isinstance(driver.end_of(job), Finished)
    driver.run("echo")
    assert len([event for event in driver.events if event.job == job]) == 1


def test_grandchild_that_holds_the_pipe_open_delays_nothing(make: MakeDriver) -> None:
    driver = make()
    job = driver.submit("leave_grandchild_and_die")
    pid = driver.report_of(job)
    try:
        assert driver.end_of(job) == Lost(job, -signal.SIGKILL)
    finally:
        os.kill(pid, signal.SIGKILL)


# ---------------------------------------------------------------------------------- renewal


def test_nobody_does_more_than_max_jobs(make: MakeDriver) -> None:
    driver = make(max_jobs=10)
    done: dict[int, int] = {}
    for event in driver.run_many([("pid",)] * 200):
        assert isinstance(event, Finished)
        done[event.result] = done.get(event.result, 0) + 1
    assert sum(done.values()) == 200
    assert max(done.values()) <= 10


def test_old_worker_is_replaced_between_jobs(make: MakeDriver) -> None:
    driver = make(size=1, max_age_s=1000, stop_grace_s=5)
    busy = driver.submit("report_pid_and_wait", timeout_s=10_000)
    driver.report_of(busy)
    before = driver.pool.pids
    driver.lead_s = 1001
    driver.until(lambda: len(driver.pool.pids) == 2)
    assert before[0] in driver.pool.pids, "a job in hand is finished first"
    driver.pool.stop_job(busy)
    driver.end_of(busy)
    driver.until(lambda: before[0] not in driver.pool.pids and driver.pool.free)


def test_worker_that_keeps_too_much_memory_is_replaced(make: MakeDriver) -> None:
    driver = make(size=1, limits=Limits(data_bytes=256 * pool_jobs.MEBIBYTE))
    driver.wait_until_ready()
    before = driver.pool.pids
    driver.run("keep_memory", 210 * pool_jobs.MEBIBYTE)
    driver.until(lambda: driver.pool.pids != before and before[0] not in driver.pool.pids)


def test_limits_are_set_before_the_first_job(make: MakeDriver) -> None:
    limits = Limits(data_bytes=256 * pool_jobs.MEBIBYTE, file_bytes=1000, open_files=99)
    assert make(limits=limits).run("limits") == {
        "RLIMIT_DATA": limits.data_bytes,
        "RLIMIT_FSIZE": 1000,
        "RLIMIT_NOFILE": 99,
        "RLIMIT_CORE": 0,
    }


def test_memory_over_the_cap_fails_the_job(make: MakeDriver) -> None:
    driver = make(limits=Limits(data_bytes=128 * pool_jobs.MEBIBYTE))
    end = driver.end_of(driver.submit("take_memory", 200 * pool_jobs.MEBIBYTE))
    assert isinstance(end, Failed)
    assert isinstance(end.error, MemoryError)


@pytest.mark.parametrize(
    ("setup", "arguments"),
    [
        (pool_jobs.set_up_in_vain, ()),
        (pool_jobs.set_up_to_die, (0,)),
    ],
)
def test_failing_starts_are_put_off_and_reported(
    context: ForkServerContext | SpawnContext,
    setup: Callable[..., Any],
    arguments: tuple[int, ...],
) -> None:
    with Driver(Pool(PoolSpec("vain", SIZE, setup, arguments), context)) as driver:
        for failures in (1, 2, 3):
            wait_for_failures(driver, failures)
            assert driver.pool.next_deadline() > driver.now()
            driver.lead_s += 61
        assert driver.pool.trouble
        assert driver.pool._started <= SIZE * 4


def wait_for_failures(driver: Driver, number: int) -> None:
    driver.until(lambda: driver.pool._failed_starts == number)


def test_worker_that_dies_as_soon_as_it_is_ready_starts_no_storm(
    context: ForkServerContext | SpawnContext,
) -> None:
    spec = PoolSpec("vain", SIZE, pool_jobs.set_up_to_die_when_ready)
    with Driver(Pool(spec, context)) as driver:
        wait_for_failures(driver, 2)
        assert driver.pool._started <= SIZE * 3


def test_start_that_never_gets_ready_is_given_up(
    context: ForkServerContext | SpawnContext,
) -> None:
    spec = PoolSpec("slow", 1, pool_jobs.set_up_for_ever, start_timeout_s=100)
    with Driver(Pool(spec, context)) as driver:
        driver.step()
        driver.lead_s = 101
        driver.until(lambda: driver.pool.trouble)


# -------------------------------------------------------------------------------- the owner

OWNER = """
import multiprocessing, sys
from tests import pool_jobs
from tests.pool_driver import Driver
from worker.pool import Pool, PoolSpec

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with Driver(Pool(PoolSpec("test", 2, pool_jobs.set_up), context)) as driver:
        busy = [driver.submit(name) for name in ("ignore_everything", "spin_in_c")]
        print(*[driver.report_of(job) for job in busy], flush=True)
        sys.stdin.read()
"""


def test_no_worker_outlives_its_owner(
    context: ForkServerContext | SpawnContext, tmp_path: Any
) -> None:
    script = tmp_path / "owner.py"
    script.write_text(OWNER)
    owner = subprocess.Popen(
        [sys.executable, script, context.get_start_method()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    with owner:
        assert owner.stdout is not None
        workers = [processes.identify(int(pid)) for pid in owner.stdout.readline().split()]
        assert len(workers) == 2
        owner.kill()
        owner.wait()
        for worker in workers:
            assert worker is not None
            processes.wait_for_one([worker], 10)
            assert not processes.is_alive(worker)


def test_killed_fork_server_costs_no_job() -> None:
    context = multiprocessing.get_context("forkserver")
    with Driver(Pool(PoolSpec("test", SIZE, pool_jobs.set_up), context)) as driver:
        driver.wait_until_ready()
        job = driver.submit("report_pid_and_wait")
        driver.report_of(job)
        (idle,) = [worker.process.pid for worker in driver.pool._workers if not worker.job]
        server = multiprocessing.forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
        os.kill(server, signal.SIGKILL)
        os.kill(idle, signal.SIGKILL)
        driver.until(lambda: idle not in driver.pool.pids)
        assert driver.run("echo", 1) == 1
        driver.pool.stop_job(job)
        assert driver.end_of(job) == Stopped(job, Why.STOPPED)
        driver.wait_until_ready()


def test_stopped_fork_server_is_woken() -> None:
    context = multiprocessing.get_context("forkserver")
    with Driver(Pool(PoolSpec("test", SIZE, pool_jobs.set_up), context)) as driver:
        driver.wait_until_ready()
        server = multiprocessing.forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
        os.kill(server, signal.SIGSTOP)
        os.kill(driver.pool.pids[0], signal.SIGKILL)
        driver.until(lambda: len(driver.pool.pids) == SIZE - 1)
        driver.wait_until_ready()


# ------------------------------------------------------------------- without the guard


@pytest.mark.negative
def test_without_the_life_line_workers_outlive_their_owner(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    script = tmp_path / "owner.py"
    guardless = OWNER.replace(
        'if __name__ == "__main__":',
        "import worker.pool\nworker.pool.worker_main = pool_jobs.worker_without_life_line\n"
        'if __name__ == "__main__":',
    )
    script.write_text(guardless)
    with subprocess.Popen(
        [sys.executable, script, "spawn"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    ) as owner:
        assert owner.stdout is not None
        workers = [processes.identify(int(pid)) for pid in owner.stdout.readline().split()]
        owner.kill()
        owner.wait()
        found = [worker for worker in workers if worker and processes.is_alive(worker)]
        for worker in found:
            processes.send_signal(worker, signal.SIGKILL)
    assert len(found) == 2


@pytest.mark.negative
def test_without_test_unpickling_the_parent_meets_the_crash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool_module, "worker_main", pool_jobs.worker_without_test_unpickling)
    context = multiprocessing.get_context("spawn")
    with Driver(Pool(PoolSpec("test", 1, pool_jobs.set_up), context)) as driver:
        end = driver.end_of(driver.submit("pickled_by", "", "fail"))
        assert isinstance(end, Failed)
        assert "does not unpickle" in str(end.error), "it was the parent that unpickled it"
