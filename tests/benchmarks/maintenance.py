"""What maintenance costs: a sweep among thousands of processes, and health with a long history."""

import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from maintenance.ownership import Instance, ProcessTable
from tests.benchmarks.figures import ratio, summary
from worker.ledger import Ledger, ledger_path

ROUNDS = 3
CROWD = 5_000
JOBS = 100_000
HEALTH_ROUNDS = 9
ROOT = Path(__file__).parents[2]

ATTRIBUTES = ["ppid", "status", "create_time", "name", "memory_info", "num_threads", "environ"]
"""What a sweep asks of each process; the session, which psutil does not know, is missing."""

# `sleep` is small: five thousand of them take half a gigabyte.
_CROWD = """
import subprocess, sys
crowd = [subprocess.Popen(["sleep", "900"]) for _ in range(int(sys.argv[1]))]
print("up", flush=True)
sys.stdin.read()
for process in crowd:
    process.kill()
"""


def run() -> Iterator[str]:
    """The lines of the report."""
    yield from _compare(0)
    if CROWD > resource.getrlimit(resource.RLIMIT_NPROC)[0] > 0:
        yield f"{CROWD} processes are more than this user may have"
    else:
        with _crowd(CROWD):
            yield from _compare(CROWD)
    yield from _health()


def _compare(crowd: int) -> Iterator[str]:
    def psutils() -> None:
        psutil.process_iter.cache_clear()  # a command looks once
        for process in psutil.process_iter(ATTRIBUTES, ad_value=None):
            assert process.info

    with tempfile.TemporaryDirectory() as directory:
        instance = Instance(Path(directory), 60.0)
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(_seconds(lambda: ProcessTable(instance)))
            theirs.append(_seconds(psutils))
    there = len(list(Path("/proc").glob("[0-9]*")))
    yield f"{there} processes, {crowd} of them strange: a sweep is {ratio(ours, theirs)} psutil's"
    yield f"  absolute: ours {summary(ours, 's')}, psutil {summary(theirs, 's')}"


def _health() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as directory:
        path = ledger_path(Path(directory))
        Ledger(path).close()
        empty = _health_seconds(directory)
        _fill(path)
        full = _health_seconds(directory)
    yield f"health with {JOBS} jobs in the ledger is {ratio(full, empty)} that of an empty one"
    yield f"  absolute, start of Python included: {summary(full, 's')}, empty {summary(empty, 's')}"


def _health_seconds(directory: str) -> list[float]:
    environment = {"PATH": os.environ["PATH"], "DATA_DIR": directory}
    command = [sys.executable, "-m", "maintenance", "health", "--detailed"]

    def ask() -> None:
        subprocess.run(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=False, timeout=60
        )

    return [_seconds(ask) for _ in range(HEALTH_ROUNDS)]


def _fill(path: Path) -> None:
    """Jobs of the last weeks: one in ten has failed, and a hundred wait."""
    now = time.time()
    connection = sqlite3.connect(path)
    connection.executemany(
        "INSERT INTO jobs (kind, pool, priority, state, created_at, waits_since, not_before,"
        " finished_at) VALUES ('download', 'downloads', 0, ?, ?, ?, 0, ?)",
        [
            ("failed" if n % 10 == 0 else "done", now - 20 * n, now - 20 * n, now - 20 * n)
            if n >= 100
            else ("waiting", now - n, now - n, None)
            for n in range(JOBS)
        ],
    )
    connection.executemany(
        "INSERT INTO requests (chat_id, user_id, message_id, url, media_key, download_id,"
        " created_at, verdict, answered_at) VALUES (1, 1, 1, '', '', ?, 0, 'media', ?)",
        [(n, now - 20 * n) for n in range(JOBS)],
    )
    connection.commit()
    connection.close()


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


@contextmanager
def _crowd(number: int) -> Iterator[None]:
    """So many sleeping processes, which end with this block or with this process."""
    with subprocess.Popen(
        [sys.executable, "-c", _CROWD, str(number)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "up\n"
        yield
