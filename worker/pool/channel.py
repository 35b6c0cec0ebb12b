"""The parent's end of a worker's private pipe: framed messages, and no call that blocks.

The child's end is a plain `multiprocessing.connection.Connection`. This end uses the same
framing, but does not block when the child is stopped or killed in the middle of a message: the
partial message stays in the buffer.

Each worker has a pipe of its own. A shared queue would have a shared lock, and a worker that is
killed while it holds the lock blocks all the others (CPython gh-96062).
"""

import os
import select
import struct
from collections.abc import Iterable
from multiprocessing.connection import Connection
from typing import Protocol

MAX_MESSAGE_BYTES = 256 * 1024 * 1024
"""A longer message closes the channel, so that no worker can fill the parent's memory."""

_CHUNK_BYTES = 256 * 1024

_CHUNKS_PER_CALL = 16
"""Bounds the time spent on a worker that reads or writes without end. It is far more than a pipe
holds, so one call reads all that a dead worker had sent."""

_MAX_WAIT_S = 3600.0
"""The timeout of poll(2) is a C int of milliseconds."""

# `Connection` writes the length as a signed 32-bit integer, or -1 and then 64 bits.
_SHORT = struct.Struct("!i")
_LONG = struct.Struct("!iQ")


class HasFileno(Protocol):
    """Anything that poll(2) can watch."""

    def fileno(self) -> int:
        """The file descriptor."""


class Channel:
    """Sends and receives whole messages, never blocking."""

    def __init__(self, connection: Connection) -> None:
        """Take over `connection`, the parent's end of a duplex `multiprocessing.Pipe`."""
        self._connection = connection
        self._incoming = bytearray()
        self._outgoing = bytearray()
        self.is_closed = False
        os.set_blocking(connection.fileno(), False)

    def fileno(self) -> int:
        return self._connection.fileno()

    @property
    def has_unsent(self) -> bool:
        """Whether `flush` should be called when the channel becomes writable."""
        return bool(self._outgoing) and not self.is_closed

    def send(self, message: bytes) -> None:
        """Queue a message, and send as much as the pipe takes now."""
        size = len(message)
        self._outgoing += _SHORT.pack(size) if size <= 0x7FFFFFFF else _LONG.pack(-1, size)
        self._outgoing += message
        self.flush()

    def flush(self) -> None:
        """Send as much of the queued messages as the pipe takes now."""
        try:
            for _ in range(_CHUNKS_PER_CALL):
                if not self.has_unsent:
                    break
                with memoryview(self._outgoing) as view, view[:_CHUNK_BYTES] as chunk:
                    sent = os.write(self.fileno(), chunk)
                del self._outgoing[:sent]
        except BlockingIOError:
            pass
        except OSError:
            # The reader is gone, but what it sent before may still be read: only the sending
            # side ends here.
            self._outgoing.clear()

    def receive(self) -> list[bytes]:
        """Read the messages that are complete by now, oldest first.

        Sets `is_closed` when the other side has closed its end or its framing is invalid.
        """
        try:
            for _ in range(_CHUNKS_PER_CALL):
                if self.is_closed:
                    break
                data = os.read(self.fileno(), _CHUNK_BYTES)
                self._incoming += data
                self.is_closed = not data
                if len(data) < _CHUNK_BYTES:
                    break  # The pipe is empty now.
        except BlockingIOError:
            pass
        except OSError:
            self.is_closed = True
        return self._take_messages()

    def _take_messages(self) -> list[bytes]:
        messages: list[bytes] = []
        start = 0
        while (head := self._head(start)) is not None:
            body, size = head
            if not 0 <= size <= MAX_MESSAGE_BYTES:
                self.is_closed = True
                break
            if len(self._incoming) < body + size:
                break
            messages.append(bytes(self._incoming[body : body + size]))
            start = body + size
        del self._incoming[:start]
        return messages

    def _head(self, start: int) -> tuple[int, int] | None:
        """The offset and size of the body of the message at `start`, None if not known yet."""
        left = len(self._incoming) - start
        if left < _SHORT.size:
            return None
        (size,) = _SHORT.unpack_from(self._incoming, start)
        if size != -1:
            return start + _SHORT.size, size
        if left < _LONG.size:
            return None
        _, size = _LONG.unpack_from(self._incoming, start)
        return start + _LONG.size, size

    def close(self) -> None:
        """Close this end, which makes an idle worker exit."""
        self.is_closed = True
        self._connection.close()


def wait_ready(
    readers: Iterable[HasFileno | int], writers: Iterable[HasFileno | int], timeout_s: float
) -> None:
    """Wait until something can be read or written, or the timeout has passed.

    `multiprocessing.connection.wait` does the same, but only for readers.
    """
    poll = select.poll()
    for reader in readers:
        poll.register(reader, select.POLLIN)
    for writer in writers:
        poll.register(writer, select.POLLIN | select.POLLOUT)
    poll.poll(min(max(0.0, timeout_s), _MAX_WAIT_S) * 1000)
