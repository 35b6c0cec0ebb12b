"""Which status message is to be edited next, to show how far its request is.

Kept in memory alone. After a restart the ledger knows who waits, and what runs reports again, so
each message goes on.
"""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from worker.clocks import Monotonic, Wall
from worker.dispatch.rate_limits import RateLimits
from worker.dispatch.status.line import NOTHING_IN_THE_WAY, Line
from worker.ledger import Ledger, Request, Verdict
from worker.protocol import EditStatus, Place, Progress, Stage

EDIT_INTERVAL_S = 3.0
"""The time between two edits in a chat, where Telegram takes about one message a second and
answers go first."""

QUEUE_INTERVAL_S = 10.0
"""The time between two edits for a download that waits, whose position changes slowly."""

QUEUE_REFRESH_S = 2.0
"""How often places in the queue are looked up. A shorter wait may be over already."""

SILENCE_S = 10.0
"""After this long without a report from a download, its last speed is not shown any more."""

LATE_EDIT_S = 15.0
"""How long a sentence waits after an edit that got no answer, since that edit could arrive late and
overwrite it. Telegram applies the edits of a chat in the order in which they reach it, so this is
only for edits that are held up on the way."""

CALL_IDS = 2**62
"""The first id of calls that are not in the ledger, higher than any job's id will ever be."""

_WAITING = frozenset(
    {
        *(Stage.IN_LINE, Stage.PACED, Stage.NO_ROOM, Stage.OUT_OF_ORDER, Stage.MAINTENANCE),
        *(Stage.OTHER_RECORDINGS, Stage.AWAITING_START),
    }
)
_AT_WORK = frozenset({Stage.DOWNLOADING, Stage.FINISHING, Stage.UPLOADING})


@dataclass
class _Message:
    """A request's status message: what it should say (`wanted`), and what it says (`shown`).

    `job_id` is the download or the delivery whose progress it shows; `since` is when it was last
    edited, or else when the board learned of it.
    """

    job_id: int
    place: Place
    wanted: Progress
    since: Monotonic
    shown: Progress | None = None

    def lateness(self, now: Monotonic) -> float:
        """How long the message has waited for its edit, in intervals; below 1 it is not due."""
        if self.wanted == self.shown:
            return 0.0
        is_news = self.shown is None or self.shown.stage is not self.wanted.stage
        if self.wanted.stage in _WAITING:
            late = (now - self.since) / QUEUE_INTERVAL_S
            return max(late, 1.0) if is_news else late
        return float("inf") if is_news else (now - self.since) / EDIT_INTERVAL_S


class ProgressBoard:
    """Collects progress and chooses edits: one at a time for a request, few for a chat."""

    def __init__(self) -> None:
        """Begin without any progress."""
        self._downloads: dict[int, Progress] = {}
        self._news: set[int] = set()
        self._heard_at: dict[int, Monotonic] = {}
        self._messages: dict[int, _Message] = {}
        self._in_edit: dict[int, EditStatus] = {}
        self._late_until: dict[int, Monotonic] = {}
        self._edited_at: dict[int, Monotonic] = {}
        self._refresh_at: Monotonic | None = None
        self._ids = itertools.count(CALL_IDS)

    @property
    def downloads(self) -> Mapping[int, Progress]:
        """The progress of the downloads that report it. Any thread may ask."""
        return dict(self._downloads)

    @property
    def request_ids_in_edit(self) -> list[int]:
        """Requests whose answer must wait, or an edit on its way could overwrite it."""
        return [edit.request_id for edit in self._in_edit.values()]

    def request_ids_in_doubt(self, now: Monotonic) -> list[int]:
        """Requests with an edit that got no answer and may still arrive."""
        return [request_id for request_id, until in self._late_until.items() if until > now]

    @property
    def at_work(self) -> Mapping[Place, Progress]:
        """The places for which a download or an upload runs now, with its progress."""
        working = (m for m in self._messages.values() if m.wanted.stage in _AT_WORK)
        return {message.place: message.wanted for message in working}

    @property
    def chat_ids(self) -> Mapping[int, int]:
        """The chats of the requests on show by request id, those with a running job first."""
        messages = sorted(
            self._messages.items(), key=lambda entry: entry[1].wanted.stage not in _AT_WORK
        )
        return {request_id: message.place.chat_id for request_id, message in messages}

    def new_id(self) -> int:
        """An id for a call that is not in the ledger."""
        return next(self._ids)

    # --------------------------------------------------------------------- what is known

    def put(self, download_id: int, progress: Progress) -> None:
        """Take the progress of a download, for all who wait for it."""
        self._downloads[download_id] = progress
        self._news.add(download_id)

    def put_for(
        self, request_id: int, place: Place, job_id: int, progress: Progress, now: Monotonic
    ) -> None:
        """Take the progress of a job that is done for one request only."""
        message = self._messages.setdefault(
            request_id, _Message(job_id, place, progress, since=now)
        )
        message.job_id, message.wanted = job_id, progress

    def forget(self, job_id: int) -> None:
        """Drop the progress of a job that has ended."""
        self._downloads.pop(job_id, None)
        self._heard_at.pop(job_id, None)
        self._keep(key for key, message in self._messages.items() if message.job_id != job_id)

    def refresh(
        self, ledger: Ledger, now: Monotonic, wall: Wall, line: Line = NOTHING_IN_THE_WAY
    ) -> None:
        """Show new progress, and every `QUEUE_REFRESH_S` the places of those that wait."""
        if self._refresh_at is None:
            # After a start everybody has waited long already, most of them only for the start.
            self._refresh_at = Monotonic(now + QUEUE_REFRESH_S)
        is_time = now >= self._refresh_at
        for download_id in list(self._downloads):
            if is_time or download_id in self._news:
                self._refresh_download(download_id, ledger, now)
        self._news.clear()
        if is_time:
            self._refresh_at = Monotonic(now + QUEUE_REFRESH_S)
            self._refresh_queue(ledger, now, wall, line)

    def _refresh_download(self, download_id: int, ledger: Ledger, now: Monotonic) -> None:
        progress = self._downloads[download_id]
        if download_id in self._news:
            self._heard_at[download_id] = now
        elif now >= self._heard_at[download_id] + SILENCE_S and _is_moving(progress):
            progress = replace(progress, speed_bps=None, eta_s=None, is_silent=True)
        watchers = ledger.watchers(download_id)
        for request in watchers:
            self.put_for(request.id, request.place, download_id, progress, now)
        watching_ids = {request.id for request in watchers}
        self._keep(
            request_id
            for request_id, message in self._messages.items()
            if message.job_id != download_id or request_id in watching_ids
        )
        is_unwatched = not watchers and progress.stage in _WAITING
        if is_unwatched or progress.stage is Stage.RETRYING:
            # A wait may have been cancelled, which ends no job. Another try is shown once; what
            # follows is a place in the queue or that try.
            del self._downloads[download_id]

    def _refresh_queue(self, ledger: Ledger, now: Monotonic, wall: Wall, line: Line) -> None:
        positions = ledger.queue_positions(wall, QUEUE_REFRESH_S, line.full_sites)
        for position in positions:
            progress = line.progress(position)
            request = position.request
            self.put_for(request.id, request.place, position.download_id, progress, now)
        queued_ids = {position.request.id for position in positions}
        self._keep(
            request_id
            for request_id, message in self._messages.items()
            if message.wanted.stage not in _WAITING or request_id in queued_ids
        )
        recent = now - EDIT_INTERVAL_S
        self._edited_at = {chat: at for chat, at in self._edited_at.items() if at > recent}
        self._late_until = {key: until for key, until in self._late_until.items() if until > now}

    def _keep(self, request_ids: Iterable[int]) -> None:
        self._messages = {key: self._messages[key] for key in request_ids}

    # ------------------------------------------------------------------- what is shown of it

    def take_edit(
        self, ledger: Ledger, rate_limits: RateLimits, now: Monotonic
    ) -> tuple[int, EditStatus] | None:
        """Take the edit that is most overdue, with an id for it; None when none is due.

        While its chat's rate limit does not allow it, an edit waits; newer progress replaces it.
        """
        while (request_id := self._most_overdue(rate_limits, now)) is not None:
            message = self._messages[request_id]
            request = ledger.request(request_id)
            message_id = _message_to_edit(request, message.wanted.stage) if request else None
            if request is None or message_id is None:
                del self._messages[request_id]
                continue
            message.shown, message.since = message.wanted, now
            if message.wanted.stage is Stage.RETRYING:
                # No further edit is needed until another stage begins.
                del self._messages[request_id]
            self._edited_at[message.place.chat_id] = now
            edit = EditStatus(request_id, request.reader, message_id, message.wanted)
            edit_id = self.new_id()
            self._in_edit[edit_id] = edit
            return edit_id, edit
        return None

    def _most_overdue(self, rate_limits: RateLimits, now: Monotonic) -> int | None:
        found, most = None, 1.0
        in_edit = self.request_ids_in_edit
        for request_id, message in self._messages.items():
            late = message.lateness(now)
            if late < 1.0 or (found is not None and late <= most) or request_id in in_edit:
                continue
            edited_at = self._edited_at.get(message.place.chat_id)
            is_rested = edited_at is None or now >= edited_at + EDIT_INTERVAL_S
            if is_rested and rate_limits.is_quiet(message.place.chat_id, now):
                found, most = request_id, late
        return found

    def edit_ended(self, edit_id: int) -> None:
        """Note that an edit has ended, whether it succeeded or was refused."""
        self._in_edit.pop(edit_id, None)

    def edit_lost(self, edit_id: int, now: Monotonic) -> None:
        """Note that an edit got no answer, and may still be on its way."""
        if edit := self._in_edit.pop(edit_id, None):
            self._late_until[edit.request_id] = Monotonic(now + LATE_EDIT_S)


def _is_moving(progress: Progress) -> bool:
    """Whether bytes have come from a site, so that it has a speed."""
    return progress.stage is Stage.DOWNLOADING and progress.done_bytes > 0


def _message_to_edit(request: Request, stage: Stage) -> int | None:
    """The status message of a request that is still at this stage; None when there is none."""
    verdict = Verdict.MEDIA if stage is Stage.UPLOADING else None
    is_at_stage = request.answered_at is None and request.verdict is verdict
    return request.status_message_id if is_at_stage else None
