"""Copies of a ledger that is in use, and one that takes its place."""

import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.ledger_kit import START
from worker.ledger import Ledger, LedgerError, check_file
from worker.ledger.storage.backup import back_up, restore
from worker.ledger.storage.schema import APPLICATION_ID, MIGRATIONS
from worker.ledger.storage.write_ahead_log import log_files


def fill(path: Path, *update_ids: int) -> None:
    ledger = Ledger(path)
    ledger.record_updates(
        [{"update_id": number, "text": "x" * 300} for number in update_ids], START
    )
    ledger.close()


def updates_in(path: Path) -> list[int]:
    """The updates in a ledger that is whole."""
    check_file(path)
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT update_id FROM jobs ORDER BY 1").fetchall()
    connection.close()
    return [update_id for (update_id,) in rows]


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    return tmp_path / "backup"


def test_a_ledger_in_use_is_copied_whole(ledger_file: Path, backup: Path) -> None:
    ledger = Ledger(ledger_file)
    ledger.record_updates([{"update_id": number} for number in range(1, 4)], START)
    assert log_files(ledger_file)[0].stat().st_size, "the newest rows are only in the log"
    back_up(ledger_file, backup)
    ledger.record_updates([{"update_id": 4}], START)
    ledger.close()
    assert updates_in(backup) == [1, 2, 3]
    assert updates_in(ledger_file) == [1, 2, 3, 4]
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600, "it holds people's links"


def test_an_earlier_backup_is_replaced(ledger_file: Path, backup: Path) -> None:
    fill(ledger_file, 1)
    back_up(ledger_file, backup)
    fill(ledger_file, 2)
    back_up(ledger_file, backup)
    assert updates_in(backup) == [1, 2]
    assert sorted(os.listdir(backup.parent)) == ["backup", ledger_file.name]


def test_an_empty_file_may_be_replaced(ledger_file: Path, backup: Path) -> None:
    fill(ledger_file, 1)
    backup.touch(0o644)
    back_up(ledger_file, backup)
    assert updates_in(backup) == [1]
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_stays_and_leads_to_the_backup(
    exists: bool, ledger_file: Path, backup: Path, tmp_path: Path
) -> None:
    """People make a link to a disk for backups."""
    other_disk = tmp_path / "other-disk"
    other_disk.mkdir()
    if exists:
        (other_disk / "nightly").touch()
    backup.symlink_to("other-disk/nightly")
    fill(ledger_file, 1)
    back_up(ledger_file, backup)
    assert backup.is_symlink()
    assert updates_in(other_disk / "nightly") == [1]
    assert os.listdir(other_disk) == ["nightly"]


def a_device(path: Path) -> None:
    """What /dev/null is, under a name that may be lost."""
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root makes devices")


def a_directory(path: Path) -> None:
    path.mkdir()


def a_fifo(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("make", [a_device, a_directory, a_fifo])
@pytest.mark.parametrize("is_link", [False, True])
def test_what_is_no_ordinary_file_is_not_replaced(
    make: Callable[[Path], None], is_link: bool, ledger_file: Path, backup: Path, tmp_path: Path
) -> None:
    fill(ledger_file, 1)
    special = tmp_path / "special" if is_link else backup
    make(special)
    if is_link:
        backup.symlink_to(special)
    before = special.stat()
    with pytest.raises(LedgerError, match="backup is not an ordinary file"):
        back_up(ledger_file, backup)
    assert special.stat() == before
    assert backup.is_symlink() is is_link


def a_text(path: Path) -> None:
    path.write_text("somebody's notes\n")


def an_empty_file(path: Path) -> None:
    path.touch()


def another_database(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE songs (name)")
    connection.close()


def test_directory_may_have_a_name_that_is_not_in_utf_8(tmp_path: Path) -> None:
    """As any other than ASCII looks where the locale is not UTF-8."""
    directory = tmp_path / os.fsdecode("ä 50%".encode("iso-8859-1"))
    directory.mkdir()
    ledger_file, backup = directory / "ledger.sqlite3", directory / "backup"
    fill(ledger_file, 1)
    back_up(ledger_file, backup)
    check_file(backup)
    assert updates_in(backup) == [1]
    assert restore(ledger_file, backup) is not None
    assert os.listdir(tmp_path) == [directory.name]


def test_the_backup_of_a_newer_version_is_replaced(ledger_file: Path, backup: Path) -> None:
    """People who go back to an earlier version still want a backup each night."""
    fill(ledger_file, 1)
    back_up(ledger_file, backup)
    connection = sqlite3.connect(backup)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    back_up(ledger_file, backup)
    assert updates_in(backup) == [1]


@pytest.mark.parametrize(
    ("make", "words"),
    [(a_text, "is no backup"), (another_database, "is a database, but no backup of this bot's")],
)
def test_another_file_is_not_replaced(
    make: Callable[[Path], None], words: str, ledger_file: Path, backup: Path
) -> None:
    fill(ledger_file, 1)
    make(backup)
    before = backup.read_bytes()
    with pytest.raises(LedgerError, match=words):
        back_up(ledger_file, backup)
    assert backup.read_bytes() == before


def test_the_ledger_is_not_its_own_backup(ledger_file: Path, backup: Path) -> None:
    fill(ledger_file, 1)
    backup.symlink_to(ledger_file)
    for name in (ledger_file, backup):
        with pytest.raises(LedgerError, match="the ledger itself"):
            back_up(ledger_file, name)
    assert updates_in(ledger_file) == [1]


def test_the_ledger_of_another_bot_is_not_replaced(ledger_file: Path, tmp_path: Path) -> None:
    fill(ledger_file, 1)
    another = tmp_path / "another.sqlite3"
    fill(another, 2)
    with pytest.raises(LedgerError, match="the ledger of a bot"):
        back_up(ledger_file, another)
    assert updates_in(another) == [2]


def test_a_ledger_of_an_earlier_version_is_copied(ledger_file: Path, backup: Path) -> None:
    """Before an upgrade is when people think of a backup."""
    connection = sqlite3.connect(ledger_file)
    connection.executescript(
        f"PRAGMA application_id = {APPLICATION_ID}; {MIGRATIONS[0]}; PRAGMA user_version = 1"
    )
    connection.close()
    back_up(ledger_file, backup)
    assert updates_in(backup) == []
    restore(ledger_file, backup)
    fill(ledger_file, 1)
    assert updates_in(ledger_file) == [1]


def test_a_disk_that_is_full_leaves_the_last_backup(
    ledger_file: Path, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(ledger_file, 1)
    back_up(ledger_file, backup)
    before = backup.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        back_up(ledger_file, backup)
    assert backup.read_bytes() == before
    assert sorted(os.listdir(backup.parent)) == ["backup", ledger_file.name]


def test_a_backup_takes_the_ledgers_place(ledger_file: Path, backup: Path) -> None:
    fill(ledger_file, 1)
    back_up(ledger_file, backup)
    fill(ledger_file, 2)
    kept = restore(ledger_file, backup)
    assert kept is not None
    assert (updates_in(ledger_file), updates_in(kept)) == ([1], [1, 2])
    assert updates_in(backup) == [1], "it stays, for the next time"
    assert restore(ledger_file, backup) not in {None, kept}, "nothing kept is ever overwritten"


def test_no_id_comes_twice_after_a_restoration(ledger_file: Path, backup: Path) -> None:
    fill(ledger_file, 1)
    back_up(ledger_file, backup)
    fill(ledger_file, 2, 3)
    restore(ledger_file, backup)
    fill(ledger_file, 4)
    connection = sqlite3.connect(ledger_file)
    assert connection.execute("SELECT id, update_id FROM jobs").fetchall() == [(1, 1), (4, 4)]
    connection.close()


def test_a_backup_is_restored_where_there_is_no_ledger(ledger_file: Path, backup: Path) -> None:
    fill(ledger_file, 1)
    back_up(ledger_file, backup)
    ledger_file.unlink()
    assert restore(ledger_file, backup) is None
    assert updates_in(ledger_file) == [1]


def leave_log(path: Path, *update_ids: int) -> None:
    """What a kill leaves: a ledger and its log, with these updates in the log alone."""
    ledger = Ledger(path)
    ledger.record_updates([{"update_id": number} for number in update_ids], START)
    left = {file: file.read_bytes() for file in (path, *log_files(path))}
    ledger.close()
    for file, content in left.items():
        file.write_bytes(content)


def test_the_log_of_a_killed_bot_goes_with_its_ledger(ledger_file: Path, backup: Path) -> None:
    fill(ledger_file, 1)
    back_up(ledger_file, backup)
    leave_log(ledger_file, 2)
    kept = restore(ledger_file, backup)
    assert kept is not None
    assert (updates_in(ledger_file), updates_in(kept)) == ([1], [1, 2])
    assert not any(log.exists() for log in log_files(ledger_file))


def test_a_damaged_ledger_is_kept_with_its_log(ledger_file: Path, backup: Path) -> None:
    fill(ledger_file, 1)
    back_up(ledger_file, backup)
    leave_log(ledger_file, 2)
    ledger_file.write_bytes(b"no database at all" * 1000)
    log = log_files(ledger_file)[0].read_bytes()
    kept = restore(ledger_file, backup)
    assert kept is not None
    assert kept.read_bytes() == b"no database at all" * 1000
    assert log_files(kept)[0].read_bytes() == log
    assert updates_in(ledger_file) == [1]


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[5000:9000] = b"\xff" * 4000
    path.write_bytes(content)


def from_the_future(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()


def cut_short(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize("spoil", [a_text, an_empty_file, another_database, damage, cut_short])
def test_what_is_no_backup_is_not_restored(
    spoil: Callable[[Path], None], ledger_file: Path, backup: Path
) -> None:
    fill(ledger_file, 1)
    if spoil in {damage, cut_short}:
        back_up(ledger_file, backup)
    spoil(backup)
    with pytest.raises(LedgerError):
        restore(ledger_file, backup)
    assert updates_in(ledger_file) == [1]
    assert sorted(os.listdir(backup.parent)) == ["backup", ledger_file.name]


def test_a_newer_bots_backup_is_not_restored(ledger_file: Path, backup: Path) -> None:
    fill(ledger_file, 1)
    back_up(ledger_file, backup)
    from_the_future(backup)
    with pytest.raises(LedgerError, match="run the newer bot"):
        restore(ledger_file, backup)
    assert updates_in(ledger_file) == [1]


def test_a_transaction_under_way_is_not_in_the_copy(ledger_file: Path, backup: Path) -> None:
    fill(ledger_file, 1)
    writer = sqlite3.connect(ledger_file, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("DELETE FROM jobs")
    back_up(ledger_file, backup)
    writer.execute("ROLLBACK")
    writer.close()
    assert updates_in(backup) == [1]
