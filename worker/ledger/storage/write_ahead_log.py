"""The log beside a ledger, and whether it is that ledger's own.

SQLite keeps what is not yet in FILE in `FILE-wal`, and takes it over when FILE is next opened. It
does the same with the log of another ledger, which is there when a backup was put in the place
of a ledger whose bot was killed, and the backup is then damaged.
"""

import os
from pathlib import Path

_WRITE_VERSION = 18
"""The byte of a database that says how it is written: 2 with a log (sqlite.org/fileformat2.html).

A ledger has it from its first transaction on, a copy made by VACUUM INTO does not."""


def log_files(path: Path) -> tuple[Path, Path]:
    """The files beside a ledger while it is open, or after its bot was killed.

    That is beside the file itself if `path` is a link to it.
    """
    file = os.path.realpath(path)
    return Path(f"{file}-wal"), Path(f"{file}-shm")


def has_log(path: Path) -> bool:
    """Whether there is something in the ledger's log that is not in its file for certain."""
    try:
        return log_files(path)[0].stat().st_size > 0
    except FileNotFoundError:
        return False


def has_foreign_log(path: Path) -> bool:
    """Whether the log cannot be this ledger's own, because it has never been opened with one."""
    return has_log(path) and _write_version(path) == b"\1"


def is_in_use(path: Path) -> bool:
    """Whether a bot has opened this ledger, as against a copy made by VACUUM INTO."""
    return _write_version(path) == b"\2"


def _write_version(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_WRITE_VERSION + 1)[_WRITE_VERSION:]


def how_to_remove(path: Path) -> str:
    """What to do when the log is another ledger's."""
    log, index = log_files(path)
    return f"if a backup was put in a ledger's place, remove {log} and {index}, and start again"
