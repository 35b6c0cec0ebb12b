"""Faults of a chaos run: what happens to processes, the disk and the API, decided by the seed.

The plan is the same for the same seed. Which process a move meets also depends on which ones
there are at that moment.
"""

from __future__ import annotations

import logging
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.chaos.disk import Disk
from tests.sandbox.api import BotApi
from tests.sandbox.faults import Fault, FaultKind
from worker.pool.watched_process import FORK_SERVER
from worker.processes import process_table, signals
from worker.processes.process_table import Identity, Process

log = logging.getLogger(__name__)

PAUSE_S = 1.4
"""Between two moves, on average."""

SEARCH_S = 2.0
"""How long a move waits for a process of its kind; ffmpeg is there for a tenth of a second."""

_POOLS = ("telegram", "downloads")

VICTIMS = {
    "main": 2,
    "fork server": 2,
    "telegram": 5,
    "downloads": 4,
    "judge": 3,
    "yt-dlp": 4,
    "ffmpeg": 2,
}
"""Whom signals go to, and how often."""

_FAULTS: tuple[FaultKind, ...] = (
    *("too_many_requests", "bad_gateway", "server_error"),
    *("cut_before", "cut_after", "slow", "malformed_json"),
)
_METHODS = (None, None, "getUpdates", "sendMessage", "editMessageText", "editMessageMedia")
_SLOW_S = 20.0

Act = Literal["SIGKILL", "SIGTERM", "SIGSTOP", "full disk", "little disk", "API"]


@dataclass(frozen=True)
class Move:
    """One fault: what is done, when (seconds from the start of the run), and for how long."""

    at_s: float
    act: Act
    seconds: float = 0.0
    victim: str = ""
    share: float = 0.0
    """Which of several such processes: 0 is the oldest, just below 1 the youngest."""
    fault: FaultKind | None = None
    method: str | None = None
    times: int | None = None
    free_bytes: int = 0

    def __str__(self) -> str:
        what = self.victim or (f"{self.fault} {self.method or 'any call'}" if self.fault else "")
        return f"{self.act} {what}".strip()


def plan(seed: int, seconds: float) -> list[Move]:
    """All moves of a run, by time; the same for the same seed."""
    dice = random.Random(f"faults {seed}")
    moves: list[Move] = []
    now = 0.0
    while (now := now + dice.expovariate(1 / PAUSE_S)) < seconds:
        kind = dice.random()
        if kind < 0.7:
            moves.append(_signal(dice, now))
        elif kind < 0.78:
            act: Act = "full disk" if dice.random() < 0.6 else "little disk"
            # A journal may still take a few pages, or none; or too little for a download.
            free = dice.choice((0, 100_000)) if act == "full disk" else 500_000_000
            moves.append(Move(now, act, dice.uniform(1, 6), free_bytes=free))
        else:
            moves.append(_trouble(dice, now))
    return moves


def _signal(dice: random.Random, now: float) -> Move:
    victim = dice.choices(list(VICTIMS), list(VICTIMS.values()))[0]
    act: Act = dice.choices(("SIGKILL", "SIGTERM", "SIGSTOP"), (9, 4, 7))[0]
    seconds = dice.choice((0.3, 1, 3, 8)) if act == "SIGSTOP" else 0.0
    return Move(now, act, seconds, victim, dice.random())


def _trouble(dice: random.Random, now: float) -> Move:
    fault, method = dice.choice(_FAULTS), dice.choice(_METHODS)
    # A slow answer lasts by itself; anything else comes as a bad moment.
    times = dice.randrange(1, 4) if fault == "slow" else None
    return Move(now, "API", dice.uniform(0.5, 5), fault=fault, method=method, times=times)


class FaultInjector(threading.Thread):
    """Carries out a plan on one bot. `disk` None: the disk is left alone."""

    def __init__(
        self, moves: list[Move], main: Callable[[], Identity | None], api: BotApi, disk: Disk | None
    ) -> None:
        """`main` tells which process is the bot's main one now, if any."""
        super().__init__(name="injector", daemon=True)
        self.done: Counter[str] = Counter()
        self.missed: Counter[str] = Counter()
        self._moves = moves
        self._main = main
        self._api = api
        self._disk = disk
        self._stopped = threading.Event()
        self._undo: list[tuple[float, Callable[[], object]]] = []

    def run(self) -> None:
        """Run the thread: make all moves, then undo what is still in effect."""
        start = time.monotonic()
        try:
            for move in self._moves:
                if self._rest_until(start + move.at_s):
                    return
                if self._make(move):
                    log.info("%s (%.1f s)", move, move.seconds)
                    self.done[str(move)] += 1
                else:
                    self.missed[str(move)] += 1
        finally:
            self._undo_due(float("inf"))
            self._api.faults.clear()

    def stop(self) -> None:
        """Stop, and undo what is still in effect."""
        self._stopped.set()
        self.join()

    # -------------------------------------------------------------------------- what it does

    def _make(self, move: Move) -> bool:
        if move.fault:
            fault = Fault(move.method, move.fault, move.times, seconds=_SLOW_S)
            self._api.faults.add(fault)
            self._later(move.seconds, lambda: self._api.faults.remove(fault))
            return True
        if move.victim:
            return self._send_signal(move)
        if self._disk is None:
            return False
        self._disk.leave(move.free_bytes)
        self._later(move.seconds, self._disk.release)
        return True

    def _send_signal(self, move: Move) -> bool:
        found = self._search(move.victim)
        if not found:
            return False
        victim = found[int(move.share * len(found))]
        if not signals.send_signal(victim, signal.Signals[move.act]):
            return False
        log.info("%s to %s %d", move.act, move.victim, victim.pid)
        if move.act == "SIGSTOP":
            self._later(move.seconds, lambda: signals.send_signal(victim, signal.SIGCONT))
        return True

    def _search(self, name: str) -> list[Identity]:
        """The bot's processes of that name, oldest first, once there is one."""
        deadline = time.monotonic() + SEARCH_S
        while True:
            main = self._main()
            if main and name == "main":
                return [main]
            below = process_table.descendants(main.pid) if main else []
            found = [p.identity for p in below if not p.is_defunct and name_of(p) == name]
            if found or time.monotonic() > deadline or self._rest_until(time.monotonic() + 0.01):
                return sorted(found, key=lambda identity: identity.started)

    # ------------------------------------------------------------------------- what is undone

    def _later(self, seconds: float, undo: Callable[[], object]) -> None:
        self._undo.append((time.monotonic() + seconds, undo))

    def _rest_until(self, moment: float) -> bool:
        """Wait, undoing what is due; True when the injector is to stop."""
        while True:
            self._undo_due(time.monotonic())
            due = min([moment, *(when for when, _ in self._undo)])
            if self._stopped.wait(max(0.0, due - time.monotonic())):
                return True
            if time.monotonic() >= moment:
                return False

    def _undo_due(self, now: float) -> None:
        due = [undo for when, undo in self._undo if when <= now]
        self._undo = [(when, undo) for when, undo in self._undo if when > now]
        for undo in due:
            undo()


def name_of(process: Process) -> str:
    """What a process below the bot is: a key of `VICTIMS`, or its own name."""
    pool = process.name.partition("-")[0]
    if pool in _POOLS:
        return pool
    if process.name == "ffprobe":
        return "ffmpeg"
    if process.name == FORK_SERVER or process.name.startswith("python"):
        return "fork server"  # It has Python's name while it imports.
    return process.name
