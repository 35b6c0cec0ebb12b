"""Sending signals, reaping, and ending whole trees of processes.

A signal is sent through a pidfd that was checked against pid and start time, so it never hits a
process that reuses the pid. Linux only, from 5.3 on: `pidfd_open(2)`.
"""

import errno
import os
import select
import signal
import time
from collections.abc import Iterable
from contextlib import ExitStack

from worker.processes import process_table
from worker.processes.process_table import Identity

_FREEZE_PATIENCE_S = 0.05
"""How long `kill_tree` waits until the processes it has stopped are; one in the kernel may not
be."""

KILL_PATIENCE_S = 5.0
"""A process that has not ended this long after SIGKILL hangs in the kernel."""


def refusal() -> str | None:
    """Why no process can be signalled here, in a sentence; None if it can be."""
    try:
        pidfd = os.pidfd_open(os.getpid())
        try:
            signal.pidfd_send_signal(pidfd, 0)
        finally:
            os.close(pidfd)
    except AttributeError:
        reason = "this Python was built for an older kernel"
    except OSError as error:
        # Old seccomp profiles answer calls that they do not know with EPERM. Anything else passes.
        if error.errno not in {errno.ENOSYS, errno.EPERM}:
            return None
        reason = os.strerror(error.errno)
    else:
        return None
    return (
        f"pidfd_open does not work ({reason}), so no process can be ended safely: the bot needs "
        "Linux 5.3 or newer, and in a container a seccomp profile that knows this call"
    )


def open_pidfd(identity: Identity) -> int | None:
    """Open a descriptor of a process; None when it is gone. The caller closes it.

    The start time is compared *after* the descriptor is open: from then on the descriptor cannot
    refer to another process.
    """
    try:
        pidfd = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return None
    try:
        is_it = process_table.identify(identity.pid) == identity
    except BaseException:  # Where no descriptor is left for that, this one must not stay.
        os.close(pidfd)
        raise
    if is_it:
        return pidfd
    os.close(pidfd)
    return None


def has_ended(pidfd: int) -> bool:
    """Whether the process behind a pidfd has ended, all its threads included."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))


def send_signal(identity: Identity, signal_number: int) -> bool:
    """Send a signal to a process. False when it is gone."""
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
    """Wait until at least one of these processes has ended, or the timeout has passed."""
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
    """Reap those of these children that are defunct; the wait status by pid.

    Pass no pid that multiprocessing waits for: it would miss the exit status.
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
    """SIGKILL and reap all descendants of the caller, until a scan finds none.

    The caller must be a child subreaper, so that a descendant that loses its parent becomes our
    child and is found by the next scan. Returns the wait status of each reaped child by pid.
    Raises TimeoutError when a process does not die.
    """
    statuses: dict[int, int] = {}
    deadline = time.monotonic() + patience_s
    while below := process_table.descendants(os.getpid()):
        live = [process.identity for process in below if not process.is_defunct]
        for identity in live:
            send_signal(identity, signal.SIGKILL)
        reaped = reap(child.pid for child in below if child.parent_pid == os.getpid())
        statuses |= reaped
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {[p.pid for p in below]} outlive SIGKILL")
        if live or not reaped:
            wait_for_one(live, 0.05)
    return statuses


def kill_tree(root: Identity) -> None:
    """SIGKILL a process and all below it, in whatever sessions; does not wait for their ends.

    Each is stopped first, so that none forks away while the others are looked up, and the last
    scan finds nobody new. What has lost its parent is below `root` only if that is a subreaper.
    """
    tree: dict[Identity, None] = {}
    deadline = time.monotonic() + _FREEZE_PATIENCE_S
    is_frozen = False
    while not is_frozen and time.monotonic() < deadline:
        found = [
            p for p in (process_table.look_up(root.pid), *process_table.descendants(root.pid)) if p
        ]
        is_frozen = all(process.state in "TtZX" for process in found)
        for process in found:
            if process.identity not in tree:
                tree[process.identity] = None
                is_frozen = False
                send_signal(process.identity, signal.SIGSTOP)
    for identity in (root, *tree):
        send_signal(identity, signal.SIGKILL)


def stop_session(leader: Identity, grace_s: float) -> dict[int, int]:
    """End a session below the caller: SIGTERM to its members, then SIGKILL to what is left.

    SIGKILL comes when the leader has ended, after `grace_s` at the latest, until a scan finds none.

    `leader` is a child of the caller that calls `setsid()`, if it has come to that yet. All other
    descendants of the caller are killed too, so it must have no children that it wants to keep.
    Returns and raises as `kill_descendants`.
    """
    deadline = time.monotonic() + grace_s
    below = process_table.descendants(os.getpid())
    members = [each.identity for each in below if leader.pid in (each.pid, each.session_id)]
    for identity in members:
        send_signal(identity, signal.SIGTERM)
    while (left := deadline - time.monotonic()) > 0 and process_table.is_alive(leader):
        wait_for_one([leader], left)
    return kill_descendants()


def kill_tagged(tag: str, patience_s: float = KILL_PATIENCE_S) -> int:
    """SIGKILL all processes that carry the tag, until a scan finds none. Returns how many.

    For the start of a bot: while it holds the lock of its directory, all other processes with
    its tag are left over from an earlier run. Raises TimeoutError when a process does not die.
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
