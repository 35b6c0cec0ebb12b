"""What the fork server does once for all telegram workers, and what they are spared by it."""

from __future__ import annotations

import functools
import gc
import os
import socketserver
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

import pytest

from worker.errors import TelegramUnreachable
from worker.telegram import rehearsal

T = TypeVar("T")

WATCHDOG_S = 60.0


def in_a_process(function: Callable[[], T]) -> T:
    """A rehearsal forks: the tests' own process may have threads."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(function).result(WATCHDOG_S)


# ------------------------------------------------------------------------- what it leaves behind


def _what_is_open() -> tuple[int, int]:
    return len(os.listdir("/proc/self/fd")), threading.active_count()


def _rehearse_and_look() -> tuple[bool, bool]:
    before = _what_is_open()
    rehearsal.rehearse()
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return _what_is_open() == before, True
    return _what_is_open() == before, False


def test_rehearsal_leaves_no_descriptor_thread_or_process() -> None:
    assert in_a_process(_rehearse_and_look) == (True, True)


def _hang_up(self: rehearsal._StandIn) -> None:
    self.close_connection = True


def _die(_: object) -> None:
    os._exit(1)


FAILURES = {
    "no answer": (rehearsal._StandIn, "do_POST", _hang_up),
    "nobody there": (socketserver.TCPServer, "handle_request", _die),
}


def _rehearse_with(failure: str) -> bool:
    where, what, does = FAILURES[failure]
    setattr(where, what, does)
    before = _what_is_open()
    with pytest.raises(TelegramUnreachable):
        rehearsal.rehearse()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    return _what_is_open() == before


@pytest.mark.parametrize("failure", FAILURES)
def test_rehearsal_that_fails_leaves_nothing_either(failure: str) -> None:
    assert in_a_process(functools.partial(_rehearse_with, failure))


# --------------------------------------------------------------------------- what it is good for


def _copied_by_a_fork() -> int:
    """The kilobytes that a fork has for itself after a telegram worker's calls."""
    gc.collect()
    gc.freeze()
    readable, writable = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            rehearsal.rehearse()
            with open("/proc/self/smaps_rollup", encoding="ascii") as file:
                (line,) = (line for line in file if line.startswith("Private_Dirty:"))
            os.write(writable, line.split()[1].encode())
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    copied = int(os.read(readable, 20))
    os.close(readable)
    os.close(writable)
    return copied


def _copied_before_and_after() -> tuple[int, int]:
    before = _copied_by_a_fork()
    rehearsal.rehearse()
    return before, _copied_by_a_fork()


def test_fork_of_a_process_that_has_rehearsed_copies_less() -> None:
    before, after = in_a_process(_copied_before_and_after)
    assert after < 0.9 * before
