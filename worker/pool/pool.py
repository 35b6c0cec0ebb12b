"""A process pool that survives the death of any of its processes.

It knows functions and limits, not what the jobs do. It has no thread of its own: whoever owns
it waits until something in `readers` or `writers` is ready or `next_deadline` has come, and
calls `step`, which compares what should be with what is and never waits for a worker.

A worker holds at most one job, so a worker's death costs that job and nothing else. Its end is
seen through a pidfd: when a fork server is killed, multiprocessing reports the end of workers
that still run.
"""

import logging
import pickle
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerContext, SpawnContext
from typing import Any

from worker.pool.channel import Channel, HasFileno, wait_ready
from worker.pool.events import Event, Lost, Stopped, StopReason, open_answer, open_report
from worker.pool.start_backoff import StartBackoff
from worker.pool.watched_process import WatchedProcess
from worker.pool.worker_main import MessageKind, Setup, seal, unseal, worker_main
from worker.processes import memory, process_setup, signals

log = logging.getLogger(__name__)

PROVEN_AGE_S = 1.0
"""A worker that ends by itself so soon after it was ready, and before its first job, counts as
a failed start: one that crashes when it is ready must not be replaced as fast as it crashes."""

HANGUP_GRACE_S = 0.5
"""From the end of a worker's channel to SIGKILL, for a worker that does not end by itself."""

WORN_SHARE = 0.8
"""Of its jobs or its data limit: a worker that has used so much gets a successor."""

NO_LIMITS = process_setup.Limits()

_ORDERS = (MessageKind.JOB, MessageKind.STOP)
_FIRST_WORDS = (MessageKind.READY, MessageKind.BROKEN)

_NEVER = float("inf")


@dataclass(frozen=True)
class PoolSpec:
    """What a pool is: its workers, what they run, and what each may use before it is renewed."""

    name: str
    size: int
    setup: Setup
    setup_args: tuple[Any, ...] = ()
    limits: process_setup.Limits = NO_LIMITS
    max_jobs: int = 100
    max_age_s: float = 3600
    stop_grace_s: float = 3
    """From a stop order to SIGKILL, for a job that does not heed the order."""
    start_timeout_s: float = 60


@dataclass(frozen=True)
class WorkerState:
    """A worker at one moment: `state` is starting, idle, busy or leaving."""

    name: str
    pid: int
    state: str
    jobs_done: int
    job: int | None


@dataclass
class _Job:
    id: int
    deadline: float
    stopping: StopReason | None = None


@dataclass
class _Worker:
    name: str
    process: WatchedProcess
    channel: Channel
    kill_at: float
    max_jobs: int
    old_at: float
    proven_at: float = _NEVER
    is_proven: bool = False
    is_ready: bool = False
    is_worn: bool = False
    """Its successor should be on its way."""
    is_leaving: bool = False
    """It gets no more jobs: it was told to leave, or killed."""
    jobs_done: int = 0
    job: _Job | None = None

    @property
    def is_free(self) -> bool:
        return (
            self.is_ready
            and not self.is_leaving
            and not self.channel.is_closed
            and self.job is None
        )

    @property
    def is_spent(self) -> bool:
        return self.jobs_done >= self.max_jobs

    def describe(self) -> WorkerState:
        job = self.job
        state = "leaving" if self.is_leaving else "idle" if self.is_ready else "starting"
        pid, job_id = self.process.pid, job.id if job else None
        return WorkerState(self.name, pid, "busy" if job else state, self.jobs_done, job_id)


@dataclass
class Pool:
    """See the module. `context` says how workers start: fork server or spawn, never fork."""

    spec: PoolSpec
    context: ForkServerContext | SpawnContext
    _workers: list[_Worker] = field(default_factory=list)
    _started: int = 0

    def __post_init__(self) -> None:
        """Nothing is started before the first step."""
        self._starts = StartBackoff(self.spec.name)

    # --------------------------------------------------------------- what an owner asks

    @property
    def free(self) -> int:
        """How many jobs can be submitted now. A successor that is early adds nothing."""
        return min(len(self._free_workers()), self.spec.size - len(self.jobs))

    @property
    def jobs(self) -> list[int]:
        """The ids of the jobs in hand."""
        return [worker.job.id for worker in self._workers if worker.job]

    @property
    def pids(self) -> list[int]:
        """The pids of all workers, leaving ones included."""
        return [worker.process.pid for worker in self._workers]

    @property
    def workers(self) -> list[WorkerState]:
        """All workers, leaving ones included; any thread may ask."""
        return [worker.describe() for worker in list(self._workers)]

    @property
    def trouble(self) -> str | None:
        """Why the last start of a worker failed, until one succeeds; for alerts."""
        return self._starts.trouble

    @property
    def readers(self) -> Iterator[HasFileno]:
        """What to wait on for reading: each worker's channel and its end."""
        for worker in self._workers:
            yield worker.process
            if not worker.channel.is_closed:
                yield worker.channel

    @property
    def writers(self) -> Iterator[HasFileno]:
        """What to wait on for writing: channels with a task too long for the pipe."""
        return (worker.channel for worker in self._workers if worker.channel.has_unsent)

    def next_deadline(self) -> float:
        """When `step` must be called even if nothing is ready, in monotonic seconds."""
        deadlines = [self._starts.next_at if self._missing() else _NEVER]
        for worker in self._workers:
            deadlines.append(worker.kill_at)
            if worker.job and not worker.job.stopping:
                deadlines.append(worker.job.deadline)
            if not worker.is_worn and not worker.is_leaving:
                deadlines.append(worker.old_at)
        return min(deadlines)

    # -------------------------------------------------------------- what an owner orders

    def submit(self, job: int, task: Any, timeout_s: float) -> None:
        """Give a job to a free worker. Raises RuntimeError when there is none.

        A task that does not pickle raises here, and no worker hears of it.
        """
        message = seal(MessageKind.JOB, job, pickle.dumps(task))
        if not self.free:
            raise RuntimeError(f"pool {self.spec.name} has no free worker")
        worker = min(self._free_workers(), key=lambda worker: worker.is_worn)
        worker.job = _Job(job, time.monotonic() + timeout_s)
        worker.channel.send(message)

    def stop_job(self, job: int, grace_s: float | None = None) -> bool:
        """Order a job to stop; its worker is killed after the grace. False when not in hand."""
        for worker in self._workers:
            if worker.job and worker.job.id == job:
                grace_s = self.spec.stop_grace_s if grace_s is None else grace_s
                self._order_stop(worker, StopReason.STOPPED, time.monotonic() + grace_s)
                return True
        return False

    def renew(self) -> None:
        """Give every worker a successor, one after the other, each ready before the next goes."""
        for worker in self._workers:
            worker.is_worn = True

    def step(self, now: float) -> list[Event]:
        """Do all that is due, and tell what happened to the jobs."""
        events: list[Event] = []
        for worker in list(self._workers):
            # The end is looked up before the channel is read, so that all that a dead worker
            # had sent is heard before its job is called lost.
            has_ended = worker.process.has_ended()
            worker.channel.flush()
            for envelope in worker.channel.receive():
                events += self._hear(worker, envelope, now)
            if has_ended:
                events += self._bury(worker, now)
            else:
                self._enforce(worker, now)
        self._recycle(now)
        while self._missing() and now >= self._starts.next_at:
            self._start_worker(now)
        return events

    def close(self, patience_s: float = 1.0) -> None:
        """Let idle workers leave, kill the rest, and come back when none is left, for good.

        Only a worker that hangs in the kernel can stay, after `KILL_PATIENCE_S` more seconds.
        """
        now = time.monotonic()
        self._starts.next_at = _NEVER
        for worker in self._workers:
            self._leave(worker, now)
            if worker.job or not worker.is_ready:
                self._kill(worker, now)
        self._wait_for_ends(patience_s)
        for worker in self._workers:
            self._kill(worker, now)
        self._wait_for_ends(signals.KILL_PATIENCE_S)
        for worker in list(self._workers):
            self._bury(worker, now)

    # --------------------------------------------------------------------- one worker

    def _start_worker(self, now: float) -> None:
        self._started += 1
        name = f"{self.spec.name}-{self._started}"
        spread = random.uniform(0.9, 1.0)  # noqa: S311 - so that workers do not leave together
        try:
            ours, theirs = self.context.Pipe()
            # While we hold the worker's end as well, its death would not close the channel.
            with theirs:
                args = (theirs, name, self.spec.limits, self.spec.setup, self.spec.setup_args)
                process = WatchedProcess(self.context, name, worker_main, args)
        except (OSError, EOFError) as error:
            # The fork server or the worker died, or we are out of processes or descriptors.
            self._starts.note_failure(now, f"{name}: {type(error).__name__}: {error}")
            return
        worker = _Worker(
            name,
            process,
            Channel(ours),
            kill_at=now + self.spec.start_timeout_s,
            max_jobs=max(1, int(self.spec.max_jobs * spread)),
            old_at=now + self.spec.max_age_s * spread,
        )
        self._workers.append(worker)

    def _hear(self, worker: _Worker, envelope: bytes, now: float) -> list[Event]:
        try:
            kind, job, content = unseal(envelope)
            if kind in _ORDERS or (kind in _FIRST_WORDS) is worker.is_ready:
                # A worker that says twice that it is ready would shake off the end set for it.
                raise ValueError(f"{kind.name} out of its turn")
        except ValueError as error:
            if not worker.is_leaving:
                log.error("Worker %s is killed, for it sent rubbish: %s", worker.name, error)
            self._kill(worker, now)
            return []
        if kind is MessageKind.READY:
            worker.is_ready = True
            worker.proven_at = now + PROVEN_AGE_S
            if not worker.is_leaving:
                worker.kill_at = _NEVER
        elif kind is MessageKind.BROKEN:
            self._starts.note_failure(now, f"{worker.name}: {content.decode(errors='replace')}")
            self._leave(worker, now)
        elif worker.job and worker.job.id == job:
            if kind is MessageKind.REPORT:
                return open_report(job, content)
            event = open_answer(kind, job, content, worker.job.stopping)
            worker.job = None
            worker.jobs_done += 1
            if kind is MessageKind.LAST_ERROR:
                self._leave(worker, now)
            elif not worker.is_leaving:
                worker.kill_at = _NEVER
                worker.is_worn = worker.is_worn or self._has_used_much(worker)
            return [event]
        return []

    def _enforce(self, worker: _Worker, now: float) -> None:
        """What time brings: a job's deadline, orders that were not heeded, age."""
        if worker.job and not worker.job.stopping and now >= worker.job.deadline:
            self._order_stop(worker, StopReason.TIMED_OUT, now + self.spec.stop_grace_s)
        if worker.channel.is_closed and not worker.is_leaving:
            # It is about to end, or will not do any more good.
            worker.kill_at = min(worker.kill_at, now + HANGUP_GRACE_S)
        if now >= worker.kill_at:
            if not worker.is_ready and not worker.is_leaving:
                self._starts.note_failure(now, f"{worker.name} took too long to be ready")
            self._kill(worker, now)
        if worker.is_ready and not worker.is_proven:
            worker.is_proven = worker.jobs_done > 0 or now >= worker.proven_at
            if worker.is_proven:
                self._starts.note_success()
        worker.is_worn = worker.is_worn or now >= worker.old_at

    def _order_stop(self, worker: _Worker, why: StopReason, kill_at: float) -> None:
        assert worker.job is not None  # noqa: S101 - both callers have looked
        if not worker.job.stopping:
            worker.job.stopping = why
            worker.channel.send(seal(MessageKind.STOP, worker.job.id))
        worker.kill_at = min(worker.kill_at, kill_at)

    def _leave(self, worker: _Worker, now: float) -> None:
        """Tell an idle worker to leave: it ends when its channel does."""
        worker.is_leaving = True
        worker.kill_at = now + self.spec.stop_grace_s
        worker.channel.close()

    def _kill(self, worker: _Worker, now: float) -> None:
        worker.is_leaving = True
        worker.kill_at = now + 1.0
        worker.process.kill()

    def _bury(self, worker: _Worker, now: float) -> list[Event]:
        self._workers.remove(worker)
        worker.channel.close()
        exitcode = worker.process.release()
        if worker.job is None:
            if not worker.is_leaving:
                log.warning("Worker %s ended with exit code %s.", worker.name, exitcode)
                if not worker.is_proven:
                    self._starts.note_failure(now, f"{worker.name} ended with {exitcode}")
            return []
        log.warning(
            "job %d: worker %s (pid %d) ended with exit code %s.",
            worker.job.id,
            worker.name,
            worker.process.pid,
            exitcode,
        )
        if worker.job.stopping:
            return [Stopped(worker.job.id, worker.job.stopping)]
        return [Lost(worker.job.id, exitcode)]

    def _wait_for_ends(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        for worker in self._workers:
            wait_ready([worker.process], [], deadline - time.monotonic())

    # ------------------------------------------------------------------- how many there are

    def _missing(self) -> int:
        """How many workers should be started now."""
        staying = [worker for worker in self._workers if not worker.is_leaving]
        # One successor at a time: the pool is never more than one worker above its size.
        wanted = self.spec.size + any(worker.is_worn for worker in staying)
        return max(0, wanted - len(staying))

    def _free_workers(self) -> list[_Worker]:
        """A worker that has done all its jobs goes on only while no other can be started."""
        may_go_on = self._starts.failed > 0
        return [w for w in self._workers if w.is_free and (may_go_on or not w.is_spent)]

    def _has_used_much(self, worker: _Worker) -> bool:
        """Whether a worker that has just done a job is near one of its limits."""
        if worker.jobs_done >= WORN_SHARE * worker.max_jobs:
            return True
        limit = self.spec.limits.data_bytes
        return limit is not None and memory.data_bytes(worker.process.pid) > WORN_SHARE * limit

    def _recycle(self, now: float) -> None:
        """Let a worn worker go once its successor is ready, or is only a matter of time."""
        ready = [w for w in self._workers if w.is_ready and not w.is_leaving]
        spare = len(ready) - self.spec.size
        for worker in sorted(ready, key=lambda w: w.jobs_done, reverse=True):
            if worker.job or not worker.is_worn:
                continue
            if spare > 0 or (worker.is_spent and not self._starts.failed):
                self._leave(worker, now)
                spare -= 1
