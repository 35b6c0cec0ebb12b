"""Strays: processes that lost their parent and became children of the bot.

The bot is a child subreaper (prctl(2)), so this happens to whatever a killed worker or yt-dlp
leaves behind.
"""

import logging
import os
import signal
from collections.abc import Iterable
from multiprocessing import forkserver

from worker.pool.watched_process import fork_server_pid
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
        known = {*known, fork_server_pid()}
        strays = [p for p in process_table.children(os.getpid()) if p.pid not in known]
        for stray in strays:
            if stray.identity not in self._seen:
                continue
            if not stray.is_defunct:
                log.warning("Process %d (%s) lost its parent and is killed.", stray.pid, stray.name)
                signals.send_signal(stray.identity, signal.SIGKILL)
            signals.reap([stray.pid])
        _revive_fork_server()
        self._seen = {stray.identity for stray in strays}
        return len(strays)


def _revive_fork_server() -> None:
    """Restart a fork server that has ended, which reaps it, and continue one that is stopped.

    multiprocessing would restart it at the next start of a worker, and leave it defunct until then.
    While it is stopped, nobody can start a worker.
    """
    pid = fork_server_pid()
    process = process_table.look_up(pid) if pid else None
    if process and process.is_defunct:
        forkserver.ensure_running()
    elif process and process.state == "T":
        signals.send_signal(process.identity, signal.SIGCONT)
