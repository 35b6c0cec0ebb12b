"""What tests of processes share: children to look at, waits for an end, and a pid used twice."""

import os
import resource
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.patience import PATIENCE_S
from worker.pool.channel import wait_ready
from worker.processes import process_table, signals
from worker.processes.process_table import Identity

LAST_PID = Path("/proc/sys/kernel/ns_last_pid")


def identity_of(pid: int) -> Identity:
    """The identity of a process that is there."""
    identity = process_table.identify(pid)
    assert identity is not None
    return identity


def ends(identity: Identity, timeout_s: float = PATIENCE_S) -> bool:
    """Whether it ends within the time; defunct is enough."""
    signals.wait_for_one([identity], timeout_s)
    return not process_table.is_alive(identity)


def wait_until(condition: Callable[[], Any], timeout_s: float = PATIENCE_S) -> Any:
    """Wait for something that has no descriptor; what the condition returned."""
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come true"
        wait_ready([], [], 0.01)
    return found


@contextmanager
def forked(body: Callable[[int], None]) -> Iterator[Identity]:
    """A child that runs `body` with a descriptor to write to; the body has begun by then."""
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(read_fd)
            body(write_fd)
        finally:
            os._exit(0)
    os.close(write_fd)
    identity = identity_of(pid)
    try:
        assert os.read(read_fd, 1) == b"x"
        yield identity
    finally:
        os.close(read_fd)
        signals.send_signal(identity, signal.SIGKILL)
        with suppress(ChildProcessError):  # The test has collected it.
            os.waitpid(pid, 0)


def go_on(write_fd: int) -> None:
    """A body that lasts."""
    os.write(write_fd, b"x")
    while True:
        signal.pause()


def come_to_an_end(write_fd: int) -> None:
    """A body that does not."""
    os.write(write_fd, b"x")


@contextmanager
def taking_the_pid_of(gone: Identity) -> Iterator[Identity]:
    """A process with the pid of one that has ended and been reaped."""
    if not os.access(LAST_PID, os.W_OK):
        pytest.skip("only root may choose the next pid")
    # A clock tick lies between the two starts, as it does wherever pids go round.
    select.select([], [], [], 2 / os.sysconf("SC_CLK_TCK"))
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if process_table.identify(gone.pid) is not None:
            wait_ready([], [], 0.01)  # Somebody else was faster, and may soon be gone.
            continue
        with ExitStack() as stack:
            with _next_pid(gone.pid):
                innocent = stack.enter_context(forked(go_on))
            if innocent.pid == gone.pid:
                yield innocent
                return
    pytest.skip("somebody else has the pid and keeps it")


@contextmanager
def _next_pid(pid: int) -> Iterator[None]:
    """Let the next process get this pid, and those after it go on from where they were.

    The counter belongs to the whole machine. Where it stayed back, tests that run beside this one
    would meet the pids of their own processes a second time.
    """
    latest = LAST_PID.read_text()
    try:
        LAST_PID.write_text(str(pid - 1))
    except OSError:
        pytest.skip("this kernel lets nobody choose the next pid")
    try:
        yield
    finally:
        LAST_PID.write_text(latest)


@contextmanager
def reused_pid() -> Iterator[tuple[Identity, Identity]]:
    """A process that is gone, and another that has got its pid."""
    with forked(come_to_an_end) as gone:
        os.waitpid(gone.pid, 0)
    with taking_the_pid_of(gone) as innocent:
        yield gone, innocent


@contextmanager
def no_descriptors_left(but: int = 0) -> Iterator[None]:
    """Let this process open nothing more, or no more than a few."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(map(int, os.listdir("/proc/self/fd")))
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 2 + but, hard))
    fillers: list[int] = []
    try:
        with suppress(OSError):
            while True:
                fillers.append(os.dup(0))
        for _ in range(but):
            os.close(fillers.pop())
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for filler in fillers:
            os.close(filler)


def with_hidden_proc(hidepid: int) -> list[str]:
    """A prefix for a command to which /proc hides processes, as it does to an ordinary user."""
    mount = f'mount -t proc -o hidepid={hidepid},gid=65534 proc /proc && exec "$@"'
    unprivileged = ["setpriv", "--bounding-set=-sys_ptrace"]
    prefix = ["unshare", "--mount", "sh", "-c", mount, "sh", *unprivileged]
    if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no /proc of our own may be mounted here")
    return prefix
