"""HEALTH_LISTEN: a small HTTP server that says how the bot is.

`/healthz` answers 200 or 503 with the reasons, `/metrics` what `health --prometheus` prints. Both
show the last sample, which is at most 15 seconds old, so a request costs next to nothing and does
not open the ledger. Only the first line of a request matters.
"""

import contextlib
import json
import logging
import socket
import threading
import time
from collections.abc import Callable
from http import HTTPStatus

from maintenance.reporting import prometheus
from maintenance.reporting.condition import BotHealth, Condition
from worker import clocks

log = logging.getLogger(__name__)

MAX_CLIENTS = 8
"""How many clients are answered at a time; others are disconnected."""

MAX_HEAD_BYTES = 8192
PATIENCE_S = 5.0
"""How long a client may take in all."""

BIND_AGAIN_S = 10.0

HttpPage = tuple[HTTPStatus, str, str]
"""The status, the content type, and the body."""

_PLAIN = "text/plain; charset=utf-8"
_METRICS = "text/plain; version=0.0.4; charset=utf-8"
_JSON = "application/json"


class HealthServer:
    """Answers at one address. `run` is the thread."""

    def __init__(self, address: tuple[str, int], condition: Condition) -> None:
        self._address = address
        self._condition = condition
        self._clients = threading.BoundedSemaphore(MAX_CLIENTS)
        self._pages: dict[str, Callable[[], HttpPage]] = {
            "/healthz": self._health,
            "/healthz.json": self._health_json,
            "/metrics": self._metrics,
        }

    def run(self) -> None:
        """Listen as long as the process lives; an address in use is tried again."""
        has_complained = False
        while True:
            try:
                self._listen()
            except (OSError, RuntimeError) as error:  # RuntimeError: no thread can be started
                if not has_complained:
                    log.error("HEALTH_LISTEN cannot be used: %s; tried again.", _words_of(error))
                has_complained = True
                time.sleep(BIND_AGAIN_S)

    def _listen(self) -> None:
        family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        with socket.create_server(self._address, family=family, backlog=MAX_CLIENTS) as listener:
            log.info("/healthz and /metrics are served at %s port %d.", *self._address)
            while True:
                client, _ = listener.accept()
                self._admit(client)

    def _admit(self, client: socket.socket) -> None:
        if not self._clients.acquire(blocking=False):
            client.close()
            return
        try:
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()
        except RuntimeError:
            self._clients.release()
            client.close()
            raise

    def _serve(self, client: socket.socket) -> None:
        try:
            with client, contextlib.suppress(OSError):
                deadline = time.monotonic() + PATIENCE_S
                head = _read_head(client, deadline)
                client.settimeout(max(0.01, deadline - time.monotonic()))
                client.sendall(self.respond(head))
        finally:
            self._clients.release()

    def respond(self, head: bytes) -> bytes:
        """The whole response to the head of a request."""
        words = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return _response((HTTPStatus.BAD_REQUEST, _PLAIN, "not a request of HTTP/1\n"))
        method, target = words[0], words[1].partition("?")[0]
        if method not in ("GET", "HEAD"):
            page: HttpPage = (HTTPStatus.METHOD_NOT_ALLOWED, _PLAIN, "only GET and HEAD\n")
        elif make := self._pages.get(target):
            page = make()
        else:
            page = (
                HTTPStatus.NOT_FOUND,
                _PLAIN,
                f"there are {', '.join(self._pages)}\n",
            )
        return _response(page, has_body=method != "HEAD")

    def _health(self) -> HttpPage:
        verdict = self._condition.verdict(clocks.monotonic())
        if verdict is None:
            return (
                HTTPStatus.SERVICE_UNAVAILABLE,
                _PLAIN,
                "not known yet: the bot has just started\n",
            )
        status = HTTPStatus.OK if verdict.is_well else HTTPStatus.SERVICE_UNAVAILABLE
        return status, _PLAIN, f"{verdict.text}\n"

    def _health_json(self) -> HttpPage:
        verdict = self._condition.verdict(clocks.monotonic())
        document = {
            "is_well": None if verdict is None else verdict.is_well,
            "critical": verdict.reasons if verdict else (),
            "warnings": verdict.warnings if verdict else (),
        }
        return _status(verdict), _JSON, json.dumps(document, ensure_ascii=False) + "\n"

    def _metrics(self) -> HttpPage:
        if last := self._condition.last:
            return HTTPStatus.OK, _METRICS, prometheus.render(*last)
        return HTTPStatus.SERVICE_UNAVAILABLE, _PLAIN, "nothing has been measured yet\n"


def _words_of(error: OSError | RuntimeError) -> str:
    return (error.strerror if isinstance(error, OSError) else "") or str(error)


def _status(verdict: BotHealth | None) -> HTTPStatus:
    is_well = verdict is not None and verdict.is_well
    return HTTPStatus.OK if is_well else HTTPStatus.SERVICE_UNAVAILABLE


def _read_head(client: socket.socket, deadline: float) -> bytes:
    """Read a request up to its empty line, but at most `MAX_HEAD_BYTES`."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < MAX_HEAD_BYTES:
        client.settimeout(max(0.01, deadline - time.monotonic()))
        if not (some := client.recv(MAX_HEAD_BYTES - len(head))):
            break
        head += some
    return head


def _response(page: HttpPage, *, has_body: bool = True) -> bytes:
    status, content_type, text = page
    body = text.encode("utf-8", "replace")
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "Connection: close",
    ]
    head = "\r\n".join([*lines, "", ""]).encode("ascii")
    return head + body if has_body else head
