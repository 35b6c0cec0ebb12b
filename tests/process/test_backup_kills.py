"""A backup or a restoration that is killed: there is a whole ledger, and nothing is left behind."""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.ledger_kit import START
from tests.support.operator_kit import ROOT
from worker.ledger import Ledger, check_file
from worker.ledger.storage import earlier
from worker.ledger.storage.backup import back_up, restore
from worker.ledger.storage.database import Access, Database
from worker.ledger.storage.schema import APPLICATION_ID, MIGRATIONS

CHILD = """
import os, signal, sys
from pathlib import Path
from worker.ledger import Ledger
from worker.ledger.storage import backup

def migrate(ledger, _):
    Ledger(ledger).close()

work, directory = vars(backup).get(sys.argv[1], migrate), Path(sys.argv[2])

def run(left, place):
    def count(event, args):
        nonlocal left
        if event in {"open", "os.link", "os.remove", "os.rename", "sqlite3.connect"}:
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(count)
    work(place / "ledger.sqlite3", place / "backup")
    os._exit(0)

for step, place in enumerate(sorted(directory.iterdir()), start=1):
    pid = os.fork()
    if not pid:
        run(step, place)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
STEPS = 30


def fill(path: Path, update_id: int) -> None:
    ledger = Ledger(path)
    ledger.record_updates([{"update_id": update_id}], START)
    ledger.close()


def updates_in(path: Path) -> list[int]:
    check_file(path)
    database = Database(path, Access.READ)
    rows = database.execute("SELECT update_id FROM jobs ORDER BY 1").fetchall()
    database.close()
    return [update_id for (update_id,) in rows]


def offset_and_version(path: Path) -> tuple[int, int]:
    check_file(path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        ((offset,),) = connection.execute("SELECT value FROM state WHERE name = 'offset'")
        ((version,),) = connection.execute("PRAGMA user_version")
    return offset, version


def kept(directory: Path) -> list[list[int]]:
    return [updates_in(path) for path in directory.glob("*.replaced-*")]


def test_at_whatever_step_of_a_migration_it_is_killed(tmp_path: Path) -> None:
    first, places = tmp_path / "first", tmp_path / "places"
    first.mkdir()
    with contextlib.closing(sqlite3.connect(first / "ledger.sqlite3")) as old:
        old.executescript("".join(MIGRATIONS[:-1]))
        old.execute("INSERT INTO state VALUES ('offset', 8)")
        old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        old.execute(f"PRAGMA user_version = {len(MIGRATIONS) - 1}")
        old.commit()
    for step in range(STEPS):
        shutil.copytree(first, places / f"{step:02}")
    command = [sys.executable, "-c", CHILD, "migrate", str(places)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, timeout=40, check=True)
    ends = [int(line) for line in done.stdout.split()]
    kills = ends.index(0)
    assert kills > 5, "it was killed on the way"
    for place in sorted(places.iterdir())[: kills + 1]:
        ledger = place / "ledger.sqlite3"
        (copy, *_) = [*earlier.kept(ledger).values(), ledger]
        assert offset_and_version(copy) == (8, len(MIGRATIONS) - 1), "the old one is there"
        # The next start finds its way, and tidies up.
        Ledger(ledger).close()
        assert offset_and_version(ledger) == (8, len(MIGRATIONS))
        assert len(earlier.kept(ledger)) == 1
        assert len(os.listdir(place)) == 2


@pytest.mark.parametrize("work", ["back_up", "restore"])
def test_at_whatever_step_it_is_killed(work: str, tmp_path: Path) -> None:
    first, places = tmp_path / "first", tmp_path / "places"
    first.mkdir()
    fill(first / "ledger.sqlite3", 1)
    back_up(first / "ledger.sqlite3", first / "backup")
    fill(first / "ledger.sqlite3", 2)
    for step in range(STEPS):
        shutil.copytree(first, places / f"{step:02}")
    command = [sys.executable, "-c", CHILD, work, str(places)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    ends = [int(line) for line in done.stdout.split()]
    kills = ends.index(0)
    assert kills > 5, "it was killed on the way"
    assert ends == [-signal.SIGKILL] * kills + [0] * (STEPS - kills), "up to its end"
    for place in sorted(places.iterdir())[: kills + 1]:
        ledger, backup = place / "ledger.sqlite3", place / "backup"
        if work == "back_up":
            assert updates_in(ledger) == [1, 2]
            assert updates_in(backup) in ([1], [1, 2])
        else:
            assert updates_in(backup) == [1]
            assert updates_in(ledger) in ([1], [1, 2])
            assert [1, 2] in [updates_in(ledger), *kept(place)], "nothing is lost"
        # The next one finds its way, and tidies up.
        restore(ledger, backup)
        back_up(ledger, backup)
        assert not [name for name in os.listdir(place) if name.startswith(".")]
