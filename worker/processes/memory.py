"""How much memory a process uses, as psutil reads it; 0 for a process that is gone."""

from typing import Any

import psutil


def private_bytes(pid: int) -> int:
    """The anonymous memory of a process, including what it shares with a fork."""
    info = _info(pid)
    return info.rss - info.shared if info else 0


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
