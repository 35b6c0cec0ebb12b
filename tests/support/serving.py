"""Servers that answer, in a thread of the test, until a block ends."""

import socketserver
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from typing import Any


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over clients that are gone before they have read all."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


@contextmanager
def running(server: socketserver.BaseServer) -> Iterator[None]:
    """Let a server answer until the block ends."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


@contextmanager
def answering(handler: Callable[..., Any], host: str = "127.0.0.1") -> Iterator[str]:
    """The address of an HTTP server whose requests a class of `http.server` answers."""
    with _Server((host, 0), handler) as server, running(server):
        yield f"http://{host}:{server.server_port}"
