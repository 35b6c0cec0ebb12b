"""A minimal owner of a pool: wait, step, keep the events."""

import contextlib
import gc
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import ForkServerContext, SpawnContext
from types import TracebackType
from typing import Any, Self

from tests.sandbox.patience import PATIENCE_S
from tests.support import pool_jobs
from tests.support.exhaustive import in_full
from tests.support.process_kit import wait_until
from worker.clocks import Monotonic
from worker.pool import Pool, PoolSpec
from worker.pool.channel import wait_ready
from worker.pool.events import Event, Finished, Reported
from worker.pool.watched_process import PRELOADED, fork_server_pid, prepare_start
from worker.pool.worker_main import Setup
from worker.processes import process_setup, process_table, signals

NO_HURRY_S = 600.0

CLOSE_BOUND_S = 5.0
"""Idle workers leave within one second or are killed; the rest is a slow machine's."""


class Driver:
    """Steps a pool. `lead_s` is how far its clock is ahead, for ages and deadlines.

    With the clock stopped, time passes by `lead_s` alone, however slow the machine is.
    """

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.lead_s = 0.0
        self.stopped_at: float | None = None
        self.events: list[Event] = []
        self.steps = 0
        self._jobs = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.pool.close()

    def now(self) -> Monotonic:
        """The pool's time."""
        clock = time.monotonic() if self.stopped_at is None else self.stopped_at
        return Monotonic(clock + self.lead_s)

    def stop_clock(self) -> None:
        """Stop the pool's clock."""
        self.stopped_at = self.now()

    def step(self) -> list[Event]:
        """One step, without waiting."""
        new = self.pool.step(self.now())
        self.events += new
        self.steps += 1
        return new

    def wait(self, timeout_s: float = PATIENCE_S) -> None:
        """Wait as an owner does."""
        timeout_s = min(timeout_s, self.pool.next_deadline() - self.now())
        wait_ready(self.pool.readers, self.pool.writers, timeout_s)

    def until(self, condition: Callable[[], Any], timeout_s: float = PATIENCE_S) -> Any:
        """Step until the condition holds; what it returned."""
        deadline = time.monotonic() + timeout_s
        while not (found := condition()):
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {timeout_s:g} s; so far: {self.events[-5:]}")
            # What is waited for need not come through the pool, so it is looked at again soon.
            self.wait(0.05)
            self.step()
        return found

    def wait_until_ready(self) -> None:
        """Until the pool has all its workers, none of them busy."""
        self.until(lambda: self.pool.free == self.pool.spec.size)

    def submit(self, *task: Any, timeout_s: float = NO_HURRY_S) -> int:
        """Give a job to the pool as soon as it takes one; the job's id."""
        self.until(lambda: self.pool.free)
        self._jobs += 1
        self.pool.submit(self._jobs, task, timeout_s)
        return self._jobs

    def end_of(self, job: int) -> Event:
        """Step until the job has ended; how."""
        return self.until(lambda: self._last_word(job))  # type: ignore[no-any-return]

    def report_of(self, job: int) -> Any:
        """Step until the job has reported; what."""
        reports = lambda: [e for e in self.events if isinstance(e, Reported) and e.job_id == job]  # noqa: E731
        return self.until(reports)[0].message

    def run(self, *task: Any) -> Any:
        """A whole job; its result."""
        end = self.end_of(self.submit(*task))
        assert isinstance(end, Finished), end
        return end.result

    def run_many(self, tasks: Iterable[tuple[Any, ...]]) -> list[Event]:
        """Keep the pool as full as it will be until all tasks are done; the events."""
        waiting = list(tasks)[::-1]
        busy: set[int] = set()
        events: list[Event] = []
        while waiting or busy:
            while waiting and self.pool.free:
                self._jobs += 1
                self.pool.submit(self._jobs, waiting.pop(), NO_HURRY_S)
                busy.add(self._jobs)
            self.wait()
            new = self.step()
            events += new
            busy -= {event.job_id for event in new if not isinstance(event, Reported)}
        return events

    def _last_word(self, job: int) -> Event | None:
        for event in reversed(self.events):
            if event.job_id == job and not isinstance(event, Reported):
                return event
        return None


METHODS = ("forkserver", in_full("spawn"))
"""How workers start: the bot's own way, and the other in the exhaustive tests alone.

With a fork server they are its children, else those of the pool's owner.
"""


def context_for(method: str) -> ForkServerContext | SpawnContext:
    """The context; a fork server has the jobs loaded, so workers start fast."""
    if method == "spawn":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.support.pool_jobs", PRELOADED])
    return context


@contextlib.contextmanager
def driven(
    method: str, *, works_after: bool = True, setup: Setup = pool_jobs.set_up, **spec: Any
) -> Iterator[Driver]:
    """A pool with an owner, and after the test what holds after every test.

    The next jobs work, the pool has its size again, no process and no descriptor is left over,
    and the pool closes within its bound.
    """
    process_setup.become_subreaper()  # or orphans would escape the search for strays
    start_helpers(method)
    signals.reap(strays())  # What tests before this one have killed may be ours by now.
    others = strays()
    children = {*multiprocessing.active_children()}
    gc.collect()  # What tests before this one have dropped is not closed in the middle of it.
    before = open_descriptors()
    driver = Driver(
        Pool(PoolSpec("test", **{"size": 2, "setup": setup, **spec}), context_for(method))
    )
    try:
        yield driver
        if works_after:
            assert_is_whole(driver, others)
        started = time.monotonic()
        driver.pool.close()
        assert time.monotonic() - started < CLOSE_BOUND_S
        assert driver.pool.pids == []
        wait_until(lambda: strays() <= others)
        wait_until(lambda: children.issuperset(multiprocessing.active_children()))
        gc.collect()
        assert open_descriptors() <= before
    finally:
        driver.pool.close(0)


def assert_is_whole(driver: Driver, others: set[int]) -> None:
    """The pool does its jobs as ever, with as many workers as ever, and no one else is there."""
    driver.lead_s, driver.stopped_at = 0, None
    driver.wait_until_ready()
    size = driver.pool.spec.size
    ends = driver.run_many([("echo", number) for number in range(2 * size)])
    assert sorted(end.result for end in ends if isinstance(end, Finished)) == [*range(2 * size)]
    driver.until(lambda: len(driver.pool.pids) == size)
    driver.until(lambda: strays() <= {*driver.pool.pids, *others})


def start_helpers(method: str) -> None:
    """Start what multiprocessing keeps for good, so that it does not count as left over."""
    context_for(method)
    resource_tracker.ensure_running()
    if method == "forkserver":
        forkserver.ensure_running()
        wait_until(_is_ready)


def _is_ready() -> bool:
    """Whether the fork server starts processes; one that hangs or ends is replaced meanwhile."""
    with contextlib.suppress(OSError, EOFError):
        return prepare_start(context_for("forkserver"))
    return False


def helper_pids() -> set[int]:
    """The fork server and the resource tracker."""
    return {fork_server_pid(), getattr(resource_tracker, "_resource_tracker")._pid or 0}  # noqa: B009


def strays() -> set[int]:
    """The pids of all processes below this one but multiprocessing's own."""
    return {process.pid for process in process_table.descendants(os.getpid())} - helper_pids()


def open_descriptors() -> int:
    """How many there are, the one that reads the directory included."""
    return len(os.listdir("/proc/self/fd"))
