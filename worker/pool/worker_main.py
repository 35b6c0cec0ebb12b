"""What runs inside a pool's worker process: take a job, run it, send the outcome, repeat."""

import contextlib
import multiprocessing
import os
import pickle
import signal
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from worker.pool.channel import MAX_MESSAGE_BYTES
from worker.pool.messages import HEAD, MessageKind, RemoteError, decode, encode
from worker.processes import process_setup, signals


class StopJob(BaseException):
    """Raised inside a job that was told to stop. Not an Exception: no handler may swallow it."""


class JobContext:
    """Lets a running job talk to the pool: send reports, and learn that it should stop."""

    def __init__(self, connection: Connection, job_id: int) -> None:
        self._connection = connection
        self.job_id = job_id

    def report(self, message: object) -> None:
        """Send a small message to the pool's owner now. Raises when it cannot be pickled."""
        self._connection.send_bytes(encode(MessageKind.REPORT, self.job_id, _pickled(message)))

    def fileno(self) -> int:
        """A descriptor that is readable when `raise_if_stopped` may have something to do."""
        return self._connection.fileno()

    def raise_if_stopped(self) -> None:
        """Raise StopJob when the pool has told this job to stop, or is gone."""
        while self._connection.poll():
            try:
                kind, job_id, _ = decode(self._connection.recv_bytes())
            except (EOFError, OSError):
                raise StopJob from None
            if kind is MessageKind.STOP and job_id == self.job_id:
                raise StopJob


Handler = Callable[[JobContext, Any], Any]
"""Runs one job: (context, task) to result."""

Setup = Callable[..., Handler]
"""Called once in each new worker, after its limits are set; returns what runs the jobs."""


def worker_main(
    connection: Connection,
    name: str,
    limits: process_setup.Limits,
    setup: Setup,
    setup_args: tuple[Any, ...],
) -> None:
    """Run a worker process until the pool closes the connection."""
    belong_to_owner(name)
    try:
        limits.apply()
        handler = setup(*setup_args)
    except BaseException:  # noqa: BLE001 - the process's outer edge; the parent logs it
        payload = traceback.format_exc().encode()
        connection.send_bytes(encode(MessageKind.SETUP_FAILED, 0, payload))
        raise SystemExit(1) from None
    with contextlib.suppress(EOFError, OSError):
        connection.send_bytes(encode(MessageKind.READY, 0))
        while True:
            kind, job_id, payload = decode(connection.recv_bytes())
            if kind is not MessageKind.JOB:
                continue
            process_setup.set_title(f"{process_setup.PROGRAM}: {name} job {job_id}")
            if not _run(connection, job_id, payload, handler):
                break
            process_setup.set_title(f"{process_setup.PROGRAM}: {name}")


def belong_to_owner(name: str) -> None:
    """Take a name, and end when the process ends for which multiprocessing has started this one."""
    # Not with the parent: that may be a fork server, whose death is no reason to lose a job.
    owner = multiprocessing.parent_process()
    if owner is None:
        raise RuntimeError("a worker must be started by multiprocessing")
    process_setup.die_with_writer(owner.sentinel)
    # What a job leaves without a parent stays below its worker, and ends with it.
    process_setup.become_subreaper()
    process_setup.set_name(name)
    process_setup.set_title(f"{process_setup.PROGRAM}: {name}")
    # Ctrl-C and the end of a terminal reach the whole process group; the owner decides when
    # workers stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _run(connection: Connection, job_id: int, payload: bytes, handler: Handler) -> bool:
    """Run one job and send its outcome. False when the worker must end and not run another."""
    pid = os.getpid()
    can_continue = True
    try:
        task = pickle.loads(payload)  # noqa: S301 - written by our own parent
        result = handler(JobContext(connection, job_id), task)
        outcome = encode(MessageKind.RESULT, job_id, _pickled(result))
    except StopJob:
        can_continue = _kill_leftovers()
        # Where that fails, this process ends, which says the same, and is given no job before.
        outcome = encode(MessageKind.STOPPED, job_id) if can_continue else b""
    except BaseException as error:  # noqa: BLE001 - the job's outer edge
        # Free what the job's frames hold: memory may be what ran out.
        traceback.clear_frames(error.__traceback__)
        # Memory that ran out may have run out anywhere, and what is not an Exception was meant
        # to end the process: after either, the next job could not rely on this worker.
        can_continue = isinstance(error, Exception) and not isinstance(error, MemoryError)
        kind = MessageKind.ERROR if can_continue else MessageKind.FATAL_ERROR
        outcome = encode(kind, job_id, _pickled_error(error))
    if os.getpid() != pid:
        os._exit(1)  # A process that the job forked must not send an outcome as well.
    if outcome:
        connection.send_bytes(outcome)
    return can_continue


def _kill_leftovers() -> bool:
    """Kill what a stopped job has left behind. False when something will not die."""
    try:
        signals.kill_descendants()
    except TimeoutError:
        return False
    return True


def _pickled(value: object) -> bytes:
    """Pickle a value and try to unpickle it: a crash must happen here, not in the parent."""
    blob = pickle.dumps(value)
    if len(blob) > MAX_MESSAGE_BYTES - HEAD.size:
        raise ValueError(f"{len(blob)} bytes are too long for a message")
    pickle.loads(blob)  # noqa: S301 - made in the line above
    return blob


def _pickled_error(error: BaseException) -> bytes:
    """Pickle (exception, traceback text); a `RemoteError` replaces what cannot be pickled."""
    text = "".join(traceback.format_exception(error))
    try:
        return _pickled((error, text))
    except BaseException:  # noqa: BLE001 - its __reduce__ may raise anything
        return pickle.dumps((RemoteError(text.rstrip().rpartition("\n")[2]), text))
