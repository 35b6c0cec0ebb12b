"""Run an update in a process of its own, for a thread that must not wait.

    python -m maintenance.updates.background

reads an order as JSON and prints the outcome as JSON. It belongs to the bot's session; pip and the
canary, which it starts, have sessions of their own. All of them end with the bot.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

from maintenance.updates import packages
from maintenance.updates.updater import Outcome, Updater, UpdateResult
from worker import ROOT
from worker.clocks import Monotonic
from worker.processes import process_setup, process_table, signals
from worker.settings import Settings

LIMIT_S = packages.RESOLVE_S + packages.INSTALL_S + 900.0
"""How long an update may take: asking the index, installing, and two trials."""

_LONGEST_ANSWER_BYTES = 65_536


class Order(StrEnum):
    """What the background process is to do."""

    CHECK = "check"
    UPDATE = "update"
    BACK = "back"


@dataclass(frozen=True)
class _Run:
    order: Order
    process: subprocess.Popen[bytes]
    answer: IO[bytes]
    errors: IO[bytes]
    ends_at: Monotonic


class Background:
    """Starts updates in the background, one at a time; no method waits."""

    def __init__(self, settings: Settings) -> None:
        """Keep pip's environment variables, which the bot's other processes do not get."""
        self._given: dict[str, Any] = {
            "data_dir": os.fspath(settings.data_dir.absolute()),
            "memory_mib": settings.download_memory_mib,
            "variables": packages.environment(os.environ, settings.proxy_to_sites),
        }
        self._run: _Run | None = None

    @property
    def pids(self) -> list[int]:
        """The process that is at work, if there is one."""
        return [self._run.process.pid] if self._run else []

    @property
    def is_at_work(self) -> bool:
        return self._run is not None

    def start(self, order: Order, now: Monotonic) -> None:
        """Start the process that carries out an order. Raises OSError."""
        with tempfile.TemporaryFile() as given:
            given.write(json.dumps({**self._given, "order": order, "parent": os.getpid()}).encode())
            given.seek(0)
            with contextlib.ExitStack() as opened:
                answer, errors = (opened.enter_context(tempfile.TemporaryFile()) for _ in range(2))
                process = subprocess.Popen(
                    [sys.executable, "-m", __name__],
                    stdin=given,
                    stdout=answer,
                    stderr=errors,
                    env={**os.environ, "PYTHONPATH": os.fspath(ROOT)},
                )
                opened.pop_all()
        self._run = _Run(order, process, answer, errors, Monotonic(now + LIMIT_S))

    def poll(self, now: Monotonic) -> tuple[Order, Outcome] | None:
        """The order and its outcome, once it is carried out; a process past its limit is killed."""
        run = self._run
        if run is None:
            return None
        if run.process.poll() is None:
            if now >= run.ends_at and (identity := process_table.identify(run.process.pid)):
                signals.kill_tree(identity)
            return None
        self._run = None
        with run.answer as answer, run.errors as errors:
            answer.seek(0)
            errors.seek(0)
            try:
                return run.order, _outcome(json.loads(answer.read(_LONGEST_ANSWER_BYTES)))
            except (ValueError, TypeError, KeyError):
                said = errors.read(_LONGEST_ANSWER_BYTES).decode("utf-8", "replace").strip()
        reason = said.rpartition("\n")[2] or f"it ended with {run.process.returncode}"
        return run.order, Outcome(
            UpdateResult.REFUSED, None, None, f"Nothing was changed: {reason}."
        )


def _outcome(value: Mapping[str, Any]) -> Outcome:
    return Outcome(**{**value, "result": UpdateResult(value["result"])})


def main() -> None:
    """Carry out the order on standard input."""
    given = json.loads(sys.stdin.read())
    process_setup.die_with_parent(given["parent"])
    process_setup.become_subreaper()
    os.umask(0o077)
    updater = Updater(Path(given["data_dir"]), given["memory_mib"], given["variables"])
    steps = {
        Order.CHECK: updater.check,
        Order.UPDATE: updater.update,
        Order.BACK: updater.roll_back,
    }
    sys.stdout.write(json.dumps(asdict(steps[Order(given["order"])]())))


if __name__ == "__main__":
    main()
