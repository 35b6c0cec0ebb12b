"""What a forked download process gives up before it looks at anything from outside.

The worker that it was forked from is ours and trusted; what it becomes is not. The order of the
steps is part of the promise, and each says why it stands where it does.
"""

import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import TextIOBase
from pathlib import Path
from typing import Any

from worker.downloads.channel import Sender
from worker.downloads.confinement import egress_guard, landlock, readable_paths, seccomp
from worker.downloads.limits import DownloadLimits
from worker.processes import process_setup, process_table

PROCESS_NAME = "yt-dlp"
LOG_NAME = "job.log"
LOG_LIMIT_BYTES = 256 * 1024

_CHANNEL_FD = 3
_OPEN_FILES = 256
# A container's index and padding come on top of what yt-dlp counts as the file's length.
_FILE_HEADROOM_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Confinement:
    """Where a download process lives: its job, its directory, and the worker's pid."""

    job_id: int
    directory: Path
    worker_pid: int


def isolate(confinement: Confinement, rules: DownloadLimits, sender: Sender) -> egress_guard.Guard:
    """Turn this freshly forked process into a download process; `sender` can be used all along.

    Returns the guard, which remembers what it refused. Raises OSError when a step fails: then
    the process must end, and never go on half confined.
    """
    # 1. A session of its own, so that one signal reaches all of it, and none of ours does.
    os.setsid()
    # 2. Dies with the worker, and at once if that died between the fork and here.
    process_setup.die_with_parent(confinement.worker_pid)
    # 3. Now it can be told apart from the worker in ps.
    process_setup.set_name(PROCESS_NAME)
    # 4. The worker's handlers are not ours. SIGXFSZ stays ignored, as Python has it: a file
    #    over the limit is then EFBIG, with a name to report. subprocess restores it for ffmpeg.
    _reset_signals()
    # 5. No descriptor of the worker: not its pipes, not a listening socket, not a journal.
    sender.fd = _keep_only_stdio(confinement.directory / LOG_NAME, sender.fd)
    # 6. Relative names from here on mean the private directory; files are for us alone.
    hidden = _hidden(confinement, rules)
    os.chdir(confinement.directory)
    os.umask(0o077)
    # 7. Before anything is started or asks for HOME, a proxy or a search path.
    _replace_environment(_environment(confinement, rules))
    # 8. After the descriptors, which may be more than the new limit allows.
    _limits(rules).apply()
    allow_file(rules.max_file_bytes)
    # 9. A fork repeats its siblings' numbers: boundaries, request ids, temporary names.
    random.seed()
    # 10. No set-uid program gives back what was given up; Landlock insists on it.
    process_setup.renounce_privileges()
    # 11. The kernel's own border, after everything that opens or makes something outside of it,
    #     and while there is one thread: it holds for the thread that asks and what that starts.
    directory = os.fspath(confinement.directory)
    landlock.confine(readable_paths.readable(hidden), readable_paths.DEVICES, directory)
    # 12. The same around other processes: no signal, no limit, no priority reaches them.
    seccomp.leave_others_alone()
    # 13. ffmpeg must not outlive yt-dlp, and has no business with the network.
    _bind_programs()
    # 14. Last, because the proxy's own name is resolved here.
    return egress_guard.install(rules.allowed_networks, rules.proxy)


def shortcoming() -> str:
    """What the running kernel does not confine: a sentence for the operator, or nothing."""
    abi = landlock.abi()
    if not abi:
        return "not offered by this kernel, so a download could read what this user may read"
    if not seccomp.is_offered():
        return f"ABI {abi} without seccomp: files are confined, signals and sockets only in part"
    return ""


def _hidden(confinement: Confinement, rules: DownloadLimits) -> list[Path]:
    """What is not for reading even where it lies among programs: settings, journal, cookies."""
    hidden = [Path.cwd() / ".env", confinement.directory.parent.parent]
    return [*hidden, Path(rules.cookies_file)] if rules.cookies_file else hidden


def _reset_signals() -> None:
    kept = {signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE, signal.SIGXFSZ}
    for number in signal.valid_signals() - kept:
        if signal.getsignal(number) not in {signal.SIG_DFL, None}:
            signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())


def _keep_only_stdio(log: Path, channel_fd: int) -> int:
    """Leave /dev/null, the log twice and the channel; the worker's objects keep dead numbers."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW
    null_fd = os.open(os.devnull, os.O_RDONLY)
    log_fd = os.open(log, flags, mode=0o600)
    # Out of the way of 0 to 3 first, or one dup2 might close the source of the next.
    sources = [os.dup(fd) for fd in (null_fd, log_fd, log_fd, channel_fd)]
    while min(sources) <= _CHANNEL_FD:
        sources = [os.dup(fd) for fd in sources]
    for target, source in enumerate(sources):
        os.dup2(source, target, inheritable=target < _CHANNEL_FD)
    highest = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    os.closerange(_CHANNEL_FD + 1, min(highest, 1 << 20))
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - lives as long as the process
    sys.stdout = sys.stderr = BoundedLog(LOG_LIMIT_BYTES)
    return _CHANNEL_FD


def _environment(confinement: Confinement, rules: DownloadLimits) -> Mapping[str, str]:
    home = os.fspath(confinement.directory)
    return {
        process_table.INSTANCE_VARIABLE: rules.instance,
        process_table.JOB_VARIABLE: str(confinement.job_id),
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": home,
        "TMPDIR": home,
        "LANG": "C.UTF-8",
    }


def _replace_environment(environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # or it would remember the worker's


def _limits(rules: DownloadLimits) -> process_setup.Limits:
    return process_setup.Limits(
        data_bytes=rules.memory_bytes,
        file_bytes=rules.max_answer_bytes + _FILE_HEADROOM_BYTES,
        open_files=_OPEN_FILES,
    )


def allow_file(size_bytes: int) -> None:
    """Let this process write files of that size, if an answer may have as much at all."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (min(size_bytes + _FILE_HEADROOM_BYTES, hard), hard))


def _bind_programs() -> None:
    """Every program that this process starts gets SIGKILL when it ends, and no network.

    There is one place where all of them pass, and yt-dlp's own subclass is one of them.
    """
    start: Callable[..., None] = subprocess.Popen.__init__
    pid = os.getpid()

    def start_bound(popen: Any, *args: Any, **options: Any) -> None:
        prepare_further = options.get("preexec_fn")

        def prepare() -> None:
            landlock.forbid_tcp()
            seccomp.forbid_sockets()
            # Popen makes the fork in this very thread, so the wish holds as long as the thread.
            process_setup.die_with_parent(pid)
            if prepare_further:
                prepare_further()

        start(popen, *args, **options | {"preexec_fn": prepare})

    subprocess.Popen.__init__ = start_bound  # type: ignore[assignment]


class BoundedLog(TextIOBase):
    """Standard output and error: written through at once, and no longer than `limit` bytes."""

    def __init__(self, limit: int, fd: int = 2) -> None:
        self._left = limit
        self._fd = fd

    def writable(self) -> bool:
        """True."""
        return True

    def fileno(self) -> int:
        """The descriptor of the log, for those that hand it on."""
        return self._fd

    def isatty(self) -> bool:
        """False."""
        return False

    def write(self, text: str) -> int:
        """Write what still fits; the rest is dropped without a word."""
        data = text.encode("utf-8", "backslashreplace")[: self._left]
        if data:
            self._left -= len(data)
            os.write(self._fd, data)
        return len(text)
