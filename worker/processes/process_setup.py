"""What a process sets up for itself: limits, name, privileges, and whose death ends it.

All functions act on the calling process; most effects are inherited by its children and cannot
be undone. Linux only: `prctl(2)`, `fcntl(2)`.
"""

import ctypes
import fcntl
import functools
import os
import resource
import select
import signal
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from worker.processes.libc import call_error, libc

PROGRAM = "fetchbot"
"""The first word of the titles of the bot's processes."""


@dataclass(frozen=True)
class Limits:
    """Limits that the kernel enforces on a process; its children inherit them.

    `data_bytes` is RLIMIT_DATA: private writable memory. RLIMIT_AS would also count address
    space that is never touched, of which ffmpeg reserves a lot. None leaves a limit unchanged.
    """

    data_bytes: int | None = None
    file_bytes: int | None = None
    open_files: int | None = None

    def apply(self) -> None:
        """Lower the soft and hard limits of this process for good, and disable core dumps."""
        for kind, value in (
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_DATA, self.data_bytes),
            (resource.RLIMIT_FSIZE, self.file_bytes),
            (resource.RLIMIT_NOFILE, self.open_files),
        ):
            if value is not None:
                _, hard = resource.getrlimit(kind)
                cap = value if hard == resource.RLIM_INFINITY else min(value, hard)
                resource.setrlimit(kind, (cap, cap))


_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38


def _prctl(option: int, argument: int | bytes) -> None:
    if libc.prctl(option, argument, 0, 0, 0) != 0:
        raise call_error(f"prctl({option})")


def open_closed_stdio() -> None:
    """Open the null device for each standard stream with which this process was started closed.

    Otherwise the next file to be opened would get the stream's number, and log lines.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # It gets the lowest free number, which is this one.
        if getattr(sys, name) is None:
            stream = open(descriptor, "r" if descriptor == 0 else "w", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)


def become_subreaper() -> None:
    """Adopt the orphans among our descendants from now on, in place of init."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def set_name(name: str) -> None:
    """Show this process as `name` (at most 15 bytes) in ps, top and pgrep."""
    _prctl(_PR_SET_NAME, name.encode()[:15])


def set_title(title: str) -> None:
    """Show this process as `title` in `ps aux` and `pgrep -f`, in place of its command line.

    The kernel reads a command line from the process's own memory (proc(5), arg_start), so the
    title is cut to the room that the first command line had. Children made by fork inherit it.
    """
    start, end = _argument_area()
    room = end - start - 1
    if room > 0:
        text = title.encode(errors="replace")[:room]
        ctypes.memset(start, 0, room)
        ctypes.memmove(start, text, len(text))


@functools.cache
def _argument_area() -> tuple[int, int]:
    """The start and end of the command line in this process's memory, the same in a fork."""
    return _memory_range(45)  # arg_start, arg_end


def _memory_range(field: int) -> tuple[int, int]:
    """A start and an end address from `/proc/self/stat`; `field` is counted after the name."""
    with open("/proc/self/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    return int(fields[field]), int(fields[field + 1])


def renounce_privileges() -> None:
    """Give this process and its children no privileges at an exec: no set-uid, no capabilities."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def refuse_inspection() -> None:
    """Hide this process's memory, environment and descriptors from others of the same user.

    Not from root. The setting is inherited at a fork and reset at an exec.
    """
    _prctl(_PR_SET_DUMPABLE, 0)


def clean_environment(kept: Iterable[str]) -> None:
    """Remove all environment variables except `kept`, also from what `/proc/PID/environ` shows.

    The latter is the environment at the time of the exec: removing a variable from `os.environ`
    does not remove it there.
    """
    values = {name: os.environ[name] for name in kept if name in os.environ}
    os.environ.clear()
    # Variables that are set from now on are stored elsewhere, so the old place can be overwritten.
    os.environ.update(values)
    start, end = _memory_range(47)  # env_start, env_end
    if start:
        ctypes.memset(start, 0, end - start)


def die_with_parent(parent_pid: int) -> None:
    """Have this process killed when the *thread* that created it ends; exit if it already has.

    `parent_pid` is the pid of the parent that the caller expects. The setting is cleared at a
    fork and at an exec of a set-uid program (prctl(2)).
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os._exit(1)


def die_with_writer(pipe: int) -> None:
    """Have this process killed when the pipe's last writer is gone; exit if it already is.

    The kernel sends the SIGKILL (fcntl(2), F_SETSIG), so it reaches a process that spins in C
    code or is stopped too, and does not depend on who created the process or how the writer
    died. Anything written to the pipe triggers it as well.
    """
    fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(pipe, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    if poll.poll(0):
        os._exit(1)
