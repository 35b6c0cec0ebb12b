"""The maintenance thread: a schedule of steps, none of which can stop the others."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from maintenance.orphans import find_orphans
from maintenance.strays import StrayHunter
from worker.downloads import workspace
from worker.ledger import Ledger
from worker.settings import Settings

log = logging.getLogger(__name__)

TICK_S = 1.0


@dataclass
class Step:
    """Something to be done every so often. `due_at` is monotonic time."""

    name: str
    run: Callable[[], object]
    every_s: float
    due_at: float = 0.0


class Janitor:
    """Runs its steps until stopped."""

    def __init__(
        self,
        settings: Settings,
        open_ledger: Callable[[], Ledger],
        worker_pids: Callable[[], Iterable[int]],
    ) -> None:
        """`worker_pids` tells which children of the bot are workers."""
        self._settings = settings
        self._open_ledger = open_ledger
        self._worker_pids = worker_pids
        self._strays = StrayHunter()
        self._stopped = threading.Event()
        self._steps = [
            Step("strays", self._sweep_strays, 1.0),
            Step("orphans", self._sweep_orphans, 3600.0),
        ]

    def stop(self) -> None:
        """End the thread after the step that runs."""
        self._stopped.set()

    def run(self) -> None:
        """The thread."""
        while not self._stopped.wait(TICK_S):
            self.step(time.monotonic())

    def step(self, now: float) -> None:
        """Run what is due at monotonic `now`."""
        for step in self._steps:
            if now >= step.due_at:
                step.due_at = now + step.every_s
                try:
                    step.run()
                except Exception:
                    log.exception("Maintenance step %s failed; it is tried again.", step.name)

    def _sweep_strays(self) -> None:
        self._strays.sweep(self._worker_pids())

    def _sweep_orphans(self) -> None:
        ledger = self._open_ledger()
        downloads = self._settings.data_dir / "downloads"
        try:
            max_age_s = self._settings.orphan_max_age_s
            orphans = find_orphans(downloads, ledger.live_directories, max_age_s)
        finally:
            ledger.close()
        for orphan in orphans:
            workspace.remove(orphan.path)
            log.info("%s belonged to no job and is removed.", orphan.path)
