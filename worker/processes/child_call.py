"""Call a function in a child process, so that nothing of what it read stays in this one."""

import errno
import os
import signal
from collections.abc import Callable

from worker.processes import process_setup


class ChildFailed(OSError):
    """The function failed in the child: with its OSError's number, or EIO for any other exception.

    ECHILD when a signal ended it, as one does when its time is over.
    """


def call(function: Callable[[], bytes | None], within_s: float = 0) -> bytes:
    """Return what `function` returns in a forked child, which ends with this process.

    It may take `within_s` seconds; 0 for no limit. This process must have one thread. Raises
    ChildFailed, and OSError when there can be no child.
    """
    read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
    parent_pid = os.getpid()
    try:
        pid = os.fork()
    except OSError:
        os.close(read_fd)
        os.close(write_fd)
        raise
    if pid == 0:
        code = errno.EIO
        try:
            process_setup.die_with_parent(parent_pid)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, within_s)
            with open(write_fd, "wb") as pipe:
                pipe.write(function() or b"")
            code = 0
        except OSError as error:
            code = error.errno or code
        finally:
            os._exit(code)
    os.close(write_fd)
    with open(read_fd, "rb") as pipe:
        answer = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code < 0:
        raise ChildFailed(errno.ECHILD, f"ended by signal {-code}")
    if code:
        raise ChildFailed(code, os.strerror(code))
    return answer
