"""What runs inside a pool's worker process: take a job, run it, answer, again.

An envelope is one byte for its kind, eight for the job's id, and the pickled content. The id
stands outside of the pickle, so what cannot be unpickled can still be laid at its job's door.
"""

import contextlib
import multiprocessing
import os
import pickle
import signal
import struct
import traceback
from collections.abc import Callable
from enum import IntEnum

# Each worker of a fork server needs it to take over its connection, and multiprocessing leaves
# the import to the worker: a fork server that has it already spares each nearly a millisecond.
from multiprocessing import popen_forkserver  # noqa: F401
from multiprocessing.connection import Connection
from typing import Any

from worker.pool.channel import MAX_MESSAGE_BYTES
from worker.processes import process_setup

_HEAD = struct.Struct("!BQ")


class MessageKind(IntEnum):
    """The kinds of envelopes: the first two go to a worker, the others come from it."""

    JOB = 1
    STOP = 2
    READY = 3
    BROKEN = 4  # setup failed; the content is the traceback
    REPORT = 5
    RESULT = 6
    ERROR = 7  # the content is (exception, traceback)
    LAST_ERROR = 8  # the same, and the worker ends: give it no other job
    STOPPED = 9


class StopJob(BaseException):
    """Raised inside a job that was told to stop. Not an Exception: no handler may eat it."""


class RemoteError(Exception):
    """Stands for an exception that cannot travel between processes; says what it said."""


def seal(kind: MessageKind, job: int, content: bytes = b"") -> bytes:
    """An envelope as bytes."""
    return _HEAD.pack(kind, job) + content


def unseal(envelope: bytes) -> tuple[MessageKind, int, bytes]:
    """Kind, job and content of an envelope. Raises ValueError on rubbish."""
    if len(envelope) < _HEAD.size:
        raise ValueError(f"an envelope of {len(envelope)} bytes")
    kind, job = _HEAD.unpack_from(envelope)
    return MessageKind(kind), job, envelope[_HEAD.size :]


class JobContext:
    """A job's way to talk to the pool while it runs."""

    def __init__(self, connection: Connection, job: int) -> None:
        """For one job, on the worker's connection."""
        self._connection = connection
        self.job = job

    def report(self, message: object) -> None:
        """Send something small to the pool's owner now; it must pickle."""
        self._connection.send_bytes(seal(MessageKind.REPORT, self.job, _pickled(message)))

    def fileno(self) -> int:
        """Readable when `raise_if_stopped` may have something to say."""
        return self._connection.fileno()

    def raise_if_stopped(self) -> None:
        """Raise StopJob when the pool wants this job stopped, or is no longer there."""
        while self._connection.poll():
            try:
                kind, job, _ = unseal(self._connection.recv_bytes())
            except (EOFError, OSError):
                raise StopJob from None
            if kind is MessageKind.STOP and job == self.job:
                raise StopJob


Handler = Callable[[JobContext, Any], Any]
"""Runs one job: (context, task) to result."""

Setup = Callable[..., Handler]
"""Called once in each new worker, after its limits are set; what it returns runs the jobs."""


def worker_main(
    connection: Connection,
    name: str,
    limits: process_setup.Limits,
    setup: Setup,
    setup_args: tuple[Any, ...],
) -> None:
    """The main function of a worker process. Ends when the pool closes the connection."""
    # Not with the parent: that may be a fork server, which lives as long as a worker does and
    # whose death is no reason to lose a job.
    owner = multiprocessing.parent_process()
    assert owner is not None  # noqa: S101 - a pool's worker has one
    process_setup.die_with_writer(owner.sentinel)
    process_setup.set_name(name)
    # Ctrl-C reaches the whole foreground group; when workers stop is the bot's decision.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        limits.apply()
        handler = setup(*setup_args)
    except BaseException:  # noqa: BLE001 - the process's outer edge; the parent logs it
        connection.send_bytes(seal(MessageKind.BROKEN, 0, traceback.format_exc().encode()))
        raise SystemExit(1) from None
    with contextlib.suppress(EOFError, OSError):
        connection.send_bytes(seal(MessageKind.READY, 0))
        while True:
            kind, job, content = unseal(connection.recv_bytes())
            if kind is MessageKind.JOB and not _run(connection, job, content, handler):
                break


def _run(connection: Connection, job: int, content: bytes, handler: Handler) -> bool:
    """Run one job and send its one answer. False when the worker should not go on."""
    pid = os.getpid()
    fit_to_go_on = True
    try:
        task = pickle.loads(content)  # noqa: S301 - written by our own parent
        answer = seal(MessageKind.RESULT, job, _pickled(handler(JobContext(connection, job), task)))
    except StopJob:
        answer = seal(MessageKind.STOPPED, job)
    except BaseException as error:  # noqa: BLE001 - the job's outer edge
        # What the job's frames hold is freed, for memory may be what ran out.
        traceback.clear_frames(error.__traceback__)
        # Memory that ran out may have run out anywhere, and what is not an Exception was
        # meant to end the process: neither leaves a worker that the next job can trust.
        fit_to_go_on = isinstance(error, Exception) and not isinstance(error, MemoryError)
        kind = MessageKind.ERROR if fit_to_go_on else MessageKind.LAST_ERROR
        answer = seal(kind, job, _pickled_error(error))
    if os.getpid() != pid:
        os._exit(1)  # A process that the job forked and let slip does not answer for it.
    connection.send_bytes(answer)
    return fit_to_go_on


def _pickled(value: object) -> bytes:
    """The value's pickle, which was tried here: what crashes there must not crash the parent."""
    blob = pickle.dumps(value)
    if len(blob) > MAX_MESSAGE_BYTES - _HEAD.size:
        raise ValueError(f"{len(blob)} bytes are too long for a message")
    pickle.loads(blob)  # noqa: S301 - made in the line above
    return blob


def _pickled_error(error: BaseException) -> bytes:
    """(exception, traceback text), with a `RemoteError` for one that cannot travel."""
    text = "".join(traceback.format_exception(error))
    try:
        return _pickled((error, text))
    except BaseException:  # noqa: BLE001 - its __reduce__ may raise anything
        return pickle.dumps((RemoteError(text.rstrip().rpartition("\n")[2]), text))
