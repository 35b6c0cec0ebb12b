"""A plain file server in a process of its own, so that serving disturbs no measurement."""

import functools
import math
import multiprocessing
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.sandbox.patience import PATIENCE_S

_CHUNK_BYTES = 16 * 1024
# What a line's buffers hold, which makes up for a server that was not scheduled in time.
_BUFFERED_S = 0.1


@contextmanager
def serve(
    directory: Path,
    delay_s: float = 0.0,
    line_bps: float = float("inf"),
    log: Path | None = None,
) -> Iterator[str]:
    """The address under which `directory` is served.

    `delay_s` is added to every request; all connections together get `line_bps` bytes a second.
    The paths that are asked for are written to `log`.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(
        target=_serve, args=(directory, delay_s, line_bps, log, theirs), daemon=True
    )
    process.start()
    theirs.close()
    try:
        assert ours.poll(PATIENCE_S), "the file server does not start"
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.kill()
        process.join()


class _Line:
    """One line that all connections share."""

    def __init__(self, bps: float) -> None:
        self._bps = bps
        self._free_at = 0.0
        self._lock = threading.Lock()

    def carry(self, count: int) -> None:
        """Wait until so many bytes are through."""
        with self._lock:
            now = time.monotonic()
            self._free_at = max(self._free_at, now - _BUFFERED_S) + count / self._bps
            through_at = self._free_at
        time.sleep(max(0.0, through_at - time.monotonic()))


def _serve(
    directory: Path, delay_s: float, line_bps: float, log: Path | None, ready: Connection
) -> None:
    handler = functools.partial(
        _Handler, directory=str(directory), delay_s=delay_s, line=_Line(line_bps), log=log
    )
    server = _Server(("127.0.0.1", 0), handler)
    server.is_slow = math.isfinite(line_bps)
    ready.send(server.server_port)
    server.serve_forever()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    is_slow = False

    def get_request(self) -> tuple[socket.socket, Any]:
        """A new connection; on a slow line it holds little that a client may never read."""
        connection, address = super().get_request()
        if self.is_slow:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _CHUNK_BYTES)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect."""


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    extensions_map = {  # noqa: RUF012 - as the standard library declares it
        **SimpleHTTPRequestHandler.extensions_map,
        ".m3u8": "application/vnd.apple.mpegurl",
        ".mpd": "application/dash+xml",
    }

    def __init__(
        self, *args: Any, delay_s: float, line: _Line, log: Path | None, **options: Any
    ) -> None:
        self._delay_s = delay_s
        self._line = line
        self._log = log
        super().__init__(*args, **options)

    def do_GET(self) -> None:
        """A file, after as long as a site that far away would take."""
        if self._log:
            with self._log.open("a") as log:
                log.write(f"{self.path}\n")
        time.sleep(self._delay_s)
        super().do_GET()

    def copyfile(self, source: Any, outputfile: Any) -> None:
        """Send a file as fast as the line allows."""
        while chunk := source.read(_CHUNK_BYTES):
            self._line.carry(len(chunk))
            outputfile.write(chunk)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is there
        """Log nothing."""
