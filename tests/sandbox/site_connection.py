"""One connection to the media site: what is sent over it, in parts and at the site's speed."""

from __future__ import annotations

import contextlib
import re
import select
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any, Protocol

from .blobs import Blob
from .clips import Clips
from .server import LoopbackServer

_PIECE = 2 * 1024
_PAUSE_S = 0.4
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class Site(Protocol):
    """What the connections have in common."""

    clips: Clips
    stopping: threading.Event
    is_slow: threading.Event

    @property
    def url(self) -> str:
        """The address without a trailing slash."""

    def age_of_stream(self, name: str) -> tuple[float, bool]:
        """For how many seconds a live stream has gone on, and whether it has ended."""

    def has_started(self, name: str) -> bool:
        """Whether a live stream that was to start has."""

    def is_held(self, path: str) -> bool:
        """Whether the file of a path is not to go on."""

    def fails_again(self, path: str, times: int) -> bool:
        """Count a request for a flaky path; whether it fails once more."""

    def answer(self, to: SiteConnection) -> None:
        """Serve what a request is for."""


class SiteConnection(BaseHTTPRequestHandler):
    """One client's connection, and the means to answer over it."""

    protocol_version = "HTTP/1.1"
    server_version = "sandbox-site"
    sys_version = ""
    disable_nagle_algorithm = True
    server: LoopbackServer

    def log_message(self, *args: Any) -> None:
        """Nothing: the requests are recorded."""

    @property
    def site(self) -> Site:
        """The site that it belongs to."""
        site: Site = self.server.service
        return site

    def do_HEAD(self) -> None:
        """The headers that a GET would answer with."""
        self.do_GET()

    def do_GET(self) -> None:
        """Have the site answer."""
        self.site.answer(self)

    def begin(self, status: int, headers: dict[str, str]) -> None:
        """Send the head of an answer."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def fail(self, status: int, headers: dict[str, str] | None = None, text: str = "") -> None:
        """Answer with an error and a line of text."""
        body = (text or f"{status} {self.responses[status][0]}").encode()
        fixed = {"Content-Type": "text/plain", "Content-Length": str(len(body))}
        self.begin(status, fixed | (headers or {}))
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_page(self, page: str) -> None:
        """Answer with HTML."""
        self.send_bytes(page.encode(), "text/html; charset=utf-8")

    def send_bytes(self, data: bytes, content_type: str) -> None:
        """Answer with a file that is in memory, or the range of it that was asked for."""
        self.send_blob(Blob(data, len(data)), content_type)

    def send_blob(self, blob: Blob, content_type: str) -> None:
        """Answer with a file, or the range of it that was asked for."""
        start, end, status = 0, blob.size, 200
        headers = {"Content-Type": content_type, "Accept-Ranges": "bytes"}
        asked = _RANGE.fullmatch(self.headers.get("Range") or "")
        if asked is not None and asked[0] != "bytes=-":
            start, end = _asked_range(asked[1], asked[2], blob.size)
            if start >= blob.size:
                self.fail(416, {"Content-Range": f"bytes */{blob.size}"})
                return
            status = 206
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{blob.size}"
        self.begin(status, headers | {"Content-Length": str(end - start)})
        if self.command == "HEAD":
            return
        for data in blob.read(start, end):
            if not self._write(data):
                self.close_connection = True
                return

    def wait_for_its_end(self, timeout_s: float | None) -> bool:
        """Wait; True as soon as the client has disconnected or the site stops."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while not self.site.stopping.is_set():
            left = 0.2 if deadline is None else min(0.2, deadline - time.monotonic())
            if left <= 0:
                return False
            readable, _, _ = select.select([self.connection], [], [], left)
            if readable:
                with contextlib.suppress(OSError):
                    if self.connection.recv(1, socket.MSG_PEEK):
                        # A visitor that asks for more already has not left.
                        self.site.stopping.wait(left)
                        continue
                return True
        return True

    def _write(self, data: bytes) -> bool:
        """Send a part of a file; whether the client is still there."""
        while self.site.is_slow.is_set() and data:
            self.wfile.write(data[:_PIECE])
            data = data[_PIECE:]
            if self.wait_for_its_end(_PAUSE_S):
                return False
        self.wfile.write(data)
        return True


Route = Callable[[SiteConnection, str, dict[str, str]], None]
"""Answers a request, given its path and the first value of each name in its query."""


def _asked_range(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:
        return max(size - int(last), 0), size
    return int(first), min(int(last) + 1, size) if last else size
