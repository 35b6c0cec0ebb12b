"""What the fork server imports for its workers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.damaged_ytdlp import DAMAGES, DEADLY, damage_ytdlp
from tests.support.exhaustive import some_of

ROOT = Path(__file__).parents[2]
MAX_DEATHS = 2
"""As in `preload`, which cannot be imported here: it would become a fork server."""

MISSED = """
import sys
import multiprocessing.forkserver
import worker.dispatch.preload

before = set(sys.modules)
import worker.dispatch.worker_setups
import worker.pool.worker_main
import multiprocessing.popen_forkserver
from worker.downloads.job import make_handler
from worker.telegram.job import make_handler
print(*sorted(set(sys.modules) - before))
"""


def test_workers_import_nothing_for_themselves() -> None:
    """What each worker imports it has to itself: the six of them took 39 MB more."""
    done = subprocess.run(
        [sys.executable, "-c", MISSED],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == []


QUIET = """
import logging
import worker.dispatch.preload
from worker.telegram.api_access import ApiAccess
from worker.telegram.client import Client
Client(ApiAccess("1:a"))
print(logging.getLogger("urllib3").isEnabledFor(logging.CRITICAL))
"""


def test_what_yt_dlp_sets_does_not_let_a_worker_log_addresses_with_the_token() -> None:
    done = subprocess.run(
        [sys.executable, "-c", QUIET], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False"]


DAMAGED = """
import signal, sys
real = signal.setitimer
signal.setitimer = lambda which, limit_s: real(which, min(limit_s, 1.0))
import worker.dispatch.preload
print(signal.getitimer(signal.ITIMER_REAL)[0], "yt_dlp.utils" in sys.modules)
"""


def preload_damaged(directory: Path) -> subprocess.CompletedProcess[str]:
    """What a fork server does that finds its yt-dlp in a directory."""
    return subprocess.run(
        [sys.executable, "-c", DAMAGED],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{directory}:{ROOT}", "TMPDIR": str(directory)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("damage", some_of(DAMAGES, kept=DAMAGES[:3]))
def test_yt_dlp_that_cannot_be_imported_leaves_the_fork_server_alive(
    damage: str, tmp_path: Path
) -> None:
    damage_ytdlp(tmp_path, damage)
    done = preload_damaged(tmp_path)
    assert done.stdout.split() == ["0.0", "False"], done.stderr
    assert done.stderr.count("yt-dlp cannot be imported: ") == 1
    assert len(done.stderr.splitlines()) == 1


# A limit of the size of files, as which a full disk is to whoever writes.
FULL = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
import worker.dispatch.preload
"""


def test_disk_that_is_full_ends_no_fork_server_and_leaves_nothing(tmp_path: Path) -> None:
    died = tmp_path / f"died-of-yt-dlp-{os.getpid()}"
    died.write_bytes(b"x")  # killed while it imported, when there still was room
    done = subprocess.run(
        [sys.executable, "-c", FULL],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", some_of(DEADLY, kept=DEADLY[:1]))
def test_yt_dlp_that_ends_the_process_is_left_alone(damage: str, tmp_path: Path) -> None:
    damaged = damage_ytdlp(tmp_path, damage)
    assert [preload_damaged(tmp_path).returncode == 0 for _ in range(MAX_DEATHS)] == [
        False
    ] * MAX_DEATHS
    done = preload_damaged(tmp_path)
    assert done.stdout.split() == ["0.0", "False"], done.stderr
    assert done.stderr == "yt-dlp is not imported: its import ends the process.\n"
    damaged.write_text("raise ImportError('no longer deadly')")
    assert "no longer deadly" in preload_damaged(tmp_path).stderr
