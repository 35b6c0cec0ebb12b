"""A server on loopback that answers as a test tells it to, and a client of it."""

import json
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.sandbox.api import BotApi
from tests.support.serving import running
from worker.telegram.api_access import ApiAccess
from worker.telegram.client import Client
from worker.telegram.long_poll import LongPoll

TOKEN = "123456789:AAHsecret-0123456789abcdefghijklmno"
DIARY = "dear diary"
CHAT = 1001


@dataclass
class Received:
    """One request as it came in."""

    line: str
    headers: Message
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


Responder = Callable[["Connected"], None]


class Connected(BaseHTTPRequestHandler):
    """One connection to a server that answers what a test tells it to."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: "Scripted"

    def do_POST(self) -> None:
        self.server.respond(self)

    def take(self) -> None:
        """Read and record the request."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append(Received(self.requestline, self.headers, body))

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class Scripted(ThreadingHTTPServer):
    """A server on loopback whose one answer a test chooses."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Connected)
        self.received: list[Received] = []
        self.connections = 0
        self.over = threading.Event()
        self.respond: Responder = says(200, {"ok": True, "result": {"message_id": 5}})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)

    def handle_error(self, *_: object) -> None:
        """Ignore clients that disconnect."""


def says(status: int, body: object, **headers: str) -> Responder:
    """A server that answers this, JSON unless it is bytes already."""

    def respond(connection: Connected) -> None:
        connection.take()
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.answer(status, data, **headers)

    return respond


def refuses(code: int, description: str, **parameters: object) -> Responder:
    answer = {"ok": False, "error_code": code, "description": description}
    return says(code, answer | {"parameters": parameters})


@pytest.fixture
def server() -> Iterator[Scripted]:
    with Scripted() as server, running(server):
        yield server
        server.over.set()


@pytest.fixture
def client(server: Scripted) -> Client:
    return Client(ApiAccess(TOKEN, server.url))


@pytest.fixture
def long_poll(server: Scripted) -> LongPoll:
    return LongPoll(ApiAccess(TOKEN, server.url))


@pytest.fixture
def api() -> Iterator[BotApi]:
    with BotApi(TOKEN) as api:
        api.open(CHAT)
        yield api


def everything_told_by(error: BaseException) -> str:
    """All that an exception, and every exception behind it, could put into a log."""
    told, seen = "", set()
    pending: list[BaseException | None] = [error]
    while pending:
        each = pending.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            told += f"{each}\n{each!r}\n{each.args}\n{each.__dict__}\n"
            pending += [each.__cause__, each.__context__]
    return told + "".join(traceback.format_exception(error))
