"""An owner of a pool, as small as an owner can be: wait, step, keep what happened."""

import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

from worker.channel import wait_ready
from worker.pool import Event, Finished, Pool, Reported

PATIENCE_S = 30.0
NO_HURRY_S = 600.0


class Driver:
    """Steps a pool. `lead_s` is how far its clock is ahead, for ages and deadlines."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.lead_s = 0.0
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

    def now(self) -> float:
        """The pool's time."""
        return time.monotonic() + self.lead_s

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
        reports = lambda: [e for e in self.events if isinstance(e, Reported) and e.job == job]  # noqa: E731
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
            busy -= {event.job for event in new if not isinstance(event, Reported)}
        return events

    def _last_word(self, job: int) -> Event | None:
        for event in reversed(self.events):
            if event.job == job and not isinstance(event, Reported):
                return event
        return None
