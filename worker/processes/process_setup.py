"""What a process sets up for itself: caps, its name, what it gives up, and what it dies with.

All of it holds for the calling process alone, or is handed down to its children, and most of it
cannot be taken back. Linux only: `prctl(2)`, `fcntl(2)`.
"""

import ctypes
import fcntl
import functools
import os
import resource
import select
import signal
from dataclasses import dataclass

PROGRAM = "fetchbot"
"""What the titles of the bot's processes begin with."""


@dataclass(frozen=True)
class Limits:
    """Caps that the kernel enforces on one process and hands down to its children.

    `data_bytes` caps RLIMIT_DATA: memory that is really private and writable. RLIMIT_AS would
    count address space that is never touched, of which ffmpeg reserves a lot. None leaves a
    limit as it is.
    """

    data_bytes: int | None = None
    file_bytes: int | None = None
    open_files: int | None = None

    def apply(self) -> None:
        """Set the caps, soft and hard, for the calling process for good; no core dumps."""
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


_libc = ctypes.CDLL(None, use_errno=True)

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38


def _prctl(option: int, argument: int | bytes) -> None:
    if _libc.prctl(option, argument, 0, 0, 0) != 0:
        errno = ctypes.get_errno()
        raise OSError(errno, f"prctl({option}): {os.strerror(errno)}")


def become_subreaper() -> None:
    """From now on orphans among our descendants become our children, not init's."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def set_name(name: str) -> None:
    """Show this process as `name` (15 bytes) in ps, top and pgrep."""
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
    """Where the command line lies in this process's memory; a fork has it at the same place."""
    return _memory_range(45)  # arg_start, arg_end


def _memory_range(field: int) -> tuple[int, int]:
    """Two neighbouring addresses of `/proc/self/stat`; fields count from behind the name."""
    with open("/proc/self/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    return int(fields[field]), int(fields[field + 1])


def renounce_privileges() -> None:
    """From now on no exec gives this process or its children more rights: not set-uid, not caps."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def refuse_inspection() -> None:
    """Close this process's memory, environment and descriptors to others of the same user.

    Root still sees them. The kernel forgets the wish at an exec and hands it down at a fork.
    """
    _prctl(_PR_SET_DUMPABLE, 0)


def wipe_first_environment() -> None:
    """Overwrite what `/proc/PID/environ` shows: the environment as of the exec.

    Taking a variable out of `os.environ` leaves it there. What has been put into `os.environ`
    since lives elsewhere; call this when nothing else is left in it.
    """
    start, end = _memory_range(47)  # env_start, env_end
    if start:
        ctypes.memset(start, 0, end - start)


def die_with_parent(parent_pid: int) -> None:
    """SIGKILL this process when the *thread* that made it ends; at once if it has already.

    `parent_pid` is what the caller knew its parent to be. The kernel forgets the wish at a
    fork and at an exec of a set-uid program (prctl(2)).
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os._exit(1)


def die_with_writer(pipe: int) -> None:
    """SIGKILL this process when nobody can write to the pipe any more; at once if so already.

    The kernel sends the signal (fcntl(2), F_SETSIG), so it comes to a process that spins in C
    code or is stopped as well, whatever made the process and whatever the writer died of. It
    comes when something is written, too.
    """
    fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(pipe, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    if poll.poll(0):
        os._exit(1)
