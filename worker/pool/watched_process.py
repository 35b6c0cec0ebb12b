"""A multiprocessing process whose end is seen through a pidfd, whatever its fork server does.

With a fork server, multiprocessing knows of a process only what the fork server tells it. When
the fork server is killed, every process seems to have ended; when it is stopped, none ever seems
to, and starting another one blocks.
"""

import contextlib
import os
import signal
from collections.abc import Callable
from multiprocessing import forkserver, resource_tracker, util
from multiprocessing.context import ForkServerContext, SpawnContext
from typing import Any, cast

from worker.processes import process_table, signals

PRELOADING = "worker.pool.preloading"
"""The module to be preloaded first, so that a fork server always ends with its owner."""

PRELOADED = "worker.pool.preloaded"
"""The module to be preloaded last, so that `prepare_start` knows when a fork server is ready."""

FORK_SERVER = "fork-server"
"""The name that a fork server takes when it is ready.

Without a space: Python from 3.12 on counts its threads in /proc/self/stat by the spaces there, and
would warn of a fork with threads (where `nice` has lowered the priority).
"""

PRELOAD_TIMEOUT_S = 60.0
"""A fork server that takes longer to import its modules hangs."""

# The fork server that was last seen at its imports; one that ends there would be replaced for ever.
_importing: process_table.Identity | None = None

_START_DESCRIPTORS = 8
"""A start opens a socket and two pipes at a time; other threads may open something meanwhile."""

_EXITCODE_TIMEOUT_S = 0.1

_UNKNOWN_EXITCODE = 255
"""What multiprocessing reports when the fork server died before it had sent the exit code."""


class WatchedProcess:
    """A process that runs `target(*args)`."""

    def __init__(
        self,
        context: ForkServerContext | SpawnContext,
        name: str,
        target: Callable[..., object],
        args: tuple[Any, ...],
    ) -> None:
        """Start it. Raises OSError or EOFError when the fork server dies or resources run out."""
        self._process = context.Process(target=target, name=name, args=args, daemon=True)
        _continue_fork_server()
        _make_sure_of_descriptors()
        try:
            self._process.start()
        except FileNotFoundError:
            _abandon_socket()
            raise
        self.pid = cast(int, self._process.pid)  # start() has set it.
        try:
            self._pidfd = os.pidfd_open(self.pid)
        except ProcessLookupError:
            # It has already ended, and its fork server has reaped it.
            self._pidfd = _always_readable()

    def fileno(self) -> int:
        """A descriptor that is readable, for poll(2), once the process has ended."""
        return self._pidfd

    def has_ended(self) -> bool:
        return signals.has_ended(self._pidfd)

    def kill(self) -> None:
        """SIGKILL it and all below it, if it still runs.

        Without a descriptor nobody below it is found, so it should be called again until it ends.
        """
        identity = None
        with contextlib.suppress(OSError):
            identity = process_table.identify(self.pid)
        # Looked up before the question whether it has ended: then it is the one of the pidfd.
        if self.has_ended():
            return
        with contextlib.suppress(OSError):
            if identity is not None:
                signals.kill_tree(identity)
                return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def release(self) -> int | None:
        """Close all descriptors; the exit code as in multiprocessing, None when unknown.

        To be called once, after the process has ended.
        """
        os.close(self._pidfd)
        if self._process.exitcode is None:
            # The fork server sends it a moment after the end.
            _continue_fork_server()
            self._process.join(_EXITCODE_TIMEOUT_S)
        exitcode = self._process.exitcode
        if exitcode is None:
            return None  # multiprocessing checks again at each start, and releases it then.
        if exitcode == _UNKNOWN_EXITCODE:
            # The children of a dead fork server are ours to reap if we are a child subreaper.
            for status in signals.reap([self.pid]).values():
                exitcode = os.waitstatus_to_exitcode(status)
        self._process.close()
        return exitcode


def do_without_resource_tracker() -> None:
    """Keep multiprocessing from starting its resource tracker, a process of 6 MB.

    It removes semaphores and shared memory that processes leave when they are killed, and there
    are none here. What it would be told goes to /dev/null, so it seems to run already.
    """
    tracker = getattr(resource_tracker, "_resource_tracker")  # noqa: B009 - it has no public name
    tracker._fd = os.open(os.devnull, os.O_WRONLY)


def prepare_start(context: ForkServerContext | SpawnContext) -> bool:
    """Look after the fork server. True once a process can be started without a wait.

    A fork server imports its modules before it starts anything, which takes seconds; where there
    is none, one is started. It is taken for ready unless `PRELOADED` is among these modules.
    Raises OSError when none can be started, TimeoutError for one that hangs, which is killed, and
    EOFError when one has ended before it was ready.
    """
    global _importing
    if context.get_start_method() != "forkserver" or PRELOADED not in _server()._preload_modules:
        return True
    try:
        forkserver.ensure_running()
    except FileNotFoundError:
        _abandon_socket()
        raise
    found = process_table.look_up(_server()._forkserver_pid)
    before, _importing = _importing, None
    if before and (found is None or found.identity != before):
        raise EOFError("the fork server ended before it was ready")
    if found is None or found.name == FORK_SERVER:
        return found is not None
    if found.age_s > PRELOAD_TIMEOUT_S:
        signals.send_signal(found.identity, signal.SIGKILL)
        raise TimeoutError(f"the fork server was not ready within {PRELOAD_TIMEOUT_S:.0f} s")
    if found.state in "Tt":
        _continue_fork_server()
    _importing = found.identity
    return False


def replace_fork_server() -> bool:
    """Kill the fork server; the next process is started by a new one, with new imports.

    The processes that it started keep running. Call it from the thread that starts processes.
    False when it could not be killed because no descriptor is left for that.
    """
    global _importing
    # A fork server that is asked to stop stays until its processes have ended. multiprocessing
    # notices at the next start that it is dead.
    try:
        if identity := _fork_server():
            signals.send_signal(identity, signal.SIGKILL)
            # Another thread may have reaped it already, and started the new one.
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PID, identity.pid, os.WEXITED | os.WNOWAIT)
    except OSError:
        return False
    _importing = None
    return True


def _abandon_socket() -> None:
    """Make the next start create a new fork server, with a new socket.

    Something has removed the socket, perhaps with its directory: a cleaner of temporary files.
    The fork server still runs but can no longer be reached.
    """
    replace_fork_server()
    os.makedirs(util.get_temp_dir(), mode=0o700, exist_ok=True)


def _make_sure_of_descriptors() -> None:
    """Raise OSError unless a start has all the descriptors that it needs.

    Where they run out halfway, multiprocessing leaves some open, and the fork server ends, since it
    was called and told nothing.
    """
    with contextlib.ExitStack() as stack:
        for _ in range(_START_DESCRIPTORS):
            stack.callback(os.close, os.eventfd(0))


def _always_readable() -> int:
    """A descriptor that is readable like the pidfd of an ended process: a pipe at its end."""
    reading, writing = os.pipe()
    os.close(writing)
    return reading


def _continue_fork_server() -> None:
    """Wake a fork server that has been stopped."""
    # Sending a signal takes a descriptor, and having none left must not end the pool's owner.
    with contextlib.suppress(OSError):
        if identity := _fork_server():
            signals.send_signal(identity, signal.SIGCONT)


def _fork_server() -> process_table.Identity | None:
    """The running fork server."""
    pid = fork_server_pid()
    return process_table.identify(pid) if pid else None


def fork_server_pid() -> int:
    """The pid of this process's fork server; 0 before there was one."""
    return _server()._forkserver_pid or 0


def _server() -> Any:
    """What multiprocessing knows of its fork server; it has no public name for it."""
    return getattr(forkserver, "_forkserver")  # noqa: B009
