"""How much memory a process uses, as psutil reads it; 0 for a process that is gone."""

from typing import Any

import psutil


def private_bytes(pid: int) -> int:
    """Anonymous memory that a process holds, what it shares with a fork included."""
    info = _info(pid)
    return info.rss - info.shared if info else 0


def share_bytes(pid: int) -> int:
    """A process's fair share of the memory that it uses, of which the sum is true.

    Where its maps may not be read, what others share with it counts fully.
    """
    try:
        return int(psutil.Process(pid).memory_full_info().pss)
    except psutil.AccessDenied:
        return private_bytes(pid)
    except psutil.NoSuchProcess:
        return 0


def data_bytes(pid: int) -> int:
    """The process's private writable memory, which RLIMIT_DATA caps."""
    info = _info(pid)
    return info.data if info else 0


def _info(pid: int) -> Any:
    try:
        return psutil.Process(pid).memory_info()
    except psutil.NoSuchProcess:
        return None
