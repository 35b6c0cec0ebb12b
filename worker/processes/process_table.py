"""The process table: which processes there are, which are ours, and who descends from whom.

A process is identified by pid and start time, so a reused pid is never mistaken for it. Linux
only: `/proc` (proc(5)).

psutil tells memory and CPU (`worker.processes.memory`) but is not used here: it has no sessions,
no start times in ticks, which compare exactly, and no pidfds. And a sweep reads every process of
the machine: for 5 103 processes this module took 0.23 s and psutil 1.44 s
(`python -m tests.benchmarks maintenance`: median of 3, two busy cores, psutil 7.2.2).
"""

import contextlib
import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

INSTANCE_VARIABLE = "FETCHBOT_INSTANCE"
"""The environment variable of all processes below the bot that holds its `instance_tag`."""

JOB_VARIABLE = "FETCHBOT_JOB"
"""The environment variable of all programs of a download that holds the job's id."""

UNSEEN = (FileNotFoundError, ProcessLookupError, PermissionError)
"""What reading `/proc` raises of a process that is gone, or hidden where it is mounted with
hidepid=1; with hidepid=2 there is no file."""

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Identity:
    """Identifies one process, even after its pid is reused."""

    pid: int
    started: int
    """The time of its start, in clock ticks since boot."""


@dataclass(frozen=True)
class Process:
    """A snapshot of `/proc/PID/stat`."""

    identity: Identity
    parent_pid: int
    session_id: int
    state: str
    """One letter of proc(5): R, S, D, T (stopped), Z (defunct) …"""
    name: str
    rss_bytes: int
    threads: int

    @property
    def pid(self) -> int:
        return self.identity.pid

    @property
    def is_defunct(self) -> bool:
        """Whether it has ended and its parent has not reaped it yet.

        A process whose main thread has ended is shown as Z too, but other threads still run.
        """
        return self.state in "ZX" and self.threads <= 1

    @property
    def age_s(self) -> float:
        """Seconds since the start, including time in which the machine was suspended."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) - self.identity.started / _TICKS_PER_S


def suspended_s() -> float:
    """For how many seconds since its boot the machine has been suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


def instance_tag(data_dir: Path) -> str:
    """The tag of the bot in `data_dir`, the same at every start."""
    return hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:16]


def look_up(pid: int) -> Process | None:
    """The process with this pid, or None when there is none that this process may see."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read().decode(errors="replace")
    except UNSEEN:
        return None
    # The name is in parentheses and may itself contain spaces and parentheses.
    name = text[text.index("(") + 1 : text.rindex(")")]
    fields = text[text.rindex(")") + 2 :].split()
    return Process(
        identity=Identity(pid, int(fields[19])),
        state=fields[0],
        parent_pid=int(fields[1]),
        session_id=int(fields[3]),
        name=name,
        rss_bytes=int(fields[21]) * _PAGE,
        threads=int(fields[17]),
    )


def identify(pid: int) -> Identity | None:
    """The identity of the process that has this pid now, defunct or not; None if none has."""
    process = look_up(pid)
    return process.identity if process else None


def is_alive(identity: Identity) -> bool:
    """Whether the process still runs; a defunct one does not."""
    process = look_up(identity.pid)
    return process is not None and process.identity == identity and not process.is_defunct


def snapshot() -> dict[int, Process]:
    """All processes that `/proc` shows to this one, by pid."""
    pids = (int(name) for name in os.listdir("/proc") if name.isdecimal())
    return {pid: process for pid in pids if (process := look_up(pid))}


def children(pid: int) -> list[Process]:
    """The direct children of a process that this one may see, defunct ones included."""
    found: list[Process] = []
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except UNSEEN:
        return []
    for task in tasks:
        # A thread may have ended meanwhile; the others have children of their own.
        with (
            contextlib.suppress(*UNSEEN),
            open(f"/proc/{pid}/task/{task}/children", "rb") as file,
        ):
            found += filter(None, map(look_up, map(int, file.read().split())))
    return [child for child in found if child.parent_pid == pid]


def descendants(pid: int) -> list[Process]:
    """Children, their children and so on, parents first."""
    found = children(pid)
    for process in found:  # The list grows as it is walked.
        found += children(process.pid)
    return found


def is_tagged(pid: int, tag: str) -> bool:
    """Whether a process carries this instance tag; False when that may not be read."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            environment = file.read()
    except UNSEEN:
        return False
    # Not parsed, because a sweep checks thousands of processes.
    is_tagged = f"\0{INSTANCE_VARIABLE}={tag}\0".encode() in b"\0" + environment
    # A container's bot may have a directory of the same name.
    return is_tagged and not is_in_inner_namespace(pid)


def is_in_inner_namespace(pid: int) -> bool:
    """Whether a process is in a PID namespace below ours, and so has another pid there.

    False when that may not be read.
    """
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            (pids,) = [line.split()[1:] for line in file if line.startswith(b"NSpid:")]
    except (*UNSEEN, ValueError):
        return False
    return len(pids) > 1


def tagged(tag: str) -> list[Process]:
    """All processes of the machine that carry this instance tag, except the caller."""
    everything = snapshot().values()
    return [p for p in everything if p.pid != os.getpid() and is_tagged(p.pid, tag)]
