"""A backup put in the place of a ledger: whatever a bot has left beside it, nothing is lost.

A bot that was killed leaves its log, which SQLite would take into the backup.
"""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.ledger_kit import START
from worker.ledger import Ledger, LedgerError, check_file
from worker.ledger.storage.database import Access, Database
from worker.ledger.storage.write_ahead_log import has_foreign_log, log_files


def fill(ledger: Ledger, *update_ids: int) -> None:
    ledger.record_updates(
        [{"update_id": number, "text": "x" * 300} for number in update_ids], START
    )


def vacuum(source: Path, copy: Path) -> None:
    with sqlite3.connect(source) as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))
    connection.close()


def online_backup(source: Path, copy: Path) -> None:
    connections = sqlite3.connect(source), sqlite3.connect(copy)
    connections[0].backup(connections[1])
    for connection in connections:
        connection.close()


def copy_of_the_file(source: Path, copy: Path) -> None:
    Ledger(source).close()
    shutil.copy(source, copy)


Backup = Callable[[Path, Path], None]
BACKUPS: list[Backup] = [vacuum, online_backup, copy_of_the_file]


@pytest.fixture
def killed(ledger_file: Path, tmp_path: Path) -> Callable[[Backup, int], Path]:
    """Makes a backup, goes on, and leaves a backup in the ledger's place with the log beside it."""

    def kill(backup: Backup, updates_after: int) -> Path:
        ledger = Ledger(ledger_file)
        fill(ledger, *range(1, 200))
        ledger.close()
        backup(ledger_file, tmp_path / "backup")
        ledger = Ledger(ledger_file)
        for update_id in range(200, 200 + updates_after, 10):
            fill(ledger, *range(update_id, min(update_id + 10, 200 + updates_after)))
        # What a kill leaves is what is there before the ledger is closed.
        left = [path.read_bytes() for path in log_files(ledger_file)]
        ledger.close()
        shutil.copy(tmp_path / "backup", ledger_file)
        for path, content in zip(log_files(ledger_file), left, strict=True):
            path.write_bytes(content)
        return ledger_file

    return kill


def refusal_of(path: Path) -> str:
    """What a start says of a ledger that it does not take; empty when it takes it."""
    try:
        check_file(path)
        Ledger(path).close()
    except LedgerError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("updates_after", [1, 30, 200])
@pytest.mark.parametrize("backup", BACKUPS)
def test_log_of_another_ledger_is_named_and_changes_nothing(
    backup: Backup, updates_after: int, killed: Callable[[Backup, int], Path]
) -> None:
    path = killed(backup, updates_after)
    before = path.read_bytes(), log_files(path)[0].read_bytes()
    assert has_foreign_log(path) or backup is not vacuum
    if refusal := refusal_of(path):
        assert all(str(left) in refusal for left in log_files(path))
        assert (path.read_bytes(), log_files(path)[0].read_bytes()) == before
        for left in log_files(path):
            left.unlink()
        check_file(path)
    ledger = Ledger(path)
    # Either the backup, or all that was there before it: never a mixture.
    assert ledger.offset() in {200, 200 + updates_after}
    ledger.close()


@pytest.mark.parametrize("access", Access)
def test_no_connection_takes_the_log_into_the_backup(
    access: Access, killed: Callable[[Backup, int], Path]
) -> None:
    path = killed(vacuum, 30)
    before = path.read_bytes()
    with pytest.raises(LedgerError, match=f"remove {path}-wal and {path}-shm"):
        Database(path, access)
    assert path.read_bytes() == before


def test_own_log_of_a_killed_bot_is_taken_over(ledger_file: Path, tmp_path: Path) -> None:
    ledger = Ledger(ledger_file)
    fill(ledger, *range(1, 50))
    copy = tmp_path / "copy"
    for path in (ledger_file, *log_files(ledger_file)):
        shutil.copy(path, str(path).replace(str(ledger_file), str(copy)))
    ledger.close()
    check_file(copy)
    again = Ledger(copy)
    assert again.offset() == 50
    again.close()
    assert not any(path.exists() for path in log_files(copy))
