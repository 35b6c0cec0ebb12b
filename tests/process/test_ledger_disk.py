"""The ledger on a disk that is full."""

import subprocess
import sys
from pathlib import Path

import pytest

OPEN_WITHOUT_ROOM = """
import sys
from pathlib import Path
from tests.chaos.disk import Disk, enter_own_namespace
from worker.ledger import Ledger, LedgerBusy
try:
    enter_own_namespace()
    disk = Disk(Path(sys.argv[1]), 2_000_000)
except OSError as error:
    sys.exit(f"no disk of our own: {error}")
ledger = disk.path / "ledger.sqlite3"
Ledger(ledger).close()
disk.leave(0)
try:
    Ledger(ledger)
except LedgerBusy:
    print("busy", flush=True)
disk.release()
Ledger(ledger).close()
disk.unmount()
"""


def test_disk_without_room_for_the_index_is_busy(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OPEN_WITHOUT_ROOM, str(tmp_path / "disk")]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if "no disk of our own" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert (done.returncode, done.stdout) == (0, "busy\n"), done.stderr
