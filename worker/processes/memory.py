"""How much memory a process uses; 0 for a process that is gone.

psutil knows the sum of all resident pages and the size of what is shared, files included, but not
what of it no file backs (RssAnon and RssShmem), which is what a download costs the machine.
"""

import re
from pathlib import Path
from typing import Any

import psutil

_WITHOUT_FILE = re.compile(rb"^Rss(?:Anon|Shmem):\s*(\d+) kB$", re.MULTILINE)
"""The lines of /proc/PID/status on it (proc_pid_status(5))."""


def private_bytes(pid: int) -> int:
    """The memory of a process that no file backs, including what it shares with a fork."""
    try:
        status = Path(f"/proc/{pid}/status").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(kibibytes) * 1024 for kibibytes in _WITHOUT_FILE.findall(status))


def share_bytes(pid: int) -> int:
    """The memory of a process, with shared pages divided by their users (PSS), so sums are true.

    Shared pages count in full where the process's maps may not be read.
    """
    try:
        return int(psutil.Process(pid).memory_full_info().pss)
    except psutil.AccessDenied:
        return private_bytes(pid)
    except psutil.NoSuchProcess:
        return 0


def data_bytes(pid: int) -> int:
    """The private writable memory of a process, which RLIMIT_DATA limits."""
    info = _info(pid)
    return info.data if info else 0


def _info(pid: int) -> Any:
    try:
        return psutil.Process(pid).memory_info()
    except psutil.NoSuchProcess:
        return None
