"""The guard that keeps processes, servers and databases out of these tests."""

import multiprocessing
import os
import socket
import sqlite3
import subprocess
from collections.abc import Callable
from multiprocessing import forkserver

import pytest

from tests.sandbox.site import MediaSite
from tests.support.start_guard import Started, StartGuard


def fork() -> None:
    if not os.fork():
        os._exit(0)


def spawn() -> None:
    multiprocessing.get_context("spawn").Process(target=print).start()


def use_a_fork_server() -> None:
    # One of its own: the usual one may run already, for tests of other folders.
    forkserver.ForkServer().ensure_running()


def listen() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))


STARTS: list[Callable[[], object]] = [
    lambda: subprocess.run(["true"], check=False),
    lambda: os.system("true"),
    lambda: os.posix_spawn("/bin/true", ["true"], {}),
    fork,
    spawn,
    use_a_fork_server,
    listen,
    MediaSite,
    lambda: sqlite3.connect(":memory:"),
]


@pytest.mark.parametrize("start", STARTS)
def test_start_is_refused_and_noted(start_guard: StartGuard, start: Callable[[], object]) -> None:
    with pytest.raises(Started):
        start()
    assert start_guard.refused
    start_guard.refused.clear()


@pytest.mark.negative
def test_start_would_succeed_without_the_guard(start_guard: StartGuard) -> None:
    start_guard.is_on = False
    assert subprocess.run(["true"], check=False).returncode == 0
