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
disk.FILL
try:
    Ledger(ledger)
except LedgerBusy as busy:
    print("busy", busy, flush=True)
disk.release()
Ledger(ledger).close()
disk.unmount()
"""


@pytest.mark.parametrize(
    ("fill", "words"), [("leave(0)", "KB left"), ("leave_no_inodes()", "No space left on device")]
)
def test_disk_without_room_for_the_index_is_busy(fill: str, words: str, tmp_path: Path) -> None:
    script = OPEN_WITHOUT_ROOM.replace("FILL", fill)
    command = [sys.executable, "-c", script, str(tmp_path / "disk")]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if "no disk of our own" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("busy ")
    assert words in done.stdout
