"""A ledger whose file is taken away while it is open."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.ledger_kit import START
from worker.ledger import Ledger, LedgerBusy
from worker.ledger.storage import lost_file
from worker.ledger.storage.backup import back_up
from worker.ledger.upkeep.upkeep import Upkeep


@pytest.fixture
def opened(ledger_file: Path) -> Iterator[Ledger]:
    """A ledger with one update in its log, open twice as in a running bot."""
    with contextlib.closing(Ledger(ledger_file)) as ledger, Upkeep(ledger_file):
        ledger.record_updates([{"update_id": 5}], START)
        yield ledger


def remove(path: Path) -> None:
    for each in path.parent.glob(f"{path.name}*"):
        each.unlink()


def remove_without_its_log(path: Path) -> None:
    path.unlink()


def replace_by_a_copy(path: Path) -> None:
    copy = path.with_name("copy")
    back_up(path, copy)
    copy.replace(path)


def move_the_directory(path: Path) -> None:
    path.parent.rename(path.parent.with_name("moved"))


def put_another_directory_there(path: Path) -> None:
    directory = path.parent
    directory.rename(directory.with_name("moved"))
    shutil.copytree(directory.with_name("moved"), directory)


Take = Callable[[Path], None]
TAKEN = [
    *(remove, remove_without_its_log, replace_by_a_copy),
    *(move_the_directory, put_another_directory_there),
]


@pytest.fixture
def ledger_file(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data" / "ledger.sqlite3"


@pytest.mark.parametrize("take", TAKEN)
def test_nothing_more_is_recorded(take: Take, opened: Ledger, ledger_file: Path) -> None:
    assert not lost_file.is_lost(ledger_file)
    take(ledger_file)
    assert lost_file.is_lost(ledger_file)
    with pytest.raises(LedgerBusy, match="replaced or removed"):
        opened.record_updates([{"update_id": 6}], START)
    if ledger_file.exists():
        with pytest.raises(LedgerBusy, match="replaced or removed"):
            Upkeep(ledger_file)


@pytest.mark.parametrize(
    ("take", "name"),
    [
        (remove, "ledger.sqlite3"),
        (remove_without_its_log, "ledger.sqlite3"),
        (replace_by_a_copy, "ledger.sqlite3.replaced-1"),
    ],
)
def test_deleted_ledger_is_saved_with_all_that_was_recorded(
    take: Take, name: str, opened: Ledger, ledger_file: Path
) -> None:
    take(ledger_file)
    saved = lost_file.save(ledger_file)
    assert saved == ledger_file.with_name(name)
    assert {path.name for path in ledger_file.parent.iterdir()} == {"ledger.sqlite3", name}
    assert lost_file.is_lost(ledger_file), "this process has another file open"
    elsewhere = ledger_file.with_name("elsewhere")
    shutil.copy(saved, elsewhere)
    with contextlib.closing(Ledger(elsewhere)) as ledger:
        assert ledger.offset() == 6


@pytest.mark.parametrize("take", [move_the_directory, put_another_directory_there])
def test_ledger_that_lies_elsewhere_is_left_there(
    take: Take, opened: Ledger, ledger_file: Path
) -> None:
    take(ledger_file)
    before = sorted(ledger_file.parent.glob("*"))
    assert lost_file.save(ledger_file) is None
    assert sorted(ledger_file.parent.glob("*")) == before
    with contextlib.closing(Ledger(ledger_file.parent.with_name("moved") / "ledger.sqlite3")) as it:
        assert it.offset() == opened.offset() == 6


def test_ledger_that_is_where_it_was_is_not_lost(opened: Ledger, ledger_file: Path) -> None:
    move_the_directory(ledger_file)
    assert lost_file.is_lost(ledger_file)
    os.rename(ledger_file.parent.with_name("moved"), ledger_file.parent)
    assert not lost_file.is_lost(ledger_file)
    opened.record_updates([{"update_id": 6}], START)
    assert opened.offset() == 7
