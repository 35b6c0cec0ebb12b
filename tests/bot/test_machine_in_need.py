"""A start on a machine in need: whatever passes by itself does not end the bot for good."""

import errno
import re
import subprocess
import sys
from pathlib import Path

import pytest

from maintenance.exit_codes import EXIT_CONFIG, EXIT_NOT_NOW, EXIT_STALLED
from tests.sandbox.bot_process import BOT
from tests.support.ping_receiver import receiving_pings

TOKEN = "123456:" + "a" * 35

START_ON_A_FULL_DISK = """
import sys
from pathlib import Path
import bot
from maintenance import runs
from tests.chaos.disk import Disk, enter_own_namespace
home, before = Path(sys.argv[1]), sys.argv[2]
try:
    enter_own_namespace()
    disk = Disk(home / "data", 3_000_000)
except OSError as error:
    sys.exit(f"no disk of our own: {error}")
disk.path.chmod(0o700)
from worker.ledger import Ledger, ledger_path
from worker.ledger.storage import database
migrations = database.MIGRATIONS
if before == "older bot":
    database.MIGRATIONS = migrations[:-1]
if before != "no bot":
    ledger = Ledger(ledger_path(disk.path))
    log = Path(f"{ledger_path(disk.path)}-wal")
    ledger.record_updates([{"update_id": 1}], 1.0)
    content = log.read_bytes()
    ledger.close()
    (disk.path / "lock").touch()
    if before == "killed bot":
        log.write_bytes(content)
database.MIGRATIONS = migrations
disk.leave(int(sys.argv[3]))
runs.FIRST_PAUSE_S = runs.UNCOUNTED_PAUSE_S = 0.0
print(bot.main([]), flush=True)
disk.release()
print(*sorted(path.name for path in disk.path.glob("*ledger*")))
ledger = Ledger(ledger_path(disk.path))
print(ledger.offset())
"""

FAIL_TO_OPEN = """
import os, sys
import bot
from maintenance import runs
def start(number):
    def lock(directory):
        raise OSError(number, os.strerror(number))
    bot.data_directory.lock = lock
    return bot.main([])
runs.FIRST_PAUSE_S = runs.UNCOUNTED_PAUSE_S = 0.0
print(*[start(int(number)) for number in sys.argv[1:]])
"""

FAIL_IN_THE_MAIN_THREAD = """
import os, sys, threading
import bot
os.environ["HEALTH_URL"] = sys.argv[2]
from maintenance import runs
runs.FIRST_PAUSE_S = 0.0
start = threading.Thread.start
def start_some(thread):
    if thread.name == "maintenance":
        raise RuntimeError("can't start new thread")
    start(thread)
threading.Thread.start = start_some
if sys.argv[1] == "out of descriptors as well":
    def kill_descendants():
        raise OSError(24, "Too many open files")
    bot.signals.kill_descendants = kill_descendants
bot.main([])
"""


def run(program: str, tmp_path: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    env = {"PATH": "/usr/bin:/bin", "BOT_TOKEN": TOKEN, "PYTHONPATH": str(BOT.parent)}
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


FULL = r"No space left on device|; the disk has \d KB left"


@pytest.mark.parametrize(
    ("before", "free_bytes", "problem"),
    [
        *((before, 0, FULL) for before in ("no bot", "stopped bot", "killed bot", "older bot")),
        ("older bot", 100_000, r"\b1 MB have to be free for a copy of it before .*, and 0 MB are"),
    ],
)
def test_a_full_disk_at_the_start_is_no_wrong_setting(
    before: str, free_bytes: int, problem: str, tmp_path: Path
) -> None:
    done = run(START_ON_A_FULL_DISK, tmp_path, tmp_path, before, free_bytes)
    if "no disk of our own" in done.stderr:
        pytest.skip(done.stderr.strip())
    code, left, offset = done.stdout.splitlines()
    assert code == str(EXIT_NOT_NOW), done.stderr
    assert int(offset) == (0 if before == "no bot" else 2), "nothing is lost"
    assert "version" not in left, "nor is a part of a copy kept"
    assert re.search(problem, done.stderr), done.stderr


PASSING = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ESTALE),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM),
)
LASTING = (errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ELOOP)


@pytest.mark.parametrize(
    ("numbers", "code"),
    [(PASSING, EXIT_NOT_NOW), (LASTING, EXIT_CONFIG)],
    ids=["passes by itself", "only the operator can mend it"],
)
def test_why_the_directory_cannot_be_used_decides_whether_to_try_again(
    numbers: tuple[int, ...], code: int, tmp_path: Path
) -> None:
    done = run(FAIL_TO_OPEN, tmp_path, *numbers)
    assert done.stdout.split() == [str(code)] * len(numbers), done.stderr
    assert done.stderr.count("cannot be used") == len(numbers)


@pytest.mark.parametrize("need", ["out of threads", "out of descriptors as well"])
def test_main_thread_that_fails_ends_the_bot(need: str, tmp_path: Path) -> None:
    """Nobody else would: the other threads wait for its word, and a signal is only counted."""
    with receiving_pings() as receiver:
        done = run(FAIL_IN_THE_MAIN_THREAD, tmp_path, need, receiver.url)
    assert done.returncode == EXIT_STALLED, done.stderr
    assert "The main thread has failed" in done.stderr
    assert [text for text in receiver.complaints if "main thread" in text], receiver.pings
