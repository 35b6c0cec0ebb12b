"""A start on a machine in need: whatever passes by itself does not end the bot for good."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox.bot_process import BOT

EXIT_NOT_NOW = 75

TOKEN = "123456:" + "a" * 35

START_ON_A_FULL_DISK = """
import os, subprocess, sys
from pathlib import Path
from tests.chaos.disk import Disk, enter_own_namespace
bot, home, before = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
try:
    enter_own_namespace()
    disk = Disk(home / "data", 3_000_000)
except OSError as error:
    sys.exit(f"no disk of our own: {error}")
disk.path.chmod(0o700)
if before != "no bot":
    from worker.ledger import Ledger, ledger_path
    ledger = Ledger(ledger_path(disk.path))
    log = Path(f"{ledger_path(disk.path)}-wal")
    ledger.record_updates([{"update_id": 1}], 1.0)
    content = log.read_bytes()
    ledger.close()
    (disk.path / "lock").touch()
    if before == "killed bot":
        log.write_bytes(content)
disk.leave(0)
done = subprocess.run([sys.executable, bot], cwd=home, env=dict(os.environ), timeout=40)
disk.release()
print(done.returncode, flush=True)
disk.unmount()
"""

FAIL_TO_OPEN = """
import errno, os, runpy, sys
bot, number = sys.argv[1], int(sys.argv[2])
from worker import data_directory
def lock(directory):
    raise OSError(number, os.strerror(number))
data_directory.lock = lock
sys.argv = [bot]
runpy.run_path(bot, run_name="__main__")
"""


def run(program: str, tmp_path: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    env = {"PATH": "/usr/bin:/bin", "BOT_TOKEN": TOKEN, "PYTHONPATH": str(BOT.parent)}
    return subprocess.run(
        [sys.executable, "-c", program, str(BOT), *map(str, arguments)],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


@pytest.mark.parametrize("before", ["no bot", "stopped bot", "killed bot"])
def test_a_full_disk_at_the_start_is_no_wrong_setting(before: str, tmp_path: Path) -> None:
    done = run(START_ON_A_FULL_DISK, tmp_path, tmp_path, before)
    if "no disk of our own" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.stdout == f"{EXIT_NOT_NOW}\n", done.stderr


@pytest.mark.parametrize(
    "number",
    [
        *(errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ESTALE),
        *(errno.EMFILE, errno.ENFILE, errno.ENOMEM),
    ],
    ids=lambda number: errno.errorcode[number],
)
def test_what_passes_by_itself_is_tried_again(number: int, tmp_path: Path) -> None:
    done = run(FAIL_TO_OPEN, tmp_path, number)
    assert done.returncode == EXIT_NOT_NOW, done.stderr
    assert "cannot be used" in done.stderr


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ELOOP])
def test_what_only_the_operator_can_mend_is_not(number: int, tmp_path: Path) -> None:
    done = run(FAIL_TO_OPEN, tmp_path, number)
    assert done.returncode == 78, done.stderr
    assert "cannot be used" in done.stderr
