"""Programs that an update starts: each in a session of its own, with limits of time and disk."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from worker import ROOT
from worker.processes import process_table, signals
from worker.settings import MEBIBYTE

POLL_EVERY_S = 0.2
MEASURE_EVERY_S = 2.0

LEFT_FREE_BYTES = 100 * MEBIBYTE
"""A program ends when less is free, so that the ledger can still be written. Downloads leave far
more (`worker.dispatch.disk_space`): they go on all day, and an update takes its room only once."""

# Makes the program end with the process that has started it, even if that is killed.
_MORTAL = """
import sys
sys.path.insert(0, {root!r})
from worker.processes import process_setup
process_setup.die_with_parent({parent})
if not {with_code}:
    del sys.path[0]
import runpy
runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
"""


class ProgramStopped(Exception):
    """A program was ended before it was done. The text says why."""


@dataclass(frozen=True)
class DiskRoom:
    """The directory that a program writes to, and how many bytes it may take there."""

    directory: Path
    limit_bytes: int


@dataclass(frozen=True)
class Done:
    """How a program ended, and what it said."""

    code: int
    output: str
    errors: str


def run_module(
    module: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    limit_s: float,
    room: DiskRoom,
    *,
    with_code: bool = False,
) -> Done:
    """Run a Python module to its end; it finds the bot's own code if `with_code`.

    Raises ProgramStopped when it exceeds a limit, OSError when it cannot be started.
    """
    code = _MORTAL.format(
        root=os.fspath(ROOT), parent=os.getpid(), module=module, with_code=with_code
    )
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(
            # -P: the directory that it runs in has no part in its imports.
            [sys.executable, "-P", "-c", code, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            cwd=room.directory,
            env=dict(environment),
            start_new_session=True,
        )
        try:
            _wait(child, limit_s, room)
        finally:
            _end(child)
        output.seek(0)
        errors.seek(0)
        texts = [stream.read().decode("utf-8", "replace") for stream in (output, errors)]
    return Done(child.returncode, *texts)


def _wait(child: subprocess.Popen[bytes], limit_s: float, room: DiskRoom) -> None:
    ends_at, measure_at = time.monotonic() + limit_s, 0.0
    while True:
        try:
            child.wait(POLL_EVERY_S)
            return
        except subprocess.TimeoutExpired:
            now = time.monotonic()
        if now >= ends_at:
            raise ProgramStopped(f"not done after {limit_s:.0f} s")
        if now >= measure_at:
            measure_at = now + MEASURE_EVERY_S
            if size_of(room.directory) > room.limit_bytes:
                raise ProgramStopped(f"takes more than {room.limit_bytes >> 20} MB")
            if shutil.disk_usage(room.directory).free < LEFT_FREE_BYTES:
                raise ProgramStopped("the disk is almost full")


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a program with all that it has started."""
    identity = process_table.identify(child.pid)
    if child.returncode is None and identity:
        signals.kill_tree(identity)
    child.wait()
    # A process that has left the tree still belongs to its session.
    for process in process_table.snapshot().values():
        if process.session_id == child.pid:
            signals.send_signal(process.identity, signal.SIGKILL)


def size_of(directory: Path) -> int:
    """The bytes of all files in a directory that may change meanwhile."""
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size
            except FileNotFoundError:
                continue
    return total
