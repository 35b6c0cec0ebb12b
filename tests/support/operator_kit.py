"""Helpers for tests of the operator's commands, and stray processes to test them with."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any, cast

from tests.support.fake_judge import FakeJudge
from worker.clocks import Monotonic, Wall
from worker.dispatch.dispatcher import Dispatcher
from worker.processes import process_table, signals
from worker.processes.process_table import INSTANCE_VARIABLE, JOB_VARIABLE, Identity

ROOT = Path(__file__).parents[2]

FFMPEG = ["ffmpeg", "-v", "quiet", "-nostdin", "-re", "-f", "lavfi", "-i", "anullsrc"]
FFMPEG += ["-f", "null", "-"]
"""An ffmpeg that runs for ever."""


class _NobodyAtWork:
    pools: tuple[Any, ...] = ()
    pids: tuple[int, ...] = ()
    ytdlp = SimpleNamespace(in_use=None, trouble=None)
    judge = FakeJudge()
    sites_down: Mapping[str, Monotonic] = MappingProxyType({})
    sites_full: Mapping[str, str] = MappingProxyType({})
    no_room_at: Wall | None = None
    work: tuple[Any, ...] = ()


def nobody_at_work() -> Dispatcher:
    """A dispatcher that has started no process."""
    return cast(Dispatcher, _NobodyAtWork())


@dataclass(frozen=True)
class Answer:
    """What a command said, and its exit code."""

    code: int
    text: str
    errors: str

    @property
    def json(self) -> Any:
        """What it said with --json."""
        return json.loads(self.text)


def maintenance(data_dir: Path, *arguments: str, prefix: Sequence[str] = (), **env: str) -> Answer:
    """Run `python -m maintenance` for the bot of `data_dir`, without a token.

    `prefix` is a command that runs it.
    """
    done = subprocess.run(
        [*prefix, sys.executable, "-m", "maintenance", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DATA_DIR": str(data_dir), **env},
        capture_output=True,
        text=True,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


@contextmanager
def orphan(tag: str | None, *command: str) -> Iterator[Identity]:
    """A process in a session of its own whose parent has ended. Without a tag it is nobody's."""
    marks = {INSTANCE_VARIABLE: tag, JOB_VARIABLE: "42"} if tag else {}
    done = subprocess.run(
        ["sh", "-c", 'setsid "$@" >/dev/null 2>&1 </dev/null & echo $!', "sh", *command],
        env={"PATH": os.environ["PATH"], **marks},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    pid = int(done.stdout)
    while (process := process_table.look_up(pid)) and process.name != Path(command[0]).name:
        pass  # The shell's fork is not yet the command.
    assert process is not None
    try:
        yield process.identity
    finally:
        signals.send_signal(process.identity, 9)


@contextmanager
def namesake(directory: Path, name: str) -> Iterator[Identity]:
    """A process of this user with that name, which is nobody's."""
    (directory / name).symlink_to(shutil.which("sleep") or "sleep")
    with orphan(None, str(directory / name), "600") as identity:
        yield identity


@contextmanager
def lock_holder(
    data_dir: Path, then: str = "", prefix: Sequence[str] = ()
) -> Iterator[subprocess.Popen[str]]:
    """A process that stands for a running bot: it holds the lock, and does `then`.

    `prefix` is a command that runs it.
    """
    with subprocess.Popen(
        [*prefix, sys.executable, "-c", f"{_HOLD}\n{then}\n{_WAIT}"],
        cwd=ROOT,
        env={**os.environ, "DIRECTORY": str(data_dir)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "up\n"
            yield holder
        finally:
            holder.kill()


_HOLD = """
import fcntl, os, signal, subprocess, sys
from worker.processes import process_table
lock = open(os.environ["DIRECTORY"] + "/lock", "a+")
fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
lock.write(f"{os.getpid()}\\n")
lock.flush()
"""
_WAIT = """
print("up", flush=True)
while True:
    signal.pause()
"""
