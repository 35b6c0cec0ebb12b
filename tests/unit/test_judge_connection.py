"""How long one connection may take over its beginning, by a stepped clock."""

from __future__ import annotations

import socket
import types
from collections.abc import Iterator
from typing import Any, cast

import pytest

from worker.downloads.judge import loop
from worker.downloads.judge.connection import HANDSHAKE_TIMEOUT_S, Connection, JudgeServices
from worker.downloads.judge.loop import Loop
from worker.downloads.judge.rules import Judgement, Rules
from worker.downloads.judge.socks import SocksReply
from worker.downloads.judge.threads import Threads
from worker.downloads.judge.upstream import Upstream

BEGINNING = b"\x05\x01\x02" + b"\x01\x00\x01s" + b"\x05\x01\x00\x03\x09a.example\x01\xbb"
ANSWERS = b"\x05\x02\x01\x00" + SocksReply.DONE.packed()
TLS = b"\x16\x03\x01"


class Owner:
    """A download that hears whether its connection has ended."""

    has_closed = False

    def admit(self, connection: Connection) -> None: ...

    def begin_call(self) -> bool:
        return True

    def end_call(self) -> None: ...

    def note_refused(self, what: str) -> None: ...

    def count_passed(self, count: int) -> None: ...

    def forget(self, _connection: Connection) -> None:
        self.has_closed = True


class EndlessThreads:
    """Whose calls are begun and never end."""

    begun = 0

    def run(self, *_args: Any) -> None:
        self.begun += 1


class Scene:
    """One connection behind an HTTP proxy, whose clock the test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._now = 0.0
        clock = types.SimpleNamespace(monotonic=lambda: self._now)
        monkeypatch.setattr(loop, "time", clock)
        self.client, served = socket.socketpair()
        self.client.setblocking(False)
        served.setblocking(False)
        self._loop, self.threads, self.owner = Loop(), EndlessThreads(), Owner()
        upstream = Upstream("http://127.0.0.1:3128")
        services = JudgeServices(
            self._loop, cast("Threads", self.threads), Judgement(Rules()), upstream
        )
        self.connection = Connection(services, self.owner, served, "s")

    def say(self, data: bytes) -> None:
        self.client.sendall(data)
        self.step()

    def step(self, after_s: float = 0.0) -> None:
        self._now += after_s
        self._loop.call_later(0.0, lambda: None)  # so that nothing is waited for
        self._loop.step()


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    made = Scene(monkeypatch)
    yield made
    made.connection.close()
    made.client.close()


@pytest.mark.parametrize(
    ("said", "is_whole"),
    [
        ([BEGINNING + TLS], True),
        ([BEGINNING, TLS], True),
        ([BEGINNING + b"GET / HTTP/1.1\r\n\r\n"], True),
        ([BEGINNING, b"GET / HTTP/1.1\r\n", b"\r\n"], True),
        ([], False),
        ([BEGINNING[:-1]], False),
        ([BEGINNING], False),
        ([BEGINNING, b"GET / HTTP/1.1\r\n"], False),
    ],
)
def test_a_client_has_ten_seconds_and_a_proxy_longer(
    scene: Scene, said: list[bytes], is_whole: bool
) -> None:
    for data in said:
        scene.say(data)
    assert scene.threads.begun == is_whole
    scene.step(after_s=HANDSHAKE_TIMEOUT_S - 1)
    assert not scene.owner.has_closed
    scene.step(after_s=2)
    assert scene.owner.has_closed != is_whole
    if is_whole:
        assert scene.client.recv(100) == ANSWERS
