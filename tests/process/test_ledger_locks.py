"""The ledger's locks, which the kernel keeps for a process and not for a connection."""

import contextlib
import subprocess
import sys
from pathlib import Path

from worker.clocks import Wall
from worker.ledger import Ledger, LedgerError
from worker.ledger.storage.database import Access, Database
from worker.ledger.storage.write_ahead_log import log_files

LOOK_IN = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
print(connection.execute("SELECT count(*) FROM jobs").fetchone()[0])
connection.close()
"""


def test_another_program_that_looks_in_does_not_take_the_log_away(tmp_path: Path) -> None:
    """A process that closes a file loses its locks on it, and SQLite would think it gone."""
    ledger_file = tmp_path / "ledger.sqlite3"
    ledger = Ledger(ledger_file)
    ledger.record_updates([{"update_id": 1}], Wall(1.0))
    Ledger(ledger_file).close()
    with contextlib.suppress(LedgerError):
        Database(ledger_file.with_name("no such ledger"), Access.READ)
    command = [sys.executable, "-c", LOOK_IN, str(ledger_file)]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"1\n"
    assert log_files(ledger_file)[0].exists()
    ledger.record_updates([{"update_id": 2}], Wall(1.0))
    ledger.close()
