"""What a pool tells its owner about a job, made from what the worker has sent.

Nothing that a worker sends may raise here: it is unpickled in the owner's process.
"""

import logging
import pickle
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from worker.pool.worker_main import MessageKind, RemoteError

log = logging.getLogger(__name__)


class StopReason(StrEnum):
    """Why the pool ended a job."""

    TIMED_OUT = "timed out"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Reported:
    """A running job sent word through `JobContext.report`."""

    job: int
    message: Any


@dataclass(frozen=True)
class Finished:
    """The job returned."""

    job: int
    result: Any


@dataclass(frozen=True)
class Failed:
    """The job raised."""

    job: int
    error: BaseException
    traceback: str


@dataclass(frozen=True)
class Stopped:
    """The job was ended by `stop_job` or by its timeout, heeding the order or not."""

    job: int
    why: StopReason


@dataclass(frozen=True)
class Lost:
    """The job's worker died under it. `exitcode` as in multiprocessing; None is unknown."""

    job: int
    exitcode: int | None


Event = Reported | Finished | Failed | Stopped | Lost


def open_report(job: int, content: bytes) -> list[Event]:
    """A report as an event; one that does not unpickle is dropped, for its job goes on."""
    try:
        return [Reported(job, pickle.loads(content))]  # noqa: S301 - from our own child
    except BaseException as error:  # noqa: BLE001 - even SystemExit, from a pickle
        log.warning("job %d: a report does not unpickle: %r", job, error)
        return []


def open_answer(kind: MessageKind, job: int, content: bytes, stopping: StopReason | None) -> Event:
    """The event that a worker's one answer to a job stands for.

    `stopping` is why the job was told to stop, if it was.
    """
    if kind is MessageKind.STOPPED:
        return Stopped(job, stopping or StopReason.STOPPED)
    try:
        if kind is MessageKind.RESULT:
            return Finished(job, pickle.loads(content))  # noqa: S301 - from our own child
        return Failed(job, *pickle.loads(content))  # noqa: S301
    except BaseException as error:  # noqa: BLE001 - even SystemExit, from a pickle
        return Failed(job, RemoteError(f"the answer does not unpickle: {error!r}"), "")
