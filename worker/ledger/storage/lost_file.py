"""A ledger whose file somebody has replaced, removed or hidden while the bot has it open.

Its connections go on with the old file, about which the next start would know nothing.
"""

import contextlib
import itertools
import os
import sqlite3
from pathlib import Path

from worker.file_owner import give_to_owner
from worker.ledger.storage import write_ahead_log
from worker.ledger.storage.database import Database, LedgerBusy, displaced
from worker.whole_files import new_file_beside, reach_disk


def is_lost(path: Path) -> bool:
    """Whether this process has a ledger open that is no longer at `path`."""
    return bool(displaced(path))


def save(path: Path) -> Path | None:
    """Write down a ledger that was deleted while it was open, and return where it is.

    That is `path`, or a name beside it if another ledger is there. None if there is nothing to
    save: the old file is still somewhere, with its log. Raises LedgerBusy or OSError.
    """
    databases = displaced(path)
    if not databases:
        return None
    opened = _open_files()
    logs = [log for log in write_ahead_log.log_files(path) if _is_among(log, opened)]
    is_deleted = any(databases[0].is_same_file(file) and not file.st_nlink for file in opened)
    if not (is_deleted or logs):
        return None
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with new_file_beside(path) as new:
        _copy(databases, new)
        give_to_owner(new)
        reach_disk(new)
        # Otherwise a ledger that is at `path` now would be opened with this log.
        for log in logs:
            log.unlink(missing_ok=True)
        saved = _name(new, path)
        reach_disk(path.parent)
        return saved


def _copy(databases: list[Database], new: Path) -> None:
    """Copy by the first connection that has nothing else to do."""
    for database in databases:
        try:
            database.copy_to(new)
        except sqlite3.Error as error:
            problem = str(error)
        else:
            return
    raise LedgerBusy(problem)


def _name(new: Path, path: Path) -> Path:
    """Give the file a free name, so that it never takes another's place. Returns that name."""
    for number in itertools.count():
        name = path.with_name(f"{path.name}.replaced-{number}") if number else path
        with contextlib.suppress(FileExistsError):
            os.link(new, name)
            break
    return name


def _open_files() -> list[os.stat_result]:
    found = []
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # That of the listing itself.
            found.append(os.stat(f"/proc/self/fd/{descriptor}"))
    return found


def _is_among(path: Path, files: list[os.stat_result]) -> bool:
    try:
        status = path.stat()
    except OSError:
        return False
    return any(os.path.samestat(status, file) for file in files)
