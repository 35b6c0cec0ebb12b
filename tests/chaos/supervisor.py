"""Restarts the bot in a chaos run, and records each of its lives."""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.sandbox.bot_process import BotProcess
from worker.processes import process_table
from worker.processes.process_table import Identity

log = logging.getLogger(__name__)

TICK_S = 0.1
READING_S = 1.0
SETTLED_S = 8.0
"""The age at which a main process has all its threads and workers."""

OUTLIVE_S = 10.0
"""By then nothing is left of a bot whose main process has died."""

EXPECTED_EXITS = {
    -9: "killed",
    -15: "ended by SIGTERM before it listened",
    0: "stopped by SIGTERM",
    75: "started while the disk was full",
}
"""How a main process may end in a run; 78 would be its last end, and 70 is its own defeat."""

_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Reading:
    """The main process at one moment: open descriptors, and resident memory in bytes."""

    descriptors: int
    memory_bytes: int

    def __str__(self) -> str:
        return f"{self.descriptors} descriptors, {self.memory_bytes / 1e6:.1f} MB"


@dataclass
class Life:
    """One main process from its start on, in monotonic seconds; `first` once it has settled."""

    pid: int
    started_at: float
    first: Reading | None = None
    last: Reading | None = None
    age_s: float = 0.0


class Supervisor(threading.Thread):
    """Runs the bot until `stop`. At random it first looks whether all of a dead bot has gone."""

    def __init__(self, bot: BotProcess, seed: int) -> None:
        """The bot is started by `start`."""
        super().__init__(name="supervisor", daemon=True)
        self.lives: list[Life] = []
        self.exits: Counter[int] = Counter()
        self.outlived: list[str] = []
        self._bot = bot
        self._stopped = threading.Event()
        self._dice = random.Random(f"supervisor {seed}")
        self._next_reading_at = 0.0

    def main(self) -> Identity | None:
        """The bot's main process of this moment, if it runs."""
        return process_table.identify(self._bot.pid) if self._bot.is_running else None

    def run(self) -> None:
        """The thread."""
        self._start()
        while not self._stopped.wait(TICK_S):
            code = self._bot.exit_code
            if code is None:
                self._read()
                continue
            self.exits[code] += 1
            log.info("the bot (pid %d) has ended with exit code %d", self._bot.pid, code)
            if self._dice.random() < 0.3:
                self._look_what_is_left()
            self._start()

    def stop(self) -> None:
        """Stop restarting the bot, which itself goes on."""
        self._stopped.set()
        self.join()

    def _start(self) -> None:
        self._bot.start()
        self.lives.append(Life(self._bot.pid, time.monotonic()))

    def _read(self) -> None:
        now = time.monotonic()
        if now < self._next_reading_at:
            return
        self._next_reading_at = now + READING_S
        self._bot.tree()  # So that it knows for its end whatever was once there.
        life = self.lives[-1]
        life.age_s = now - life.started_at
        life.last = read(life.pid) or life.last
        if life.first is None and life.age_s >= SETTLED_S:
            life.first = life.last

    def _look_what_is_left(self) -> None:
        deadline = time.monotonic() + OUTLIVE_S
        while not self._stopped.wait(TICK_S):
            # A stopped process cannot end by itself, and the injector lets it go on.
            tag = process_table.instance_tag(self._bot.data_dir)
            left = [
                p for p in process_table.tagged(tag) if not p.is_defunct and p.state not in "Tt"
            ]
            if not left:
                return
            if time.monotonic() > deadline:
                self.outlived += [f"{p.pid} ({p.name})" for p in left]
                return


def read(pid: int) -> Reading | None:
    """A reading of a process; None when it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return Reading(len(os.listdir(f"/proc/{pid}/fd")), pages * _PAGE)
    except (OSError, IndexError):
        return None
