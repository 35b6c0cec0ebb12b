"""How much memory a process uses; 0 for one that is gone, or that `/proc` hides from this one.

psutil knows the sum of all resident pages and the size of what is shared, files included, but not
what of it no file backs (RssAnon and RssShmem), which is what a download costs the machine.
"""

import os
import re
from pathlib import Path

import psutil

from worker.processes.process_table import UNSEEN

_WITHOUT_FILE = re.compile(rb"^Rss(?:Anon|Shmem):\s*(\d+) kB$", re.MULTILINE)
_ANONYMOUS = re.compile(rb"^RssAnon:\s*(\d+) kB$", re.MULTILINE)
_DATA = re.compile(rb"^VmData:\s*(\d+) kB$", re.MULTILINE)


def private_bytes(pid: int) -> int:
    """The memory of a process that no file backs, including what it shares with a fork."""
    return _status_bytes(pid, _WITHOUT_FILE)


def own_anonymous_bytes() -> int:
    """The memory of this process that no file backs, without what it shares."""
    return _status_bytes(os.getpid(), _ANONYMOUS)


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
    return _status_bytes(pid, _DATA)


def _status_bytes(pid: int, lines: re.Pattern[bytes]) -> int:
    """The sum of these lines of /proc/PID/status (proc_pid_status(5))."""
    try:
        status = Path(f"/proc/{pid}/status").read_bytes()
    except UNSEEN:
        return 0
    return sum(int(kibibytes) * 1024 for kibibytes in lines.findall(status))
