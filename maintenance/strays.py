"""Strays: processes that lost their parent and have become children of the bot.

The bot is a child subreaper (prctl(2)), so whatever a killed worker or yt-dlp leaves behind
turns up here, and nowhere else.
"""

import logging
import os
import signal
from collections.abc import Callable, Iterable
from multiprocessing import forkserver, resource_tracker

from worker.processes import process_table, signals

log = logging.getLogger(__name__)


class StrayHunter:
    """Ends and reaps strays, sweep by sweep."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._seen: set[process_table.Identity] = set()

    def sweep(self, known: Iterable[int]) -> int:
        """Kill the strays that the last sweep saw as well. Returns how many are there.

        `known` are children that belong there. A child younger than the time between two
        sweeps may be one that was started just now and is not known yet.
        """
        known = {*known, *(pid for pid, _ in _helpers())}
        strays = [p for p in process_table.children(os.getpid()) if p.pid not in known]
        for stray in strays:
            if stray.identity not in self._seen:
                continue
            if not stray.is_defunct:
                log.warning(
                    "Process %d (%s) has lost its parent and is killed.", stray.pid, stray.name
                )
                signals.send_signal(stray.identity, signal.SIGKILL)
            signals.reap([stray.pid])
        _revive_helpers()
        self._seen = {stray.identity for stray in strays}
        return len(strays)


def _helpers() -> list[tuple[int, Callable[[], None]]]:
    """The processes that multiprocessing keeps for itself: their pids, which it gives no name,
    and what starts each if it does not run. 0 is one that was never needed.
    """
    return [
        (getattr(forkserver, "_forkserver")._forkserver_pid or 0, forkserver.ensure_running),  # noqa: B009
        (getattr(resource_tracker, "_resource_tracker")._pid or 0, resource_tracker.ensure_running),  # noqa: B009
    ]


def _revive_helpers() -> None:
    """Let multiprocessing reap its own helpers, which it does when it starts them anew.

    Left to itself it does so at the next start of a worker, and a defunct one stands around
    until then. One that was stopped goes on at once: whoever starts a worker waits for it.
    """
    for pid, start in _helpers():
        process = process_table.look_up(pid) if pid else None
        if process and process.is_defunct:
            start()
        elif process and process.state == "T":
            signals.send_signal(process.identity, signal.SIGCONT)
