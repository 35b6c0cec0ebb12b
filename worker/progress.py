"""What people see of a running download: which edit of which status message is due.

Progress is kept in memory alone; after a restart the next report brings it back.
"""

import itertools
from dataclasses import dataclass

from worker import jobs
from worker.governor import Governor
from worker.ledger import Ledger, Request

EDIT_INTERVAL_S = 3.0
"""Telegram takes about one message a second for a chat, and answers go first."""

EDIT_IDS = 2**62
"""Edits are not in the ledger; their ids begin where no job's id will ever be."""


@dataclass
class _Shown:
    """A download's newest progress, and when it is next to be shown."""

    progress: jobs.Progress
    due_at: float = 0.0
    is_new: bool = True


class ProgressBoard:
    """Collects progress and hands out edits, at most one at a time for each request."""

    def __init__(self) -> None:
        """Begin with nothing on show."""
        self._downloads: dict[int, _Shown] = {}
        self._queue: list[tuple[_Shown, jobs.EditStatus]] = []
        self._in_edit: dict[int, jobs.EditStatus] = {}
        self._ids = itertools.count(EDIT_IDS)

    @property
    def requests_in_edit(self) -> list[int]:
        """Requests whose answer must wait, or an edit on its way could overwrite it."""
        return [edit.request_id for edit in self._in_edit.values()]

    def put(self, download: int, progress: jobs.Progress) -> None:
        """Remember the newest progress of a download. A new stage is shown without delay."""
        shown = self._downloads.setdefault(download, _Shown(progress))
        if shown.progress.stage is not progress.stage:
            shown.due_at = 0.0
        shown.progress, shown.is_new = progress, True

    def forget(self, download: int) -> None:
        """The download has ended."""
        self._downloads.pop(download, None)

    def next_edit(
        self, ledger: Ledger, governor: Governor, now: float
    ) -> tuple[int, jobs.EditStatus] | None:
        """The next edit that is due, with an id for it; None when none is.

        An edit for a chat that is not quiet is left out: the next one will say more. But while
        a download waits to be tried again there is no next one, and its edit waits as well.
        """
        for download, shown in list(self._downloads.items()):
            if shown.is_new and now >= shown.due_at and not self._queue:
                shown.is_new, shown.due_at = False, now + EDIT_INTERVAL_S
                watchers = ledger.watchers(download)
                self._queue = [(shown, _edit(request, shown.progress)) for request in watchers]
                if not self._queue:
                    self.forget(download)
        while self._queue:
            shown, edit = self._queue.pop()
            is_free = edit.request_id not in self.requests_in_edit
            if is_free and governor.is_quiet(edit.chat_id, now):
                edit_id = next(self._ids)
                self._in_edit[edit_id] = edit
                return edit_id, edit
            if shown.progress.stage is jobs.Stage.RETRYING:
                shown.is_new = True
        return None

    def edit_ended(self, edit_id: int) -> jobs.EditStatus | None:
        """An edit is over, well or not. Returns what it was."""
        return self._in_edit.pop(edit_id, None)


def _edit(request: Request, progress: jobs.Progress) -> jobs.EditStatus:
    assert request.status_message_id is not None  # noqa: S101 - see Ledger.watchers
    return jobs.EditStatus(request.id, request.chat_id, request.status_message_id, progress)
