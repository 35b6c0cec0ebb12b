"""The ledger of before a migration is kept for a while, and leads back to the older bot."""

import os
import shlex
import sqlite3
import stat
from pathlib import Path

import pytest

from tests.support.ledger_kit import START
from worker.clocks import Wall
from worker.ledger import Ledger, LedgerError, check_file
from worker.ledger.storage import database, earlier
from worker.ledger.storage.backup import restore
from worker.ledger.storage.database import Access, Database
from worker.ledger.storage.schema import APPLICATION_ID, MIGRATIONS

NOW = len(MIGRATIONS)


def make(path: Path, version: int) -> None:
    """A ledger of that version, whose highest update is 7."""
    old = sqlite3.connect(path)
    old.execute("PRAGMA synchronous = OFF")
    for step in MIGRATIONS[:version]:
        old.executescript(step)
    old.execute("INSERT INTO state VALUES ('offset', 8)")
    old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    old.execute(f"PRAGMA user_version = {version}")
    old.commit()
    old.close()


def version_of(path: Path) -> int:
    check_file(path)
    connection = sqlite3.connect(path)
    ((version,),) = connection.execute("PRAGMA user_version").fetchall()
    connection.close()
    return int(version)


def go_back(monkeypatch: pytest.MonkeyPatch, version: int) -> None:
    """Let this be a bot that knows versions up to that one."""
    monkeypatch.setattr(database, "MIGRATIONS", MIGRATIONS[:version])


def test_it_is_kept_for_its_owner_before_the_first_step(ledger_file: Path) -> None:
    make(ledger_file, NOW - 2)
    ledger = Ledger(ledger_file)
    assert ledger.offset() == 8
    ledger.close()
    (kept,) = earlier.kept(ledger_file).values()
    assert kept.name == f"{ledger_file.name}.version-{NOW - 2}"
    assert (version_of(kept), version_of(ledger_file)) == (NOW - 2, NOW)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600, "it holds people's links"
    assert sorted(os.listdir(ledger_file.parent)) == [ledger_file.name, kept.name]


def test_nothing_is_kept_of_a_new_ledger_or_one_that_is_up_to_date(ledger_file: Path) -> None:
    for _ in range(2):
        Ledger(ledger_file).close()
    assert not earlier.kept(ledger_file)


def test_without_room_for_it_the_ledger_stays_as_it_was(
    ledger_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(ledger_file, NOW - 1)
    before = ledger_file.read_bytes()

    def full(_path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(database, "reach_disk", full)
    with pytest.raises(OSError, match="No space"):
        Ledger(ledger_file)
    assert version_of(ledger_file) == NOW - 1
    assert len(before) == ledger_file.stat().st_size
    assert os.listdir(ledger_file.parent) == [ledger_file.name]
    monkeypatch.undo()
    Ledger(ledger_file).close()
    assert version_of(ledger_file) == NOW


@pytest.mark.parametrize("directory", [".", "Ada's $HOME"])
def test_an_older_bot_says_what_to_type_and_that_works(
    directory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger_file = tmp_path / directory / "ledger.sqlite3"
    ledger_file.parent.mkdir(exist_ok=True)
    make(ledger_file, NOW - 1)
    ledger = Ledger(ledger_file)
    ledger.record_updates([{"update_id": number} for number in range(8, 20)], START)
    ledger.close()
    go_back(monkeypatch, NOW - 1)
    with pytest.raises(LedgerError, match="run the newer bot") as refusal:
        Ledger(ledger_file)
    words = shlex.split(str(refusal.value).rpartition(": ")[2])
    kept = f"{ledger_file}.version-{NOW - 1}"
    assert words == ["python", "-m", "maintenance", "restore", kept]
    restore(ledger_file, Path(kept))
    ledger = Ledger(ledger_file)
    assert ledger.offset() == 8
    # No id comes twice, though what was given since is in the ledger of a newer bot alone.
    ledger.record_updates([{"update_id": 8}], START)
    ledger.close()
    database_ = Database(ledger_file, Access.READ)
    assert database_.value("SELECT max(id) FROM jobs") == 13
    database_.close()


def test_an_older_bot_without_one_that_it_knows_asks_for_a_backup(
    ledger_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(ledger_file, NOW - 1)
    Ledger(ledger_file).close()
    go_back(monkeypatch, NOW - 2)
    with pytest.raises(LedgerError, match=r"or restore a backup of before$"):
        Ledger(ledger_file)


def test_the_two_newest_versions_are_kept_for_a_week(ledger_file: Path) -> None:
    for version in (NOW - 3, NOW - 2, NOW - 1):
        ledger_file.unlink(missing_ok=True)
        make(ledger_file, version)
        Ledger(ledger_file).close()
    assert list(earlier.kept(ledger_file)) == [NOW - 1, NOW - 2]
    os.utime(earlier.path_of(ledger_file, NOW - 2), (START, START))
    os.utime(earlier.path_of(ledger_file, NOW - 1), (START + 10, START + 10))
    earlier.remove_old(ledger_file, Wall(START + 5))
    assert list(earlier.kept(ledger_file)) == [NOW - 1]


def test_going_forward_again_keeps_the_newer_one_of_a_version(ledger_file: Path) -> None:
    for _ in range(2):
        ledger_file.unlink(missing_ok=True)
        make(ledger_file, NOW - 1)
        Ledger(ledger_file).close()
    assert list(earlier.kept(ledger_file)) == [NOW - 1]
