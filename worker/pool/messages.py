"""The messages between a pool and a worker, as bytes.

A message is one byte for its kind, eight for the job's id, and a payload. The id is not part of
the pickled payload, so a payload that cannot be unpickled still fails the right job.
"""

import struct
from enum import IntEnum

HEAD = struct.Struct("!BQ")


class MessageKind(IntEnum):
    """The kinds of messages: the first two go to a worker, the others come from it."""

    JOB = 1
    STOP = 2
    READY = 3
    SETUP_FAILED = 4  # the payload is the traceback
    REPORT = 5
    RESULT = 6
    ERROR = 7  # the payload is (exception, traceback)
    FATAL_ERROR = 8  # the same, and the worker exits: it gets no other job
    STOPPED = 9


class RemoteError(Exception):
    """Stands in for a job's exception or result that cannot be pickled; carries its text."""


def encode(kind: MessageKind, job_id: int, payload: bytes = b"") -> bytes:
    """Make one message."""
    return HEAD.pack(kind, job_id) + payload


def decode(message: bytes) -> tuple[MessageKind, int, bytes]:
    """Split a message into kind, job id and payload. Raises ValueError when it is malformed."""
    if len(message) < HEAD.size:
        raise ValueError(f"a message of {len(message)} bytes")
    kind, job_id = HEAD.unpack_from(message)
    return MessageKind(kind), job_id, message[HEAD.size :]
