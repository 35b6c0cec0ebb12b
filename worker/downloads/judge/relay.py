"""Relay bytes between two sockets in both directions, and buffer next to none of them."""

import contextlib
import socket
import struct
from collections.abc import Callable

from worker.downloads.judge.loop import READ, WRITE, Waits
from worker.downloads.judge.tls import Stream

CHUNK_BYTES = 128 * 1024

Rewrite = Callable[[bytes], bytes]

# All connections share it: between two calls nothing is left in it.
_room = memoryview(bytearray(CHUNK_BYTES))

_ABORT = struct.pack("ii", 1, 0)


def abort(made: Stream) -> None:
    """Close a socket so that its peer sees a failure and not the end of a whole answer."""
    with contextlib.suppress(OSError):
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
    made.close()


class _Direction:
    """One direction. While the sink takes nothing, nothing is read from the source."""

    def __init__(
        self,
        source: Stream,
        sink: Stream,
        pending: bytes = b"",
        *,
        is_all: bool = False,
        rewrite: Rewrite | None = None,
    ) -> None:
        """`is_all`: `pending` is everything that the source may send."""
        self._source = source
        self._sink = sink
        self.pending = pending
        self._is_all = is_all
        self._rewrite = rewrite
        self.has_ended = False
        """The source has sent its last byte; the sink is told after what is pending."""
        self.is_over = False

    @property
    def wants_more(self) -> bool:
        return not self.pending and not self.has_ended

    def read(self) -> int:
        """Pass on what there is. Returns how many bytes. Raises OSError when a peer is gone."""
        try:
            count = self._source.recv_into(_room)
        except BlockingIOError:
            return 0
        if not count:
            self.has_ended = True
            self.write()
            return 0
        if self._is_all:
            raise ConnectionAbortedError
        data: bytes | memoryview = _room[:count]
        if self._rewrite:
            data, self._rewrite = self._rewrite(bytes(data)), None
        sent = self._send(data)
        if sent < len(data):
            self.pending = bytes(data[sent:])
        return count

    def write(self) -> None:
        """Send what is pending, and then the end if that has come."""
        self.pending = self.pending[self._send(self.pending) :] if self.pending else b""
        if self.has_ended and not self.pending and not self.is_over:
            self.is_over = True
            self._sink.shutdown(socket.SHUT_WR)

    def _send(self, data: bytes | memoryview) -> int:
        try:
            return self._sink.send(data)
        except BlockingIOError:
            return 0


class Relay:
    """A connection that has been made. It closes both sockets in the end."""

    def __init__(
        self,
        loop: Waits,
        client: Stream,
        site: Stream,
        early: bytes,
        on_bytes: Callable[[int], None],
        on_end: Callable[[], None],
        *,
        is_one_request: bool = False,
        rewrite_answer: Rewrite | None = None,
    ) -> None:
        """`early` is what the client has sent already; `on_bytes` hears how many pass.

        A client of one request has sent all that it may say, and ends it by saying more.
        `rewrite_answer` is given the first bytes that the site sends.
        """
        self._loop = loop
        self._client, self._site = client, site
        self._out = _Direction(client, site, early, is_all=is_one_request)
        self._back = _Direction(site, client, rewrite=rewrite_answer)
        self._on_bytes = on_bytes
        self._on_end = on_end
        self._is_one_request = is_one_request
        on_bytes(len(early))
        self._watch()

    def close(self) -> None:
        """End it at once, so that neither side takes it for complete."""
        for made in (self._client, self._site):
            self._loop.watch(made, 0)
        abort(self._site)
        if self._is_one_request:
            # The client is ffmpeg, which ignores a reset but reports a body that ends early.
            self._client.close()
        else:
            abort(self._client)

    def _client_ready(self, events: int) -> None:
        self._ready(events, self._out, self._back)

    def _site_ready(self, events: int) -> None:
        self._ready(events, self._back, self._out)

    def _ready(self, events: int, reading: _Direction, writing: _Direction) -> None:
        try:
            if events & WRITE:
                writing.write()
            if events & READ and (count := reading.read()):
                self._on_bytes(count)
        except OSError:
            self._on_end()
            return
        if self._out.is_over and self._back.is_over:
            self._on_end()
            return
        self._watch()

    def _watch(self) -> None:
        for made, reading, writing, call in (
            (self._client, self._out, self._back, self._client_ready),
            (self._site, self._back, self._out, self._site_ready),
        ):
            events = (READ if reading.wants_more else 0) | (WRITE if writing.pending else 0)
            self._loop.watch(made, events, call)
