"""A pool's record of one worker: its process, its channel, its job, and when it must end."""

import math
from dataclasses import dataclass
from enum import StrEnum

from worker.clocks import Monotonic
from worker.pool.channel import Channel
from worker.pool.events import StopReason
from worker.pool.messages import MessageKind, encode
from worker.pool.watched_process import WatchedProcess

NEVER = Monotonic(math.inf)

KILL_RETRY_S = 1.0
"""How long after one SIGKILL the next is sent, to a process that hangs in the kernel."""


class Phase(StrEnum):
    """How far a worker is between its start and its end."""

    STARTING = "starting"
    SERVING = "serving"
    """It is ready, and takes jobs."""
    LEAVING = "leaving"
    """It gets no more jobs: it was told to exit, or killed."""


@dataclass(frozen=True)
class WorkerState:
    """A worker at one moment: `state` is starting, idle, busy or leaving.

    `slot` is its number among those that make up the pool, from 1 to the pool's size; None for
    one that leaves or waits to succeed another.
    """

    name: str
    slot: int | None
    pid: int
    state: str
    jobs_done: int
    job_id: int | None


@dataclass
class SubmittedJob:
    """A job that was submitted to a worker."""

    id: int
    deadline: Monotonic
    stop_reason: StopReason | None = None
    """Why it was told to stop, None when it was not."""


@dataclass
class Worker:
    """A worker process, as its pool sees it."""

    name: str
    process: WatchedProcess
    channel: Channel
    kill_at: Monotonic
    """When its time is over: to get ready, to stop its job, or to exit by itself. Once it was
    killed, when it is killed again. `NEVER` while nothing of that is due."""
    maxtasksperchild: int
    expires_at: Monotonic
    """The end of its time in service."""
    phase: Phase = Phase.STARTING
    stable_at: Monotonic = NEVER
    """When its start is a success if it has done no job by then; never before it is ready."""
    is_stable: bool = False
    """The start counts as a success."""
    needs_successor: bool = False
    """The worker is old, has done most of its jobs or uses most of its memory."""
    slot: int | None = None
    jobs_done: int = 0
    job: SubmittedJob | None = None

    @property
    def is_idle(self) -> bool:
        return self.phase is Phase.SERVING and not self.channel.is_closed and self.job is None

    @property
    def is_exhausted(self) -> bool:
        return self.jobs_done >= self.maxtasksperchild

    @property
    def next_deadline(self) -> Monotonic:
        """When the pool must look at this worker, even if it sends nothing."""
        deadlines = [self.kill_at]
        if self.job and not self.job.stop_reason:
            deadlines.append(self.job.deadline)
        if not self.is_stable:
            deadlines.append(self.stable_at)
        if not self.needs_successor and self.phase is not Phase.LEAVING:
            deadlines.append(self.expires_at)
        return min(deadlines)

    @property
    def state(self) -> WorkerState:
        """A snapshot of the worker, for other threads."""
        job = self.job
        return WorkerState(
            self.name,
            None if self.phase is Phase.LEAVING else self.slot,
            self.process.pid,
            "busy" if job else "idle" if self.phase is Phase.SERVING else self.phase.value,
            self.jobs_done,
            job.id if job else None,
        )

    def become_ready(self, stable_at: Monotonic) -> None:
        """Note that the worker is ready; its start is a success at `stable_at`, or by a job."""
        self.phase = Phase.SERVING
        self.stable_at = stable_at
        self.kill_at = NEVER

    def run(self, job: SubmittedJob, message: bytes) -> None:
        """Send a job to the worker, which must be idle."""
        self.job = job
        self.channel.send(message)

    def stop_job(self, job: SubmittedJob, reason: StopReason, kill_at: Monotonic) -> None:
        """Tell the worker's job to stop; the worker is killed at `kill_at` if it has not."""
        if not job.stop_reason:
            job.stop_reason = reason
            self.channel.send(encode(MessageKind.STOP, job.id))
        self.kill_at = min(self.kill_at, kill_at)

    def end_job(self) -> None:
        """Note that the worker's job has ended."""
        self.job = None
        self.jobs_done += 1
        if self.phase is Phase.SERVING:
            self.kill_at = NEVER

    def dismiss(self, kill_at: Monotonic) -> None:
        """Close the channel, which makes an idle worker exit; it is killed at `kill_at`."""
        self.phase = Phase.LEAVING
        self.kill_at = kill_at
        self.channel.close()

    def kill(self, now: Monotonic) -> None:
        """Send SIGKILL, and again later if that has not ended it."""
        self.phase = Phase.LEAVING
        self.kill_at = Monotonic(now + KILL_RETRY_S)
        self.process.kill()
