"""A pool that starts nothing: it records what is submitted, and the test says what comes of it."""

from collections.abc import Sequence
from typing import Any

from worker.pool import PoolSpec
from worker.pool.events import Event, Failed, Finished, Lost, Reported, Stopped, StopReason
from worker.pool.worker import WorkerState


class FakePool:
    """Stands for a `worker.pool.Pool` whose workers are always ready.

    `tasks` are the running tasks by their jobs' ids, `timeouts_s` how long each may take,
    `stopped` the graces of the orders to stop, and `renewals` counts the orders to replace all
    workers. A `trouble` keeps all workers from starting. An event is told at the next `step`.
    """

    def __init__(self, spec: PoolSpec) -> None:
        self.spec = spec
        self.tasks: dict[int, Any] = {}
        self.timeouts_s: dict[int, float] = {}
        self.stopped: dict[int, float | None] = {}
        self.renewals = 0
        self.is_closed = False
        self.trouble: str | None = None
        self.workers: tuple[WorkerState, ...] = ()
        self._events: list[Event] = []

    @property
    def free(self) -> int:
        return 0 if self.trouble else self.spec.size - len(self.tasks)

    def submit(self, job_id: int, task: Any, timeout_s: float) -> None:
        assert self.free > 0, "no worker is free"
        self.tasks[job_id] = task
        self.timeouts_s[job_id] = timeout_s

    def stop_job(self, job_id: int, grace_s: float | None = None) -> bool:
        if job_id in self.tasks:
            self.stopped[job_id] = grace_s
        return job_id in self.tasks

    def renew(self) -> None:
        self.renewals += 1

    def step(self, _now: float) -> Sequence[Event]:
        events, self._events = self._events, []
        return events

    def close(self) -> Sequence[Event]:
        self.is_closed = True
        self.tasks.clear()
        return self.step(0.0)

    # ------------------------------------------------------------------ what the test says

    def report(self, job_id: int, message: Any) -> None:
        self._events.append(Reported(job_id, message))

    def finish(self, job_id: int, result: Any = None) -> None:
        self._end(job_id, Finished(job_id, result))

    def fail(self, job_id: int, error: BaseException, traceback: str = "") -> None:
        self._end(job_id, Failed(job_id, error, traceback))

    def lose(self, job_id: int, exitcode: int = -9) -> None:
        """The worker dies under the job."""
        self._end(job_id, Lost(job_id, exitcode))

    def stop(self, job_id: int, reason: StopReason = StopReason.STOPPED) -> None:
        """The job ends because it was told to, or by its timeout."""
        self._end(job_id, Stopped(job_id, reason))

    def _end(self, job_id: int, event: Event) -> None:
        del self.tasks[job_id]
        self._events.append(event)
