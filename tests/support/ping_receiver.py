"""A stand-in for a service that waits for pings, such as healthchecks.io."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.sandbox.patience import PATIENCE_S
from tests.support.serving import running

PATH = "/ping/5f2c8a4e-secret"


@dataclass(frozen=True)
class Ping:
    """One that came in: `is_well` unless it was sent to `/fail`."""

    is_well: bool
    text: str


class PingReceiver(ThreadingHTTPServer):
    """Takes pings at `url`, and answers with `status`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receiver)
        self.pings: list[Ping] = []
        self.status = 200

    @property
    def url(self) -> str:
        """The secret address."""
        return f"http://127.0.0.1:{self.server_port}{PATH}"

    @property
    def good(self) -> int:
        """How many have said that all is well."""
        return sum(ping.is_well for ping in self.pings)

    @property
    def complaints(self) -> list[str]:
        """What the others have said."""
        return [ping.text for ping in self.pings if not ping.is_well]

    def wait_for(self, words: str, timeout_s: float = PATIENCE_S) -> None:
        """Until a complaint has these words."""
        deadline = time.monotonic() + timeout_s
        while not any(words in text for text in self.complaints):
            assert time.monotonic() < deadline, f"{words!r} was not said, but {self.pings}"
            time.sleep(0.05)


class _Receiver(BaseHTTPRequestHandler):
    server: PingReceiver

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path in (PATH, f"{PATH}/fail"):
            self.server.pings.append(Ping(self.path == PATH, text))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


@contextmanager
def receiving_pings() -> Iterator[PingReceiver]:
    """One that runs until the block ends."""
    with PingReceiver() as receiver, running(receiver):
        yield receiver
