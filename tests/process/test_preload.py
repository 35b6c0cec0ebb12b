"""What the fork server imports for its workers."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

MISSED = """
import sys
import multiprocessing.forkserver
import worker.dispatch.preload

before = set(sys.modules)
import worker.dispatch.pool_specs
import worker.pool.worker_main
from worker.downloads.job import make_handler
from worker.telegram import make_handler
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
        timeout=50,
    )
    assert done.stdout.split() == []
