"""What comes back of a function that was called in a child process."""

import errno
import os
import signal
from collections.abc import Callable

import pytest

from worker.processes import child_call


def test_what_it_returns_comes_back_and_what_it_does_stays_there() -> None:
    kept: list[int] = []

    def answer() -> bytes:
        kept.append(os.getpid())
        return b"x" * 1_000_000

    assert child_call.call(answer) == b"x" * 1_000_000
    assert child_call.call(lambda: None) == b""
    assert kept == []


def _fail(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("function", "within_s", "number", "words"),
    [
        (lambda: _fail(FileExistsError(errno.EEXIST, "x")), 0, errno.EEXIST, "File exists"),
        (lambda: _fail(OSError("no number")), 0, errno.EIO, "Input/output"),
        (lambda: _fail(ValueError("x")), 0, errno.EIO, "Input/output"),
        (lambda: _fail(SystemExit(0)), 0, errno.EIO, "Input/output"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), 0, errno.ECHILD, "signal 9"),
        (lambda: signal.pause(), 0.05, errno.ECHILD, "signal 14"),
    ],
)
def test_how_it_fails_comes_back(
    function: Callable[[], None], within_s: float, number: int, words: str
) -> None:
    with pytest.raises(child_call.ChildFailed, match=words) as caught:
        child_call.call(function, within_s)
    assert caught.value.errno == number


def test_child_that_cannot_be_made_leaves_no_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> int:
        raise BlockingIOError(errno.EAGAIN, "no process is left")

    monkeypatch.setattr(os, "fork", fail)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(BlockingIOError):
        child_call.call(lambda: None)
    assert os.listdir("/proc/self/fd") == before
