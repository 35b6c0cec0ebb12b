"""Stand-ins for sites, whose answers a test gives one by one."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterable
from email.message import Message
from pathlib import Path
from typing import Any

from tests.sandbox.tls_proxy import Response, TlsProxy
from tests.support import client_hello


class TlsSites(TlsProxy):
    """Serves `answers`, by patterns of host and path; anything else is not found."""

    def __init__(self, directory: Path, hosts: Iterable[str]) -> None:
        super().__init__(directory, hosts)
        self.answers: dict[str, Answer] = {}
        self.for_browsers: set[str] = set()
        """Hosts that end every handshake but a browser's."""
        self.turned_away: list[str] = []

    def admits(self, host: str, connection: socket.socket) -> bool:
        """Note who is turned away."""
        if host not in self.for_browsers or client_hello.is_browsers(connection):
            return True
        self.turned_away.append(host)
        return False

    def answer(self, address: str, headers: Message, body: bytes) -> Response:
        """The first that fits."""
        given = (given for pattern, given in self.answers.items() if re.match(pattern, address))
        code, kind, content = next(given, status(404))(address)
        place = {"Location": content.decode()} if code == 302 else {}
        return code, {"Content-Type": kind, **place}, content


Answer = Callable[[str], tuple[int, str, bytes]]


def file(data: bytes, kind: str) -> Answer:
    return lambda _: (200, kind, data)


def page(text: str) -> Answer:
    return file(text.encode(), "text/html; charset=utf-8")


def data(value: Any) -> Answer:
    return file(json.dumps(value).encode(), "application/json")


def status(code: int) -> Answer:
    return lambda _: (code, "text/plain", b"")


def redirect(target: str) -> Answer:
    return lambda _: (302, "text/html", target.encode())
