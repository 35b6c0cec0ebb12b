"""One run of ffmpeg or ffprobe: what it may use, how it is started, and how it has ended."""

import errno
import os
import resource
import signal
import subprocess

from worker.downloads.text import clean
from worker.processes import memory

_NO_ROOM = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT))


class ProgramFailed(Exception):
    """ffmpeg or ffprobe failed; the argument is the last line of its output."""


class TookTooLong(ProgramFailed):
    """The program ran for as long as it was allowed to."""


class ProgramKilled(ProgramFailed):
    """A signal ended the program, which says nothing about the file."""


class NoRoom(ProgramFailed):
    """The disk is full, which says nothing about the file."""


class ProgramLimits:
    """How long one run of ffmpeg may take, and what it may use of the session's memory.

    A run that exceeds them fails alone. Without them the worker would end the whole session, and
    the file that has been downloaded would be lost.
    """

    def __init__(self, time_s: float, session_bytes: int) -> None:
        self._time_s = max(0.001, time_s)  # 0 would disable the timer
        self._data_bytes = max(0, session_bytes - memory.own_anonymous_bytes())

    def impose(self) -> None:
        """Limit the calling process, which is about to execute the program.

        This cannot be done from outside, because a download may not signal or limit another
        process. The timer survives the exec and ends the program with SIGALRM (setitimer(2)).
        """
        # Before the exec it is to end the process as well, and not to call the caller's handler.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, self._time_s)
        # Last, because the process may use more than this until the exec.
        resource.setrlimit(resource.RLIMIT_DATA, (self._data_bytes, self._data_bytes))


def start(command: list[str], limits: ProgramLimits | None = None) -> subprocess.Popen[str]:
    """Start a program that reads nothing; `finish` waits for it."""
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        # Safe because this process has one thread: those of yt-dlp's download have ended.
        preexec_fn=limits.impose if limits else None,
    )


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for a program and return its output. Raises ProgramFailed."""
    output, errors = process.communicate()
    check_end(process.returncode, errors)
    return output


def run(command: list[str], limits: ProgramLimits) -> str:
    """Run a program to its end and return its output. Raises ProgramFailed."""
    return finish(start(command, limits))


def check_end(code: int | None, errors: str) -> None:
    """Raise ProgramFailed if this exit code and these errors mean that the program has failed."""
    if code == -signal.SIGALRM:
        raise TookTooLong("took longer than it may")
    if code in (-signal.SIGKILL, -signal.SIGTERM):
        raise ProgramKilled(f"ended by signal {-code}")
    if code and any(words in errors for words in _NO_ROOM):
        raise NoRoom("no room on the disk")
    if code != 0:
        last_line = (errors.strip().splitlines() or ["no output"])[-1]
        raise ProgramFailed(f"exit code {code}: {clean(last_line, 300)}")
