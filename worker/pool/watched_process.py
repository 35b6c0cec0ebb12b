"""A multiprocessing process whose end is seen through a pidfd, whatever its fork server does.

Under a fork server multiprocessing knows no more of a process than the fork server tells: when
that is killed, every process counts as ended; when it is stopped, none ever does, and whoever
starts one waits for it.
"""

import contextlib
import os
import signal
from collections.abc import Callable
from multiprocessing import forkserver, util
from multiprocessing.context import ForkServerContext, SpawnContext
from typing import Any

from worker.processes import process_table, signals

_EXITCODE_PATIENCE_S = 0.1

_UNKNOWN_EXITCODE = 255
"""What multiprocessing says when the fork server died before it could tell."""


class WatchedProcess:
    """A process that runs `target(*args)`."""

    def __init__(
        self,
        context: ForkServerContext | SpawnContext,
        name: str,
        target: Callable[..., object],
        args: tuple[Any, ...],
    ) -> None:
        """Start it. Raises OSError or EOFError when the fork server dies or resources lack."""
        self._process = context.Process(target=target, name=name, args=args, daemon=True)
        _continue_fork_server()
        try:
            self._process.start()
        except FileNotFoundError:
            _give_up_socket()
            raise
        assert self._process.pid is not None  # noqa: S101 - it has started
        self.pid = self._process.pid
        try:
            self._end = os.pidfd_open(self.pid)
        except ProcessLookupError:
            # It has ended, and its fork server has reaped it, before we could look.
            self._end = _always_readable()

    def fileno(self) -> int:
        """Readable, for poll(2), when the process has ended."""
        return self._end

    def has_ended(self) -> bool:
        """Whether it has."""
        return signals.has_ended(self._end)

    def kill(self) -> None:
        """SIGKILL it, if it still runs."""
        if not self.has_ended():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._end, signal.SIGKILL)

    def release(self) -> int | None:
        """The exit code as multiprocessing has it, or None when it cannot be known.

        To be called once, after the end: all descriptors are closed.
        """
        os.close(self._end)
        if self._process.exitcode is None:
            # The fork server tells it a moment after the end.
            _continue_fork_server()
            self._process.join(_EXITCODE_PATIENCE_S)
        exitcode = self._process.exitcode
        if exitcode is None:
            return None  # multiprocessing looks again at each start, and lets go of it then.
        if exitcode == _UNKNOWN_EXITCODE:
            # What a dead fork server leaves behind is ours to reap if we are a child subreaper.
            for status in signals.reap([self.pid]).values():
                exitcode = os.waitstatus_to_exitcode(status)
        self._process.close()
        return exitcode


def replace_fork_server() -> None:
    """End the fork server; the next process is started by a new one, with new imports.

    Its processes go on. To be called by the thread that starts processes.
    """
    # Asked to stop it would stay for as long as its processes; multiprocessing sees that it is
    # dead at the next start.
    if identity := _fork_server():
        signals.send_signal(identity, signal.SIGKILL)
        # Another thread that looks after it may have reaped it, and started the new one.
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, identity.pid, os.WEXITED | os.WNOWAIT)


def _give_up_socket() -> None:
    """Let the next start make a new fork server, with a new socket.

    Somebody has removed the one that there was, perhaps with its directory: a cleaner of
    temporary files. The fork server lives on and nobody can reach it any more.
    """
    replace_fork_server()
    os.makedirs(util.get_temp_dir(), mode=0o700, exist_ok=True)


def _always_readable() -> int:
    """A descriptor that tells what the pidfd of an ended process would: a pipe that has ended."""
    reading, writing = os.pipe()
    os.close(writing)
    return reading


def _continue_fork_server() -> None:
    """Wake a fork server that was stopped."""
    # It takes a descriptor, and to have none left must not be the end of the pool's owner.
    with contextlib.suppress(OSError):
        if identity := _fork_server():
            signals.send_signal(identity, signal.SIGCONT)


def _fork_server() -> process_table.Identity | None:
    """The fork server that runs, to which multiprocessing gives no public name."""
    pid = getattr(forkserver, "_forkserver")._forkserver_pid  # noqa: B009
    return process_table.identify(pid) if pid else None
