"""Signals, reaping, and how whole trees of processes end.

A signal goes through a pidfd that was checked against pid and start time, so a recycled pid is
never hit. Linux only: `pidfd_open(2)`.
"""

import os
import select
import signal
import time
from collections.abc import Iterable
from contextlib import ExitStack

from worker.processes import process_table
from worker.processes.process_table import Identity

KILL_PATIENCE_S = 5.0
"""A process that SIGKILL has not ended by then hangs in the kernel; waiting longer is idle."""


def open_pidfd(identity: Identity) -> int | None:
    """A descriptor of this very process, or None when it is gone. The caller closes it.

    The start time is compared *after* the descriptor exists: from then on the descriptor
    cannot come to mean another process.
    """
    try:
        pidfd = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return None
    if process_table.identify(identity.pid) == identity:
        return pidfd
    os.close(pidfd)
    return None


def has_ended(pidfd: int) -> bool:
    """Whether the process behind a pidfd has ended, all its threads included."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))


def send_signal(identity: Identity, signal_number: int) -> bool:
    """Signal this very process. False when it is gone."""
    pidfd = open_pidfd(identity)
    if pidfd is None:
        return False
    try:
        signal.pidfd_send_signal(pidfd, signal_number)
    except ProcessLookupError:
        return False
    finally:
        os.close(pidfd)
    return True


def wait_for_one(identities: Iterable[Identity], timeout_s: float) -> None:
    """Wait until at least one of these processes has ended, or the time is over."""
    with ExitStack() as stack:
        poll = select.poll()
        for identity in identities:
            pidfd = open_pidfd(identity)
            if pidfd is None:
                return
            stack.callback(os.close, pidfd)
            poll.register(pidfd, select.POLLIN)
        poll.poll(max(0.0, timeout_s) * 1000)


def reap(pids: Iterable[int]) -> dict[int, int]:
    """Collect those of our own children that are defunct: wait status by pid.

    Only pids that the caller knows to be its own to collect: multiprocessing waits for its
    children itself and would miss theirs.
    """
    statuses: dict[int, int] = {}
    for pid in pids:
        try:
            done, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            continue
        if done:
            statuses[pid] = status
    return statuses


def kill_descendants(patience_s: float = KILL_PATIENCE_S) -> dict[int, int]:
    """SIGKILL everything below the calling process, until a scan finds nothing, and reap it.

    The caller must be a child subreaper, so that a process cannot leave by losing its parent:
    what a killed process leaves behind shows up as our child in the next scan. Returns the
    wait status of each reaped child. Raises TimeoutError when something will not die.
    """
    statuses: dict[int, int] = {}
    deadline = time.monotonic() + patience_s
    while below := process_table.descendants(os.getpid()):
        live = [process.identity for process in below if not process.is_defunct]
        for identity in live:
            send_signal(identity, signal.SIGKILL)
        reaped = reap(child.pid for child in below if child.parent == os.getpid())
        statuses |= reaped
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {[p.pid for p in below]} outlive SIGKILL")
        if live or not reaped:
            wait_for_one(live, 0.05)
    return statuses


def stop_session(leader: Identity, grace_s: float) -> dict[int, int]:
    """End a session below the calling process: TERM, after the grace KILL, until none is left.

    `leader` is a child of the caller that called `setsid()`. Everything else below the caller
    ends as well, so the caller must have no other children that it wants to keep. Returns and
    raises as `kill_descendants`.
    """
    deadline = time.monotonic() + grace_s
    below = process_table.descendants(os.getpid())
    members = [process.identity for process in below if process.session == leader.pid]
    for identity in members:
        send_signal(identity, signal.SIGTERM)
    while (left := deadline - time.monotonic()) > 0 and process_table.is_alive(leader):
        wait_for_one([leader], left)
    return kill_descendants()


def kill_tagged(tag: str, patience_s: float = KILL_PATIENCE_S) -> int:
    """SIGKILL every process that carries the tag, until a scan finds none. Returns how many.

    For a bot that starts: with the lock of its directory in hand it knows that whatever carries
    its tag belongs to a bot that is gone. Raises TimeoutError when something will not die.
    """
    killed: set[Identity] = set()
    deadline = time.monotonic() + patience_s
    while found := [p.identity for p in process_table.tagged(tag) if not p.is_defunct]:
        for identity in found:
            send_signal(identity, signal.SIGKILL)
        killed.update(found)
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {[i.pid for i in found]} outlive SIGKILL")
        wait_for_one(found, 0.05)
    return len(killed)
