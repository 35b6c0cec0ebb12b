"""The pool itself: which workers there should be, which there are, and what their jobs do.

It has no thread of its own: whoever owns it waits until something in `readers` or `writers` is
ready or `next_deadline` has come, and calls `step`, which compares what should be with what is
and never waits for a worker.

A worker holds at most one job, so a worker's death costs that job and nothing else. Its end is
seen through a pidfd: when a fork server is killed, multiprocessing reports the end of workers
that still run.
"""

import contextlib
import logging
import pickle
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerContext, SpawnContext
from typing import Any

from worker.clocks import Monotonic, monotonic
from worker.pool.channel import Channel, HasFileno, wait_ready
from worker.pool.events import Event, Lost, Stopped, StopReason, decode_outcome, decode_report
from worker.pool.messages import MessageKind, decode, encode
from worker.pool.start_backoff import StartBackoff
from worker.pool.watched_process import WatchedProcess, prepare_start
from worker.pool.worker import NEVER, Phase, SubmittedJob, Worker, WorkerState
from worker.pool.worker_main import Setup, worker_main
from worker.processes import memory, process_setup, signals

log = logging.getLogger(__name__)

MIN_UPTIME_S = 1.0
"""A worker that ends by itself earlier after it was ready, and before its first job, counts as a
failed start: one that crashes when it is ready must not be replaced as fast as it crashes."""

HANGUP_GRACE_S = 0.5
"""From the end of a worker's channel to SIGKILL, for a worker that does not end by itself."""

SUCCESSOR_SHARE = 0.8
"""The share of its jobs or its data limit at which a worker needs a successor."""

NO_LIMITS = process_setup.Limits()

_TO_WORKER = (MessageKind.JOB, MessageKind.STOP)
_START_MESSAGES = (MessageKind.READY, MessageKind.SETUP_FAILED)


@dataclass(frozen=True)
class PoolSpec:
    """What a pool is: its workers, what they run, and what each may use before it is replaced."""

    name: str
    size: int
    setup: Setup
    setup_args: tuple[Any, ...] = ()
    limits: process_setup.Limits = NO_LIMITS
    maxtasksperchild: int = 100
    """Jobs after which a worker is replaced, as in `multiprocessing.Pool`."""
    max_age_s: float = 3600
    stop_grace_s: float = 3
    """From the order to stop to SIGKILL, for a job that does not stop by itself."""
    start_timeout_s: float = 60


@dataclass
class Pool:
    """A pool of worker processes, driven by its owner; `worker.pool` has an example.

    `context` says how workers start: fork server or spawn, never fork. Nothing is started before
    the first `step`.
    """

    spec: PoolSpec
    context: ForkServerContext | SpawnContext
    _workers: list[Worker] = field(default_factory=list)
    _started: int = 0

    def __post_init__(self) -> None:
        self._backoff = StartBackoff(f"Pool {self.spec.name}: a worker")

    # ---------------------------------------------------------------------------- questions

    @property
    def free(self) -> int:
        """How many jobs can be submitted now. A successor that is ready early adds nothing."""
        return min(len(self._idle_workers()), self.spec.size - len(self.job_ids))

    @property
    def job_ids(self) -> list[int]:
        return [worker.job.id for worker in self._workers if worker.job]

    @property
    def pids(self) -> list[int]:
        """The pids of all workers, leaving ones included; any thread may ask."""
        return [worker.process.pid for worker in list(self._workers)]

    @property
    def workers(self) -> list[WorkerState]:
        """All workers, leaving ones included; any thread may ask."""
        return [worker.state for worker in list(self._workers)]

    @property
    def trouble(self) -> str | None:
        """Why the last start of a worker failed, until one succeeds; for alerts."""
        return self._backoff.trouble

    @property
    def readers(self) -> Iterator[HasFileno]:
        """What to wait on for reading: each worker's channel and its end."""
        for worker in self._workers:
            yield worker.process
            if not worker.channel.is_closed:
                yield worker.channel

    @property
    def writers(self) -> Iterator[HasFileno]:
        """What to wait on for writing: channels with a message too long for the pipe."""
        return (worker.channel for worker in self._workers if worker.channel.has_unsent)

    def next_deadline(self) -> Monotonic:
        """When `step` must be called even if nothing is ready."""
        next_start = self._backoff.next_at if self._missing() else NEVER
        return min([next_start, *(worker.next_deadline for worker in self._workers)])

    # ----------------------------------------------------------------------------- commands

    def submit(self, job_id: int, task: Any, timeout_s: float) -> None:
        """Give a job to a free worker. Raises RuntimeError when there is none.

        A task that cannot be pickled raises here and reaches no worker.
        """
        message = encode(MessageKind.JOB, job_id, pickle.dumps(task))
        if not self.free:
            raise RuntimeError(f"pool {self.spec.name} has no free worker")
        worker = min(self._idle_workers(), key=lambda worker: worker.needs_successor)
        worker.run(SubmittedJob(job_id, Monotonic(monotonic() + timeout_s)), message)

    def stop_job(self, job_id: int, grace_s: float | None = None) -> bool:
        """Tell a job to stop; its worker is killed after the grace. False when it does not run."""
        grace_s = self.spec.stop_grace_s if grace_s is None else grace_s
        for worker in self._workers:
            if worker.job and worker.job.id == job_id:
                kill_at = Monotonic(monotonic() + grace_s)
                worker.stop_job(worker.job, StopReason.STOPPED, kill_at)
                return True
        return False

    def renew(self) -> None:
        """Replace every worker, one after the other, each once its successor is ready.

        The next start is not delayed, since what made earlier ones fail is over.
        """
        self._backoff.start_now()
        for worker in self._workers:
            worker.needs_successor = True

    def step(self, now: Monotonic) -> list[Event]:
        """Do all that is due at monotonic `now`. Returns what happened to the jobs, in order."""
        events: list[Event] = []
        for worker in list(self._workers):
            # The end is looked up before the channel is read, so that all that a dead worker
            # had sent is received before its job is reported as lost.
            has_ended = worker.process.has_ended()
            worker.channel.flush()
            events += self._receive(worker, now)
            if has_ended:
                events += self._reap(worker, now)
            else:
                self._enforce_deadlines(worker, now)
        self._dismiss_replaced(now)
        while self._missing() and now >= self._backoff.next_at:
            self._start_worker(now)
        self._assign_slots()
        return events

    def close(self, patience_s: float = 1.0) -> list[Event]:
        """Dismiss idle workers, kill the others, and return when none is left.

        Returns what `step` does; a job may just have ended. Idle workers have `patience_s` to exit
        before they are killed. Only one that hangs in the kernel can stay, after `KILL_PATIENCE_S`
        more seconds.
        """
        now = monotonic()
        self._backoff.stop()
        for worker in self._workers:
            if worker.job or worker.phase is Phase.STARTING:
                worker.kill(now)
            else:
                worker.dismiss(Monotonic(now + patience_s))
        self._wait_for_ends(patience_s)
        for worker in self._workers:
            worker.kill(now)
        self._wait_for_ends(signals.KILL_PATIENCE_S)
        events = self.step(now)
        for worker in list(self._workers):
            events += self._reap(worker, now)
        return events

    # --------------------------------------------------------------------------- one worker

    def _start_worker(self, now: Monotonic) -> None:
        name = f"{self.spec.name}-{self._started + 1}"
        spread = random.uniform(0.9, 1.0)  # noqa: S311 - so that workers do not leave together
        try:
            if not prepare_start(self.context):
                self._backoff.postpone(now)
                return
            self._started += 1
            ours, theirs = self.context.Pipe()
            # While we hold the worker's end as well, its death would not close the channel.
            with theirs:
                args = (theirs, name, self.spec.limits, self.spec.setup, self.spec.setup_args)
                process = WatchedProcess(self.context, name, worker_main, args)
        except (OSError, EOFError) as error:
            # The fork server or the worker died, or we are out of processes or descriptors.
            self._backoff.note_failure(now, f"{name}: {type(error).__name__}: {error}")
            return
        worker = Worker(
            name,
            process,
            Channel(ours),
            kill_at=Monotonic(now + self.spec.start_timeout_s),
            maxtasksperchild=max(1, int(self.spec.maxtasksperchild * spread)),
            expires_at=Monotonic(now + self.spec.max_age_s * spread),
        )
        self._workers.append(worker)

    def _receive(self, worker: Worker, now: Monotonic) -> list[Event]:
        events: list[Event] = []
        for message in worker.channel.receive():
            try:
                kind, job_id, payload = _decode(message, worker)
            except ValueError as error:
                if worker.phase is not Phase.LEAVING:
                    log.error("worker %s: killed, its message is invalid: %s", worker.name, error)
                worker.kill(now)
                worker.channel.close()  # What it has sent after that is worth no more.
                break
            events += self._act_on(worker, kind, job_id, payload, now)
        return events

    def _act_on(
        self, worker: Worker, kind: MessageKind, job_id: int, payload: bytes, now: Monotonic
    ) -> list[Event]:
        if kind is MessageKind.READY:
            worker.become_ready(stable_at=Monotonic(now + MIN_UPTIME_S))
        elif kind is MessageKind.SETUP_FAILED:
            self._backoff.note_failure(now, f"{worker.name}: {payload.decode(errors='replace')}")
            worker.dismiss(Monotonic(now + self.spec.stop_grace_s))
        elif worker.job and worker.job.id == job_id:
            if kind is MessageKind.REPORT:
                return decode_report(job_id, payload)
            outcome = decode_outcome(kind, job_id, payload, worker.job.stop_reason)
            self._finish_job(worker, now, is_fatal=kind is MessageKind.FATAL_ERROR)
            return [outcome]
        return []

    def _finish_job(self, worker: Worker, now: Monotonic, *, is_fatal: bool) -> None:
        worker.end_job()
        self._note_good_start(worker)
        if is_fatal:
            worker.dismiss(Monotonic(now + self.spec.stop_grace_s))
        elif worker.phase is not Phase.LEAVING:
            worker.needs_successor = worker.needs_successor or self._has_used_much(worker)

    def _enforce_deadlines(self, worker: Worker, now: Monotonic) -> None:
        job = worker.job
        if job and not job.stop_reason and now >= job.deadline:
            kill_at = Monotonic(now + self.spec.stop_grace_s)
            worker.stop_job(job, StopReason.TIMED_OUT, kill_at)
        if worker.channel.is_closed and worker.phase is not Phase.LEAVING:
            # It is about to end, or can no longer be used.
            worker.kill_at = min(worker.kill_at, Monotonic(now + HANGUP_GRACE_S))
        if now >= worker.kill_at:
            if worker.phase is Phase.STARTING:
                self._backoff.note_failure(now, f"{worker.name} took too long to be ready")
            worker.kill(now)
        if now >= worker.stable_at:
            self._note_good_start(worker)
        worker.needs_successor = worker.needs_successor or now >= worker.expires_at

    def _note_good_start(self, worker: Worker) -> None:
        """Count the start of a worker as a success, once."""
        if not worker.is_stable:
            worker.is_stable = True
            self._backoff.note_success()

    def _reap(self, worker: Worker, now: Monotonic) -> list[Event]:
        """Forget a worker that has ended. Returns what became of its job, if it had one."""
        self._workers.remove(worker)
        worker.channel.close()
        exitcode = worker.process.release()
        if worker.job is None:
            if worker.phase is not Phase.LEAVING:
                log.warning("worker %s: ended with exit code %s.", worker.name, exitcode)
                if not worker.is_stable:
                    self._backoff.note_failure(now, f"{worker.name} ended with {exitcode}")
            return []
        log.warning(
            "job %d: worker %s (pid %d) ended with exit code %s.",
            worker.job.id,
            worker.name,
            worker.process.pid,
            exitcode,
        )
        if worker.job.stop_reason:
            return [Stopped(worker.job.id, worker.job.stop_reason)]
        return [Lost(worker.job.id, exitcode)]

    def _wait_for_ends(self, timeout_s: float) -> None:
        deadline = monotonic() + timeout_s
        for worker in self._workers:
            wait_ready([worker.process], [], deadline - monotonic())

    # ---------------------------------------------------------------------- how many workers

    def _missing(self) -> int:
        """How many workers should be started now."""
        staying = [w for w in self._workers if w.phase is not Phase.LEAVING]
        # One successor at a time: the pool is never more than one worker above its size.
        wanted = self.spec.size + any(worker.needs_successor for worker in staying)
        return max(0, wanted - len(staying))

    def _assign_slots(self) -> None:
        """Number the workers that make up the pool; a successor takes over its predecessor's."""
        staying = [w for w in self._workers if w.phase is not Phase.LEAVING]
        taken = {worker.slot for worker in staying}
        free = [slot for slot in range(1, self.spec.size + 1) if slot not in taken]
        without = [worker for worker in staying if worker.slot is None]
        for worker, slot in zip(without, free, strict=False):
            worker.slot = slot

    def _idle_workers(self) -> list[Worker]:
        """The workers that can take a job; exhausted ones only while no other can be started."""
        may_exceed = self._backoff.failures > 0
        return [w for w in self._workers if w.is_idle and (may_exceed or not w.is_exhausted)]

    def _has_used_much(self, worker: Worker) -> bool:
        """Whether a worker that has just done a job is near one of its limits."""
        if worker.jobs_done >= SUCCESSOR_SHARE * worker.maxtasksperchild:
            return True
        limit = self.spec.limits.data_bytes
        if limit is None:
            return False
        # Where no descriptor is left, /proc cannot be read; that must not end the pool's owner, and
        # is tried again after the next job.
        with contextlib.suppress(OSError):
            return memory.data_bytes(worker.process.pid) > SUCCESSOR_SHARE * limit
        return False

    def _dismiss_replaced(self, now: Monotonic) -> None:
        """Dismiss idle workers whose successor is ready, or can be expected to be soon."""
        serving = [w for w in self._workers if w.phase is Phase.SERVING]
        spare = len(serving) - self.spec.size
        for worker in sorted(serving, key=lambda w: w.jobs_done, reverse=True):
            if worker.job or not worker.needs_successor:
                continue
            if spare > 0 or (worker.is_exhausted and not self._backoff.failures):
                worker.dismiss(Monotonic(now + self.spec.stop_grace_s))
                spare -= 1


def _decode(message: bytes, worker: Worker) -> tuple[MessageKind, int, bytes]:
    """Split a message of this worker. Raises ValueError when it is malformed or out of turn."""
    kind, job_id, payload = decode(message)
    is_starting = worker.phase is Phase.STARTING
    if kind in _TO_WORKER or (kind in _START_MESSAGES) is not is_starting:
        # A second READY would cancel a kill that is due.
        raise ValueError(f"{kind.name} out of turn")
    return kind, job_id, payload
