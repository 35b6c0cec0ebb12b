"""Files that are never half written, and what is left of those that were not finished."""

import os
from pathlib import Path

import pytest

from worker.whole_files import new_file_beside

NOBODY = 4_194_304
"""Above the highest pid of any machine (proc(5), pid_max)."""


@pytest.mark.parametrize("pid", [NOBODY, os.getpid()], ids=["gone", "own"])
def test_what_a_killed_process_has_left_is_removed(tmp_path: Path, pid: int) -> None:
    """Also one that had the pid of this one, as in a container all have: 1."""
    left = tmp_path / f".ledger.sqlite3-{pid}"
    left.write_text("half")
    with new_file_beside(tmp_path / "ledger.sqlite3") as new:
        assert new.read_text() == ""
        assert list(tmp_path.iterdir()) == [new]
    assert list(tmp_path.iterdir()) == []


def test_files_of_a_running_process_and_of_others_stay(tmp_path: Path) -> None:
    kept = {
        tmp_path / f".ledger.sqlite3-{os.getppid()}",
        tmp_path / ".ledger.sqlite3-notes",
        tmp_path / f".other-{NOBODY}",
    }
    for path in kept:
        path.touch()
    with new_file_beside(tmp_path / "ledger.sqlite3") as new:
        assert set(tmp_path.iterdir()) == {*kept, new}
