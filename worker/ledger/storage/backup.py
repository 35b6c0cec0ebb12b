"""Copies of the ledger: one for keeping, made while the bot runs, and one put in its place.

Nothing is ever half written under its own name: a copy is made beside it, checked, forced to the
disk and only then renamed.
"""

import contextlib
import itertools
import os
from pathlib import Path

from worker.file_owner import give_to_owner
from worker.ledger.storage.database import (
    Access,
    Database,
    LedgerBusy,
    LedgerError,
    check_file,
    file_errors,
    given_ids,
)
from worker.ledger.storage.schema import APPLICATION_ID
from worker.ledger.storage.write_ahead_log import is_in_use, log_files
from worker.whole_files import new_file_beside, reach_disk

# The header of a database, and where it says whose it is (sqlite.org/fileformat2.html).
_HEADER_BYTES = 100
_APPLICATION_ID = slice(68, 72)


def back_up(ledger: Path, target: Path) -> None:
    """Make `target` a copy of the ledger as it is now, for its owner alone to read.

    An earlier backup or an empty file is replaced, any other refused; a link stays, and leads to
    the copy. Raises LedgerError, LedgerBusy or OSError, and then `target` is as it was.
    """
    if target.exists():
        _refuse_other_file(ledger, target)
    target = Path(os.path.realpath(target))
    with new_file_beside(target) as new:
        _copy(ledger, new)
        os.replace(new, target)
        reach_disk(target.parent)


def restore(ledger: Path, backup: Path) -> Path | None:
    """Put a copy of `backup` in the ledger's place, and return where the old one is kept.

    No bot may run: the caller holds the lock of the directory, whose owner gets the files. Raises
    LedgerError, LedgerBusy or OSError; at whatever point it ends, there is a whole ledger, the
    old one or the new.
    """
    check_file(backup)
    with new_file_beside(ledger) as new:
        _copy(backup, new)
        _go_on_counting(new, ledger)
        give_to_owner(new)
        kept = _keep(ledger) if ledger.exists() else None
        os.replace(new, ledger)
        reach_disk(ledger.parent)
    return kept


def _refuse_other_file(ledger: Path, target: Path) -> None:
    # A device would be replaced, too: as root even /dev/null, which reads as an empty file.
    if not target.is_file():
        raise LedgerError(f"{target} is not an ordinary file, so it is left as it is")
    if target.samefile(ledger):
        raise LedgerError(f"{target} is the ledger itself: name another file for its backup")
    with target.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    if header and not header.startswith(b"SQLite format 3\0"):
        raise LedgerError(f"{target} exists and is no backup, so it is left as it is")
    # Of whatever version: after a newer bot an older one goes on with the same file.
    if header and int.from_bytes(header[_APPLICATION_ID]) != APPLICATION_ID:
        raise LedgerError(
            f"{target} is a database, but no backup of this bot's, so it is left as it is"
        )
    if is_in_use(target):
        raise LedgerError(f"{target} is the ledger of a bot, so it is left as it is")


def _copy(source: Path, target: Path) -> None:
    """Fill an empty file with the ledger at `source`, without a log, free pages or deleted rows."""
    with file_errors(source), contextlib.closing(Database(source, Access.COPY)) as database:
        if not database.value("PRAGMA user_version"):
            raise LedgerError(f"{source} is empty: a bot that has started once makes a ledger")
        database.copy_to(target)
    check_file(target)
    # SQLite does not do this for VACUUM INTO (sqlite.org/lang_vacuum.html).
    reach_disk(target)


def _go_on_counting(new: Path, old: Path) -> None:
    """Let no id be given twice: buttons and directories are named after ids."""
    if not old.exists():
        return
    try:
        # Of whatever version: it may be that of a newer bot, from which this one goes back.
        given = given_ids(old)
    except (LedgerError, LedgerBusy):
        return  # It is damaged, which is why there is a backup.
    with contextlib.closing(Database(new, Access.COPY)) as database:
        for name, highest in given.items():
            # A table that had no row yet has not begun to count.
            database.execute(
                "INSERT INTO sqlite_sequence (name, seq) SELECT name, 0 FROM sqlite_master"
                " WHERE type = 'table' AND name = :name"
                " AND NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = :name)",
                name=name,
            )
            database.execute(
                "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", highest, name
            )
    reach_disk(new)


def _keep(ledger: Path) -> Path:
    """Give the ledger, and the files beside it, a second name; leave it without a log."""
    # Closing it merges its log into it, unless it is damaged.
    with contextlib.suppress(LedgerError):
        Database(ledger, Access.COPY).close()
    for number in itertools.count(1):
        kept = ledger.with_name(f"{ledger.name}.replaced-{number}")
        with contextlib.suppress(FileExistsError):
            os.link(ledger, kept)
            break
    logs = list(zip(log_files(ledger), log_files(kept), strict=True))
    for log, kept_log in logs:
        if log.exists():
            os.link(log, kept_log)
    for log, _ in logs:
        log.unlink(missing_ok=True)
    return kept
