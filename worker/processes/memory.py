"""How much memory a process uses, as `/proc` (proc(5)) tells it."""

import os

_PAGE = os.sysconf("SC_PAGE_SIZE")


def private_bytes(pid: int) -> int:
    """Anonymous memory that a process holds, what it shares with a fork included; 0: gone."""
    return _kilobytes_line(f"/proc/{pid}/status", "RssAnon:")


def share_bytes(pid: int) -> int:
    """A process's fair share of the memory that it uses, of which the sum is true; 0: gone.

    What others share with it counts fully where its maps may not be read.
    """
    return _kilobytes_line(f"/proc/{pid}/smaps_rollup", "Pss:") or private_bytes(pid)


def data_bytes(pid: int) -> int:
    """The process's private writable memory, which RLIMIT_DATA caps; 0 when it is unknown."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[5]) * _PAGE
    except (OSError, IndexError):
        return 0


def _kilobytes_line(path: str, label: str) -> int:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith(label):
                    return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        pass
    return 0
