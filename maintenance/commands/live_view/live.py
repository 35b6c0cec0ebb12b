"""What the live view shows next, and what its keys do. It knows no terminal; `screen` does."""

import textwrap
from collections.abc import Callable
from enum import StrEnum

from maintenance.commands import open_ledger
from maintenance.commands.live_view import top
from maintenance.commands.live_view.top import ScreenLine, ShownJob, Style
from maintenance.output import redacted_line
from worker.clocks import wall_clock
from worker.downloads import log_tail
from worker.ledger import LedgerBusy
from worker.ledger.jobs.jobs import Kind, download_directory
from worker.ledger.storage.database import Access
from worker.ledger.upkeep.upkeep import Upkeep
from worker.logs import redact
from worker.settings import Settings

BUSY = "the ledger is busy, try again"
_CLOSE = "any key goes back"


class LiveKey(StrEnum):
    """The keys that do something."""

    UP = "up"
    DOWN = "down"
    CANCEL = "c"
    LOG = "l"
    PAUSE = "p"
    QUIT = "q"
    YES = "y"


class LiveView:
    """The live view of a bot. `refresh` looks at the bot, `press` takes a key."""

    def __init__(self, settings: Settings) -> None:
        """Look at the bot for the first time. Raises what `open_ledger` does."""
        self._settings = settings
        self._snapshot = self._look()
        self._chosen_id: int | None = None
        self._asked_id: int | None = None
        self._logged: ShownJob | None = None
        self._said = ""
        self._keep_chosen()

    def refresh(self) -> None:
        """Look at the bot again; what was known stays while the ledger is busy."""
        try:
            self._snapshot = self._look()
        except LedgerBusy:
            self._said = "the ledger is busy; this is from the last look"
        self._keep_chosen()

    def press(self, key: str) -> bool:
        """Do what a key stands for. False when the view is to end."""
        self._said = ""
        if self._logged:
            self._logged = None
            return True
        if self._asked_id is not None:
            if key == LiveKey.YES:
                self._cancel(self._asked_id)
            self._asked_id = None
            return True
        match key:
            case LiveKey.QUIT:
                return False
            case LiveKey.UP:
                self._move(-1)
            case LiveKey.DOWN:
                self._move(1)
            case LiveKey.PAUSE:
                self._change(self._pause_or_resume)
            case LiveKey.LOG:
                self._logged = self._chosen
            case LiveKey.CANCEL:
                self._ask()
        return True

    def lines(self, width: int, height: int) -> list[ScreenLine]:
        """The screen as it is now."""
        if self._logged:
            return self._log(self._logged, width, height)
        asked = self._asked_id
        said = self._said if asked is None else f"end job {asked}, and tell who waits for it? y/n"
        return top.lay_out(self._snapshot, width, height, self._chosen_id, said)

    # ---------------------------------------------------------------------------- the jobs

    @property
    def _chosen(self) -> ShownJob | None:
        return next((job for job in self._snapshot.jobs if job.job_id == self._chosen_id), None)

    def _keep_chosen(self) -> None:
        """Choose the first job when the one that was chosen has ended."""
        jobs = self._snapshot.jobs
        if self._chosen is None:
            self._chosen_id = jobs[0].job_id if jobs else None

    def _move(self, step: int) -> None:
        ids = [job.job_id for job in self._snapshot.jobs]
        if self._chosen_id in ids:
            at = ids.index(self._chosen_id) + step
            self._chosen_id = ids[max(0, min(at, len(ids) - 1))]

    def _ask(self) -> None:
        if self._chosen and self._chosen.stage is not None:
            self._asked_id = self._chosen.job_id
        else:
            self._said = "only downloads can be ended"

    # ------------------------------------------------------------------------- the changes

    def _look(self) -> top.Snapshot:
        with open_ledger(self._settings) as ledger:
            return top.take(self._settings, ledger)

    def _cancel(self, job_id: int) -> None:
        def end(ledger: Upkeep) -> str:
            is_there = ledger.order_stop(job_id)
            return f"job {job_id} ends" if is_there else f"job {job_id} has ended already"

        self._change(end)

    def _pause_or_resume(self, ledger: Upkeep) -> str:
        if self._snapshot.measures.statistics.paused_since is None:
            ledger.pause(wall_clock())
            return "paused: running downloads finish, all others wait"
        ledger.resume()
        return "downloads go on"

    def _change(self, change: Callable[[Upkeep], str]) -> None:
        try:
            with open_ledger(self._settings, Access.WRITE) as ledger:
                said = change(ledger)
        except LedgerBusy:
            said = BUSY
        self.refresh()
        self._said = said

    # ----------------------------------------------------------------------------- its log

    def _log(self, job: ShownJob, width: int, height: int) -> list[ScreenLine]:
        """The end of a job's yt-dlp log, as much of it as there is room for."""
        room = max(0, height - 2)
        name = download_directory(job.job_id, job.attempt, Kind(job.kind))
        text = log_tail.read(self._settings.data_dir / "downloads" / name)
        said = [redacted_line(line) for line in redact(text, self._settings.secrets).splitlines()]
        lines = [part for line in said for part in textwrap.wrap(line, max(1, width))]
        shown = [ScreenLine(line) for line in lines[-room:]] if room else []
        shown = shown or [ScreenLine("no log yet, or this is not a download"[:width])]
        head = ScreenLine(f"log of job {job.job_id}, {redacted_line(job.site)}"[:width], Style.HEAD)
        foot = ScreenLine(_CLOSE[:width], Style.HEAD)
        middle = (shown + [ScreenLine("")] * room)[:room]
        return [head, *middle, foot][-height:]
