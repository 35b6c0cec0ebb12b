"""Trouble that a person makes on the chat page, with a bot that is started again as on a server."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from . import process_tree
from .api import BotApi
from .bot_process import BotProcess
from .faults import Fault, FaultKind
from .site import MediaSite

LASTS_S = 30.0
_SHOWN_INCIDENTS = 30
_RESTARTED = (-9, 70, 75)
"""Exit codes after which a supervisor starts the bot again."""
_RETRY_AFTER_S = 5
_LEFT_BYTES = 20_000_000
"""Enough for the ledger, too little for a download."""


class Disk(Protocol):
    """The bot's disk, if it has one that can be filled."""

    def leave(self, free_bytes: int) -> None:
        """Leave only so much of it free."""

    def release(self) -> None:
        """Give all of it back."""


@dataclass(frozen=True)
class Incident:
    """Something that was done, or that came of it; `time` in seconds since the epoch."""

    number: int
    time: float
    text: str


@dataclass
class _State:
    """Something that is the case for a while: begun, ended by itself, or ended earlier."""

    label: str
    begin: Callable[[], None]
    end: Callable[[], None]
    timer: threading.Timer | None = None


class Trouble:
    """What can be done to the bot, to Telegram, to the site and to the disk, by name.

    What lasts ends when it is asked for again, and by itself after `LASTS_S` seconds.
    """

    def __init__(
        self, api: BotApi, site: MediaSite, bot: BotProcess, disk: Disk | None = None
    ) -> None:
        self._api = api
        self._bot = bot
        self._lock = threading.RLock()
        self._incidents: deque[Incident] = deque(maxlen=_SHOWN_INCIDENTS)
        self._happened = 0
        self._deeds: dict[str, tuple[str, str, Callable[[], None]]] = {
            "kill-download": (
                *("Kill a download worker", "A download worker was killed"),
                lambda: self._kill_worker("downloads-"),
            ),
            "kill-telegram": (
                *("Kill a Telegram worker", "A Telegram worker was killed"),
                lambda: self._kill_worker("telegram-"),
            ),
            "kill-bot": ("Kill the bot", "The bot was killed", bot.kill),
        }
        self._states = {
            "429": self._failing_api("Telegram says 429", "too_many_requests"),
            "500": self._failing_api("Telegram says 500", "server_error"),
            "slow": _State("The site is slow", site.is_slow.set, site.is_slow.clear),
            "down": _State("The site is down", site.is_down.set, site.is_down.clear),
        }
        if disk is not None:
            fill = _State("The disk is full", lambda: disk.leave(_LEFT_BYTES), disk.release)
            self._states["disk"] = fill

    def make(self, name: str) -> None:
        """Do it; LookupError when there is no such trouble, or nothing that it could hit."""
        with self._lock:
            if name in self._deeds:
                _, told, do = self._deeds[name]
                do()
                self._tell(told)
            elif self._states[name].timer is None:
                self._begin(self._states[name])
            else:
                self._end(self._states[name])
        self._api.touch()

    def stop(self) -> None:
        """End what lasts."""
        with self._lock:
            for state in self._states.values():
                self._end(state)

    def revive(self) -> int | None:
        """Start the bot again if it was killed or asked for that; its exit code if it ended."""
        with self._lock:
            code = self._bot.exit_code
            if code not in _RESTARTED:
                return code
            self._bot.start()
            self._tell("The bot was started again")
        self._api.touch()
        return None

    def shown(self) -> dict[str, Any]:
        """What can be pressed, what lasts, what has happened, and whether the bot runs; as JSON."""
        with self._lock:
            deeds = [{"name": n, "label": label} for n, (label, *_) in self._deeds.items()]
            states = [
                {"name": name, "label": state.label, "on": state.timer is not None}
                for name, state in self._states.items()
            ]
            return {
                "presses": deeds + states,
                "running": self._bot.is_running,
                "incidents": [asdict(each) for each in self._incidents],
            }

    def _tell(self, text: str) -> None:
        """Remember what has happened: a browser may be too late to see what passes."""
        self._happened += 1
        self._incidents.append(Incident(self._happened, time.time(), text))

    def _begin(self, state: _State) -> None:
        state.begin()
        self._tell(state.label)
        state.timer = threading.Timer(LASTS_S, self._end_late, [state])
        state.timer.daemon = True
        state.timer.start()

    def _end_late(self, state: _State) -> None:
        with self._lock:
            # It may have been ended, and begun again, while this waited for the lock.
            if state.timer is threading.current_thread():
                self._end(state)
        self._api.touch()

    def _end(self, state: _State) -> None:
        if state.timer is None:
            return
        state.timer.cancel()
        state.timer = None
        state.end()
        self._tell(f"Over: {state.label}")

    def _failing_api(self, label: str, kind: FaultKind) -> _State:
        faults = self._api.faults
        fault = Fault(None, kind, times=None, retry_after=_RETRY_AFTER_S)

        def begin() -> None:
            faults.add(fault)

        return _State(label, begin, lambda: faults.remove(fault))

    def _kill_worker(self, prefix: str) -> None:
        """Kill the one with the most processes below it, which is at work if any is."""
        everything = process_tree.find_all()
        below = process_tree.descendants({self._bot.pid}, everything)
        workers = [p for p in everything if p.pid in below and _name(p.pid).startswith(prefix)]
        if not workers:
            raise LookupError("there is no such worker now")
        busiest = max(workers, key=lambda p: len(process_tree.descendants({p.pid}, everything)))
        process_tree.kill(busiest)


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(errors="replace")
    except OSError:
        return ""
