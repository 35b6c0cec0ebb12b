"""Strays: processes that lost their parent and became children of the bot.

The bot is a child subreaper (prctl(2)), so this happens to whatever a killed worker or yt-dlp
leaves behind.
"""

import logging
import os
import signal
from collections.abc import Callable, Iterable
from multiprocessing import forkserver, resource_tracker

from worker.processes import process_table, signals

log = logging.getLogger(__name__)


class StrayReaper:
    """Ends and reaps strays, sweep by sweep."""

    def __init__(self) -> None:
        self._seen: set[process_table.Identity] = set()

    def sweep(self, known: Iterable[int]) -> int:
        """Kill the strays that the last sweep saw as well. Returns how many strays there are.

        `known` are the pids of children that are not strays. A child that is seen for the first
        time is left alone: it may have been started just now and not be known yet.
        """
        known = {*known, *(pid for pid, _ in _helpers())}
        strays = [p for p in process_table.children(os.getpid()) if p.pid not in known]
        for stray in strays:
            if stray.identity not in self._seen:
                continue
            if not stray.is_defunct:
                log.warning("Process %d (%s) lost its parent and is killed.", stray.pid, stray.name)
                signals.send_signal(stray.identity, signal.SIGKILL)
            signals.reap([stray.pid])
        _revive_helpers()
        self._seen = {stray.identity for stray in strays}
        return len(strays)


def _helpers() -> list[tuple[int, Callable[[], None]]]:
    """The processes that multiprocessing keeps for itself: pid, and a function that starts it.

    multiprocessing has no public name for the pids. 0 stands for one that was never needed.
    """
    return [
        (getattr(forkserver, "_forkserver")._forkserver_pid or 0, forkserver.ensure_running),  # noqa: B009
        (getattr(resource_tracker, "_resource_tracker")._pid or 0, resource_tracker.ensure_running),  # noqa: B009
    ]


def _revive_helpers() -> None:
    """Restart helpers that have ended, by which multiprocessing reaps them; continue stopped ones.

    By itself it would do so at the next start of a worker, and leave them defunct until then. A
    stopped fork server keeps whoever starts a worker waiting.
    """
    for pid, start in _helpers():
        process = process_table.look_up(pid) if pid else None
        if process and process.is_defunct:
            start()
        elif process and process.state == "T":
            signals.send_signal(process.identity, signal.SIGCONT)
