"""What a pool tells its owner about a job, decoded from a worker's messages.

Payloads are unpickled in the owner's process, so nothing that a worker sends may raise here.
"""

import logging
import pickle
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from worker.pool.messages import MessageKind, RemoteError

log = logging.getLogger(__name__)


class StopReason(StrEnum):
    """Why the pool told a job to stop."""

    TIMED_OUT = "timed out"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Reported:
    """A running job sent `message` through `JobContext.report`."""

    job_id: int
    message: Any


@dataclass(frozen=True)
class Finished:
    """The job returned."""

    job_id: int
    result: Any


@dataclass(frozen=True)
class Failed:
    """The job raised."""

    job_id: int
    error: BaseException
    traceback: str


@dataclass(frozen=True)
class Stopped:
    """The job ended after `stop_job` or its timeout: by itself, or killed after the grace."""

    job_id: int
    reason: StopReason


@dataclass(frozen=True)
class Lost:
    """The job's worker died. `exitcode` as in multiprocessing; None when unknown."""

    job_id: int
    exitcode: int | None


Event = Reported | Finished | Failed | Stopped | Lost


def decode_report(job_id: int, payload: bytes) -> list[Event]:
    """Unpickle a report. One that fails to unpickle is dropped: its job still runs."""
    try:
        return [Reported(job_id, pickle.loads(payload))]  # noqa: S301 - from our own child
    except BaseException as error:  # noqa: BLE001 - even SystemExit, from a pickle
        log.warning("job %d: dropped a report that cannot be unpickled: %r", job_id, error)
        return []


def decode_outcome(
    kind: MessageKind, job_id: int, payload: bytes, stop_reason: StopReason | None
) -> Event:
    """Decode the one message with which a worker ends a job.

    `stop_reason` is why the job was told to stop, None when it was not.
    """
    if kind is MessageKind.STOPPED:
        return Stopped(job_id, stop_reason or StopReason.STOPPED)
    try:
        if kind is MessageKind.RESULT:
            return Finished(job_id, pickle.loads(payload))  # noqa: S301 - from our own child
        return Failed(job_id, *pickle.loads(payload))  # noqa: S301
    except BaseException as error:  # noqa: BLE001 - even SystemExit, from a pickle
        return Failed(job_id, RemoteError(f"the outcome does not unpickle: {error!r}"), "")
