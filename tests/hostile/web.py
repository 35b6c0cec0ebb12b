"""A web server on loopback that answers as badly as a test wants it to."""

from __future__ import annotations

import contextlib
import http.server
import io
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from tests.sandbox.server import LoopbackServer

Handler = http.server.BaseHTTPRequestHandler
Answer = Callable[[Handler], None]


class Web:
    """Serves `answers` by path, `otherwise` for the rest; `hits` are the paths asked for."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.answers: dict[str, Answer] = {}
        self.otherwise: Answer = status(404)
        self.hits: list[str] = []
        self.stopping = threading.Event()
        web = self

        class _Handler(Handler):
            def log_message(self, *args: object) -> None:
                pass

            def do_GET(self) -> None:  # noqa: N802 - http.server's name
                path = self.path.partition("?")[0]
                web.hits.append(path)
                # Whoever has had enough hangs up.
                with contextlib.suppress(OSError):
                    web.answers.get(path, web.otherwise)(self)

            do_HEAD = do_GET  # noqa: N815

            def do_POST(self) -> None:  # noqa: N802
                # All of it, or the end of the connection would be a reset.
                self.rfile = io.BytesIO(self.rfile.read(int(self.headers["Content-Length"])))
                self.do_GET()

        self._server = LoopbackServer(port, _Handler, self, host)
        self.port = self._server.server_port
        self.url = self._server.url

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stopping.set()
        self._server.stop()


def status(code: int, **headers: str) -> Answer:
    """No content; underscores in the names of headers stand for hyphens."""

    def answer(handler: Handler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def redirect(target: str) -> Answer:
    def answer(handler: Handler) -> None:
        handler.send_response(302)
        handler.send_header("Location", target)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def content(data: bytes | str, kind: str = "text/html", **headers: str) -> Answer:
    """All of it at once; underscores in the names of headers stand for hyphens."""
    body = data.encode() if isinstance(data, str) else data

    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)

    return answer


def stream(pieces: Callable[[], Iterable[bytes]], kind: str, **headers: str) -> Answer:
    """Of unknown length, until `pieces` end or the visitor leaves."""

    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.close_connection = True
        if handler.command == "HEAD":
            return
        for piece in pieces():
            handler.wfile.write(piece)

    return answer
