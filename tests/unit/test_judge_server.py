"""How many calls that block a download may have, also after others have left theirs."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import cast

import pytest

from worker.downloads.judge import threads
from worker.downloads.judge.connection import JudgeServices
from worker.downloads.judge.loop import Loop
from worker.downloads.judge.rules import MAX_ABANDONED, MAX_CONNECTIONS, Judgement, Rules
from worker.downloads.judge.server import ControlConnection
from worker.downloads.judge.threads import Threads


class Scene:
    """Downloads of one judge, whose calls a test begins and ends."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.loop = Loop()
        self.services = JudgeServices(self.loop, cast("Threads", None), Judgement(Rules()), None)

    def download(self) -> ControlConnection:
        ours, theirs = socket.socketpair()
        self._stack.callback(ours.close)
        made = ControlConnection(self.services, theirs)
        self._stack.callback(made.close)
        return made


@pytest.fixture
def scene() -> Iterator[Scene]:
    with ExitStack() as stack:
        yield Scene(stack)


def test_whoever_has_much_refused_hears_of_the_first_and_of_the_end(scene: Scene) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        theirs.setblocking(False)
        made = ControlConnection(scene.services, theirs)
        for number in range(10_000):
            made.note_refused(f"10.0.0.1 port {number}")
        made.count_passed(7)
        ours.shutdown(socket.SHUT_WR)
        scene.loop.step()
        heard = b"".join(iter(lambda: ours.recv(4096), b""))
    assert [json.loads(line) for line in heard.splitlines()] == [
        {"refused": "10.0.0.1 port 0"},
        {"passed": 7},
    ]


def begin_all(download: ControlConnection) -> int:
    """Begin as many calls as may be."""
    return sum(download.begin_call() for _ in range(2 * MAX_CONNECTIONS))


def test_a_download_has_so_many_calls_at_a_time(scene: Scene) -> None:
    one, other = scene.download(), scene.download()
    assert begin_all(one) == begin_all(other) == MAX_CONNECTIONS
    one.end_call()
    assert (one.begin_call(), one.begin_call()) == (True, False)


def test_calls_that_outlast_their_downloads_leave_each_other_one(scene: Scene) -> None:
    ended = list[ControlConnection]()
    while len(ended) * MAX_CONNECTIONS < MAX_ABANDONED:
        ended.append(scene.download())
        assert begin_all(ended[-1]) == MAX_CONNECTIONS
        ended[-1].close()
    one, other = scene.download(), scene.download()
    assert begin_all(one) == begin_all(other) == 1
    ended[0].end_call()
    assert begin_all(one) == MAX_CONNECTIONS - 1


def test_there_are_no_more_threads_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "MAX_THREADS", 1)
    loop = Loop()
    made, ends = Threads(loop), list[str]()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        made.run(lambda: theirs.recv(1).decode(), ends.append, "failed")
        made.run(lambda: "never", ends.append, "failed")
        assert ends == []
        loop.step()
        assert ends == ["failed"]
        ours.send(b"x")
        loop.step()
        made.run(lambda: "again", ends.append, "failed")
        loop.step()
    assert ends == ["failed", "x", "again"]


@pytest.mark.parametrize("error", [RuntimeError, MemoryError])
def test_a_thread_that_cannot_be_started_takes_no_place(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fail(**_options: object) -> None:
        raise error

    monkeypatch.setattr(threads, "MAX_THREADS", 1)
    loop = Loop()
    made, ends = Threads(loop), list[str]()
    with monkeypatch.context() as context:
        context.setattr(threading, "Thread", fail)
        made.run(lambda: "never", ends.append, "failed")
    loop.step()
    made.run(lambda: "done", ends.append, "failed")
    loop.step()
    assert ends == ["failed", "done"]
