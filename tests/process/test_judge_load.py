"""The judge's process under load: whom many names, connections and faults hold up."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator

import pytest

from tests.support.judge_clients import (
    Site,
    begin,
    connect,
    raw,
    reply_to,
    with_names,
)
from tests.support.judges import RunningJudge, judge
from tests.support.process_kit import wait_until
from worker.downloads.judge.client import JudgeClient
from worker.downloads.judge.connection import HANDSHAKE_TIMEOUT_S
from worker.downloads.judge.rules import MAX_ABANDONED, MAX_CONNECTIONS
from worker.downloads.judge.socks import SocksReply

_held: list[socket.socket] = []


@pytest.fixture
def site() -> Iterator[Site]:
    with contextlib.closing(Site()) as made:
        yield made


@pytest.fixture(scope="module")
def judged() -> Iterator[RunningJudge]:
    with judge(prepare=with_names) as made:
        yield made


@pytest.fixture
def way(judged: RunningJudge) -> Iterator[JudgeClient]:
    with JudgeClient(judged.address) as made:
        yield made


def test_a_name_that_is_long_in_coming_holds_up_nobody(way: JudgeClient, site: Site) -> None:
    waiting = [raw(way) for _ in range(MAX_CONNECTIONS - 1)]
    for client in waiting:
        begin(client, way, b"\x0cslow.example")
    connect(way, "site.example", site.port).close()
    for client in waiting:
        client.close()


def test_a_download_has_so_many_lookups_at_a_time(judged: RunningJudge, site: Site) -> None:
    with JudgeClient(judged.address) as way:
        clients = []
        for _ in range(MAX_CONNECTIONS):
            clients.append(raw(way))
            begin(clients[-1], way, b"\x0cslow.example")
            clients[-1].close()
        wait_until(lambda: reply_to(way, "site.example", site.port) == SocksReply.FAILED)
        with JudgeClient(judged.address) as other:
            connect(other, "site.example", site.port).close()
        connect(way, "127.0.0.1", site.port).close()  # which takes no lookup


def test_a_thousand_names_that_never_come_hold_up_no_other_download(
    judged: RunningJudge, site: Site
) -> None:
    with JudgeClient(judged.address) as way, JudgeClient(judged.address) as other:
        for number in range(1000):
            with raw(way) as client:
                begin(client, way, b"\x0cslow.example")
            if number % 250 == 0:
                connect(other, "site.example", site.port).close()


def test_names_that_ended_downloads_asked_for_hold_up_nobody(site: Site) -> None:
    with judge(prepare=with_names) as made, JudgeClient(made.address) as other:
        for _ in range(1000 // MAX_CONNECTIONS):
            with JudgeClient(made.address) as way:
                for _ in range(MAX_CONNECTIONS):
                    with raw(way) as client:
                        begin(client, way, b"\x0cslow.example")
        connect(other, "site.example", site.port).close()
        assert threads_of(made.pid) < MAX_ABANDONED + 3 * MAX_CONNECTIONS + 1000 // MAX_CONNECTIONS


def threads_of(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/task"))


def test_a_download_has_so_many_connections_and_loses_the_most_silent(
    way: JudgeClient, site: Site
) -> None:
    clients = []
    for _ in range(MAX_CONNECTIONS):
        clients.append(connect(way, "127.0.0.1", site.port))
        server = site.accept()
        server.sendall(b"x")
        assert clients[-1].recv(1) == b"x"
        _held.append(server)
    first, second, *_ = clients
    first.sendall(b"x")
    assert _held[-MAX_CONNECTIONS].recv(1) == b"x"
    connect(way, "127.0.0.1", site.port).close()
    with pytest.raises(ConnectionResetError):
        second.recv(1)
    first.sendall(b"y")
    assert _held[-MAX_CONNECTIONS].recv(1) == b"y"


def test_a_thousand_that_say_nothing_hold_up_nobody(judged: RunningJudge, site: Site) -> None:
    with JudgeClient(judged.address) as way, JudgeClient(judged.address) as other:
        silent = []
        for number in range(1000):
            silent.append(raw(way))
            if number % 250 == 0:
                for each in (way, other):
                    began = time.monotonic()
                    connect(each, "127.0.0.1", site.port).close()
                    assert time.monotonic() - began < HANDSHAKE_TIMEOUT_S
        connect(way, "127.0.0.1", site.port).close()
        for client in silent:
            client.close()


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        (b"a\0b.example", SocksReply.NO_SUCH_HOST.packed()),
        (b"\0", SocksReply.NO_SUCH_HOST.packed()),
        (b"127.0.0.1\0", SocksReply.NO_SUCH_HOST.packed()),
        (b"fault.example", SocksReply.FAILED.packed()),
        (b"garbage.example", b""),
    ],
)
def test_an_error_in_one_connection_ends_it_alone(
    way: JudgeClient, site: Site, name: bytes, answer: bytes
) -> None:
    with connect(way, "127.0.0.1", site.port) as other, site.accept() as server, raw(way) as client:
        begin(client, way, bytes((len(name),)) + name)
        assert answer_to(client).removeprefix(b"\x01\x00") == answer
        server.sendall(b"still there")
        assert other.recv(100) == b"still there"
        connect(way, "site.example", site.port).close()


def answer_to(client: socket.socket) -> bytes:
    """What a client hears until its connection ends, or is aborted."""
    heard = b""
    with contextlib.suppress(ConnectionResetError):
        while data := client.recv(100):
            heard += data
    return heard
