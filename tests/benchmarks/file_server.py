"""A plain file server in a process of its own, so that serving disturbs no measurement."""

import functools
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

START_S = 30.0


@contextmanager
def serve(directory: Path, delay_s: float = 0.0) -> Iterator[str]:
    """The address under which `directory` is served; `delay_s` is added to every request."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(directory, delay_s, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        assert ours.poll(START_S), "the file server does not start"
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.kill()
        process.join()


def _serve(directory: Path, delay_s: float, ready: Connection) -> None:
    handler = functools.partial(_Handler, directory=str(directory), delay_s=delay_s)
    server = _Server(("127.0.0.1", 0), handler)
    ready.send(server.server_port)
    server.serve_forever()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is none."""


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    extensions_map = {  # noqa: RUF012 - as the standard library declares it
        **SimpleHTTPRequestHandler.extensions_map,
        ".m3u8": "application/vnd.apple.mpegurl",
        ".mpd": "application/dash+xml",
    }

    def __init__(self, *args: Any, delay_s: float, **options: Any) -> None:
        self._delay_s = delay_s
        super().__init__(*args, **options)

    def do_GET(self) -> None:
        """A file, after as long as a site that far away would take."""
        time.sleep(self._delay_s)
        super().do_GET()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is there
        """Nothing."""
