"""Strays: processes that lost their parent and have become children of the bot.

The bot is a child subreaper (prctl(2)), so whatever a killed worker or yt-dlp leaves behind
turns up here, and nowhere else.
"""

import logging
import os
import signal
from collections.abc import Iterable
from multiprocessing import forkserver, resource_tracker

from worker import processes

log = logging.getLogger(__name__)


class StrayHunter:
    """Ends and reaps strays, sweep by sweep."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._seen: set[processes.Identity] = set()

    def sweep(self, known: Iterable[int]) -> int:
        """Kill the strays that the last sweep saw as well. Returns how many are there.

        `known` are children that belong there. A child younger than the time between two
        sweeps may be one that was started just now and is not known yet.
        """
        known = {*known, *_multiprocessing_helpers()}
        strays = [p for p in processes.children(os.getpid()) if p.pid not in known]
        for stray in strays:
            if stray.identity not in self._seen:
                continue
            if not stray.is_defunct:
                log.warning(
                    "Process %d (%s) has lost its parent and is killed.", stray.pid, stray.name
                )
                processes.send_signal(stray.identity, signal.SIGKILL)
            processes.reap([stray.pid])
        self._seen = {stray.identity for stray in strays}
        return len(strays)


def _multiprocessing_helpers() -> set[int]:
    """Pids of the processes that multiprocessing keeps for itself; it gives them no name."""
    return {
        getattr(forkserver, "_forkserver")._forkserver_pid or 0,  # noqa: B009
        getattr(resource_tracker, "_resource_tracker")._pid or 0,  # noqa: B009
    }
