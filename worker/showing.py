"""Calls to Telegram that are worth little, made when its workers have nothing better to do.

They are in no ledger, are never tried again, and end with the bot.
"""

from worker.events import Event, Failed, Reported
from worker.governor import Governor
from worker.jobs import Progress
from worker.ledger import Ledger
from worker.pool import Pool
from worker.progress import EDIT_IDS, ProgressBoard


class Showing:
    """Keeps status messages up to date through the telegram pool. The dispatcher's thread alone."""

    def __init__(self, pool: Pool, governor: Governor, timeout_s: float) -> None:
        """Begin with nothing on show; `timeout_s` is for each call."""
        self._pool = pool
        self._governor = governor
        self._timeout_s = timeout_s
        self._board = ProgressBoard()

    @property
    def busy_requests(self) -> list[int]:
        """Requests whose answer must wait, or an edit on its way could overwrite it."""
        return self._board.requests_in_edit

    def put(self, job: int, progress: Progress) -> None:
        """How far a job is."""
        self._board.put(job, progress)

    def forget(self, job: int) -> None:
        """A job has ended."""
        self._board.forget(job)

    def step(self, ledger: Ledger, now: float) -> None:
        """Make the calls that are due. Of several workers one stays free for better ones."""
        spare = min(1, self._pool.spec.size - 1)
        while self._pool.free > spare and (
            edit := self._board.next_edit(ledger, self._governor, now)
        ):
            edit_id, task = edit
            self._pool.submit(edit_id, task, self._timeout_s)
            self._governor.spend(task.chat_id, now)

    def take(self, event: Event, now: float) -> bool:
        """Take what the pool says of a call made here. False when it is about another job."""
        if event.job < EDIT_IDS:
            return False
        if not isinstance(event, Reported):
            edit = self._board.edit_ended(event.job)
            if edit and isinstance(event, Failed):
                self._governor.heed(edit.chat_id, event.error, now)
        return True
