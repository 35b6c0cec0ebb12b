"""Turn a freshly forked worker into a confined download process, step by step.

The order of the steps matters, and each one says why it comes where it does.
"""

import os
import random
import resource
import signal
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from io import TextIOBase
from pathlib import Path
from urllib.parse import urlsplit

from worker.downloads.channel import Sender
from worker.downloads.confinement import (
    capabilities,
    egress_guard,
    landlock,
    programs,
    readable_paths,
    seccomp,
)
from worker.downloads.confinement.file_limit import HEADROOM_BYTES, allow_file
from worker.downloads.confinement.network import Namespace, Network
from worker.downloads.file_names import LOG_NAME
from worker.downloads.limits import DownloadLimits
from worker.processes import process_setup, process_table

PROCESS_NAME = "yt-dlp"
LOG_LIMIT_BYTES = 256 * 1024

_CHANNEL_FD = 3
_OPEN_FILES = 256


@dataclass(frozen=True)
class Confinement:
    """What a download process is confined to: one job, its directory, its worker's lifetime."""

    job_id: int
    directory: Path
    worker_pid: int
    namespace: Namespace | None = None
    """The network that it moves to, if it has one of its own."""


def isolate(confinement: Confinement, limits: DownloadLimits, sender: Sender) -> egress_guard.Guard:
    """Turn this freshly forked process into a download process; `sender` keeps working throughout.

    Returns the guard, which records what it refuses. Raises OSError when a step fails: then the
    process must end rather than go on half confined.
    """
    # 1. A network of its own. It takes descriptors that are closed below, rights that are given up
    #    below, and one thread.
    if confinement.namespace:
        confinement.namespace.enter()
    # 2. A session of its own, so that one signal reaches all of it and no signal to the worker's
    #    session does.
    os.setsid()
    # 3. It dies with the worker, and at once if that died between the fork and here.
    process_setup.die_with_parent(confinement.worker_pid)
    # 4. From here on ps tells it apart from the worker.
    process_setup.set_name(PROCESS_NAME)
    # 5. The worker's signal handlers do not apply here. SIGXFSZ stays ignored, as Python sets it,
    #    so a file over the limit raises EFBIG with its name. subprocess restores it for ffmpeg.
    _reset_signals()
    # 6. None of the worker's descriptors stay open: no pipe, no listening socket, no ledger.
    sender.fd = _keep_only_stdio(confinement.directory / LOG_NAME, sender.fd)
    # 7. Relative names now refer to the private directory; new files are readable by us alone.
    hidden = _hidden(confinement, limits)
    os.chdir(confinement.directory)
    os.umask(0o077)
    # 8. Before anything is started or reads HOME, a proxy or a search path.
    _replace_environment(_environment(confinement, limits))
    # 9. After the descriptors are closed, of which there may be more than the limit allows.
    _kernel_limits(limits).apply()
    allow_file(limits.max_file_bytes)
    # 10. Every fork inherits the same random state, and would repeat its siblings' boundaries,
    #     request ids and temporary names.
    random.seed()
    # 11. What root could do besides: load modules, set clocks, enter others' namespaces. No set-uid
    #     program can give privileges back; Landlock and seccomp require this.
    capabilities.drop()
    process_setup.renounce_privileges()
    # 12. Landlock comes after everything that opens or creates something outside, and while
    #     there is only one thread: it restricts the calling thread and what that starts. Where
    #     there is no network of its own, the judge's port alone is left.
    directory = os.fspath(confinement.directory)
    landlock.confine(readable_paths.readable(hidden), readable_paths.DEVICES, directory)
    if limits.network is Network.LANDLOCK:
        landlock.forbid_tcp(but_to_port=urlsplit(limits.proxy or "").port)
    # 13. Likewise for other processes: no signal, limit or priority can be set on them. The judge
    #     resolves names, so TCP is all that is needed.
    seccomp.confine()
    # 14. ffmpeg must not outlive yt-dlp, and reaches the judge at most, where that is all there is.
    may_fetch = limits.network is not Network.NONE
    programs.bind(limits.proxy if may_fetch else None)
    # 15. Last, because it resolves the proxy's name.
    return egress_guard.install(limits.proxy, lets_ffmpeg_fetch=may_fetch)


def shortcoming() -> str:
    """What the running kernel cannot confine, in words for the operator; "" if it can do all."""
    abi = landlock.abi()
    if not abi:
        return "not offered by this kernel, so a download could read what this user may read"
    if not seccomp.is_offered():
        return f"ABI {abi} without seccomp: files are confined, signals and sockets only in part"
    return ""


def _hidden(confinement: Confinement, limits: DownloadLimits) -> list[Path]:
    """Files that stay unreadable even in a readable directory: settings, ledger, cookies."""
    settings = [Path.cwd() / name for name in (".env", "sites.toml")]
    cookies = [limits.cookies_file] if limits.cookies_file else []
    return [
        *settings,
        confinement.directory.parent.parent,
        *map(Path, (*cookies, *limits.hidden_files)),
    ]


def _reset_signals() -> None:
    kept = {signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE, signal.SIGXFSZ}
    for number in signal.valid_signals() - kept:
        if signal.getsignal(number) not in {signal.SIG_DFL, None}:
            signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())


def _keep_only_stdio(log: Path, channel_fd: int) -> int:
    """Keep /dev/null, the log as stdout and stderr, and the channel, and close all else."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW
    null_fd = os.open(os.devnull, os.O_RDONLY)
    log_fd = os.open(log, flags, mode=0o600)
    # Move them above 3 first, or one dup2 might close the source of the next.
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


def _environment(confinement: Confinement, limits: DownloadLimits) -> Mapping[str, str]:
    home = os.fspath(confinement.directory)
    return {
        process_table.INSTANCE_VARIABLE: limits.instance,
        process_table.JOB_VARIABLE: str(confinement.job_id),
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": home,
        "TMPDIR": home,
        "LANG": "C.UTF-8",
    }


def _replace_environment(environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # the worker's is cached here


def _kernel_limits(limits: DownloadLimits) -> process_setup.Limits:
    return process_setup.Limits(
        data_bytes=limits.memory_bytes,
        file_bytes=limits.max_answer_bytes + HEADROOM_BYTES,
        open_files=_OPEN_FILES,
    )


class BoundedLog(TextIOBase):
    """An unbuffered text stream that drops everything after its first `limit` bytes."""

    def __init__(self, limit: int, fd: int = 2) -> None:
        self._left = limit
        self._fd = fd

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._fd

    def isatty(self) -> bool:
        return False

    def write(self, text: str) -> int:
        data = text.encode("utf-8", "backslashreplace")[: self._left]
        if data:
            self._left -= len(data)
            os.write(self._fd, data)
        return len(text)
