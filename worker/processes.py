"""Processes of the operating system: who is ours, and how they end.

A process is named by its pid and its start time, never by the pid alone, and a signal goes
through a pidfd that was checked against both. So a recycled pid is never hit.

Linux only: `/proc` (proc(5)), `pidfd_open(2)`.
"""

import hashlib
import os
import select
import signal
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

INSTANCE_VARIABLE = "FETCHBOT_INSTANCE"
"""In the environment of every process below the bot: whose it is (`instance_tag`)."""

JOB_VARIABLE = "FETCHBOT_JOB"
"""In the environment of every program that a download starts: the job's id."""

KILL_PATIENCE_S = 5.0
"""A process that SIGKILL has not ended by then hangs in the kernel; waiting longer is idle."""

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")

# ----------------------------------------------------------------------------------- identity


@dataclass(frozen=True)
class Identity:
    """One process for all time: its pid, and its start in clock ticks since boot."""

    pid: int
    started: int


@dataclass(frozen=True)
class Process:
    """What `/proc/PID/stat` says of a process at one moment."""

    identity: Identity
    parent: int
    group: int
    session: int
    state: str
    """One letter of proc(5): R, S, D, T (stopped), Z (defunct) …"""
    name: str
    rss_bytes: int
    threads: int

    @property
    def pid(self) -> int:
        """The identity's pid."""
        return self.identity.pid

    @property
    def is_defunct(self) -> bool:
        """Whether it has ended and waits for its parent to reap it.

        A process whose main thread alone has ended shows as Z too, and still runs.
        """
        return self.state in "ZX" and self.threads <= 1

    @property
    def age_s(self) -> float:
        """Seconds since the start, by the clock that goes on while the machine sleeps."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) - self.identity.started / _TICKS_PER_S


def instance_tag(data_dir: Path) -> str:
    """The tag of the bot that works in `data_dir`: the same at every start of it."""
    return hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:16]


def look_up(pid: int) -> Process | None:
    """The process with this pid, or None when there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read().decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name is in parentheses and may itself hold spaces and parentheses.
    name = text[text.index("(") + 1 : text.rindex(")")]
    fields = text[text.rindex(")") + 2 :].split()
    return Process(
        identity=Identity(pid, int(fields[19])),
        state=fields[0],
        parent=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        name=name,
        rss_bytes=int(fields[21]) * _PAGE,
        threads=int(fields[17]),
    )


def identify(pid: int) -> Identity | None:
    """The identity of a process that is there now, defunct or not."""
    process = look_up(pid)
    return process.identity if process else None


def is_alive(identity: Identity) -> bool:
    """Whether this very process still runs; a defunct one does not."""
    process = look_up(identity.pid)
    return process is not None and process.identity == identity and not process.is_defunct


def has_ended(pidfd: int) -> bool:
    """Whether the process behind a pidfd has ended, all its threads included."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))


def data_bytes(pid: int) -> int:
    """The process's private writable memory, which RLIMIT_DATA caps; 0 when it is unknown."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[5]) * _PAGE
    except (OSError, IndexError):
        return 0


def snapshot() -> dict[int, Process]:
    """All processes that `/proc` shows, by pid."""
    pids = (int(name) for name in os.listdir("/proc") if name.isdecimal())
    return {pid: process for pid in pids if (process := look_up(pid))}


def children(pid: int) -> list[Process]:
    """The direct children of a process, defunct ones included."""
    found: list[Process] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", "rb") as file:
                found += filter(None, map(look_up, map(int, file.read().split())))
    except (FileNotFoundError, ProcessLookupError):
        pass  # The parent, or one of its threads, ended while we looked.
    return [child for child in found if child.parent == pid]


def descendants(pid: int) -> list[Process]:
    """Children, their children and so on, parents first."""
    found = children(pid)
    for process in found:  # The list grows as it is walked.
        found += children(process.pid)
    return found


def environment_of(pid: int) -> dict[str, str]:
    """The environment as of the process's last exec; empty when it is not ours to read."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            text = file.read().decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return {}
    return dict(item.split("=", 1) for item in text.split("\0") if "=" in item)


def is_tagged(pid: int, tag: str) -> bool:
    """Whether a process carries this instance tag; False when it is not ours to read."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            environment = file.read()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False
    # No parsing: a sweep asks thousands of processes.
    return f"\0{INSTANCE_VARIABLE}={tag}\0".encode() in b"\0" + environment


def tagged(tag: str) -> list[Process]:
    """Every process on the machine that carries this instance tag, but not the caller."""
    everything = snapshot().values()
    return [p for p in everything if p.pid != os.getpid() and is_tagged(p.pid, tag)]


# ------------------------------------------------------------------------------------ signals


def open_pidfd(identity: Identity) -> int | None:
    """A descriptor of this very process, or None when it is gone. The caller closes it.

    The start time is compared *after* the descriptor exists: from then on the descriptor
    cannot come to mean another process.
    """
    try:
        pidfd = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return None
    if identify(identity.pid) == identity:
        return pidfd
    os.close(pidfd)
    return None


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
    while below := descendants(os.getpid()):
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
    members = [p.identity for p in descendants(os.getpid()) if p.session == leader.pid]
    for identity in members:
        send_signal(identity, signal.SIGTERM)
    while (left := deadline - time.monotonic()) > 0 and is_alive(leader):
        wait_for_one([leader], left)
    return kill_descendants()


def kill_tagged(tag: str, patience_s: float = KILL_PATIENCE_S) -> int:
    """SIGKILL every process that carries the tag, until a scan finds none. Returns how many.

    For a bot that starts: with the lock of its directory in hand it knows that whatever carries
    its tag belongs to a bot that is gone. Raises TimeoutError when something will not die.
    """
    killed: set[Identity] = set()
    deadline = time.monotonic() + patience_s
    while found := [p.identity for p in tagged(tag) if not p.is_defunct]:
        for identity in found:
            send_signal(identity, signal.SIGKILL)
        killed.update(found)
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {[i.pid for i in found]} outlive SIGKILL")
        wait_for_one(found, 0.05)
    return len(killed)
