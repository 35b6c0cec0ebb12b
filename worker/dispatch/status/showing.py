"""Edits of status messages and chat actions, sent while telegram workers are otherwise idle.

They are not in the ledger, are never tried again, and end with the bot.
"""

from collections.abc import Collection, Mapping, Sequence

from worker.clocks import Monotonic, Wall
from worker.dispatch.rate_limits import RateLimits
from worker.dispatch.status.actions import ChatActions
from worker.dispatch.status.line import NOTHING_IN_THE_WAY, Line
from worker.dispatch.status.pauses import Pauses
from worker.dispatch.status.progress import CALL_IDS, ProgressBoard
from worker.dispatch.tasks import Task, first_stage
from worker.errors import TelegramUnreachable
from worker.ledger import Ledger
from worker.pool import Pool
from worker.pool.events import Event, Failed, Finished, Reported
from worker.protocol import (
    Deliver,
    Download,
    EditStatus,
    MediaFile,
    Place,
    Progress,
    SendGroup,
    ShowAction,
    Stage,
)


class Showing:
    """Keeps chats up to date through the telegram pool. For the dispatcher's thread alone."""

    def __init__(self, pool: Pool, rate_limits: RateLimits, timeout_s: float) -> None:
        """Begin with nothing on show; `timeout_s` is for each call."""
        self._pool = pool
        self._rate_limits = rate_limits
        self._timeout_s = timeout_s
        self._board = ProgressBoard()
        self._actions = ChatActions()
        self._calls: dict[int, EditStatus | ShowAction] = {}
        self._pauses: Pauses | None = None

    @property
    def downloads(self) -> Mapping[int, Progress]:
        return self._board.downloads

    @property
    def busy_request_ids(self) -> list[int]:
        """Requests whose answer must wait, or an edit on its way could overwrite it."""
        return self._board.request_ids_in_edit

    def request_ids_in_doubt(self, now: Monotonic) -> list[int]:
        """Requests whose sentence must wait, or an edit that arrives late could overwrite it.

        Media need not wait: no edit of a text changes them.
        """
        return self._board.request_ids_in_doubt(now)

    def began(self, job_id: int, task: Task, now: Monotonic) -> None:
        """Show that a worker has begun with a job."""
        match task:
            case Download(form=form):
                self._board.put(job_id, Progress(first_stage(form)))
            case Deliver(file=file):
                self._upload(job_id, task, [file], now)
            case SendGroup(files=files):
                self._upload(job_id, task, files, now)

    def _upload(
        self, job_id: int, task: Deliver | SendGroup, files: Sequence[MediaFile], now: Monotonic
    ) -> None:
        # Files that Telegram has already need no upload.
        if new := [file for file in files if not file.file_id]:
            size = sum(file.size_bytes for file in new)
            progress = Progress(Stage.UPLOADING, total_bytes=size, kind=new[0].facts.kind)
            place = Place(task.reader.chat_id, task.reader.thread_id)
            self._board.put_for(task.request_id, place, job_id, progress, now)

    def put(self, download_id: int, progress: Progress) -> None:
        """Take the progress of a download."""
        self._board.put(download_id, progress)

    def forget(self, job_id: int) -> None:
        """Drop the progress of a job that has ended."""
        self._board.forget(job_id)

    def step(
        self, ledger: Ledger, now: Monotonic, wall: Wall, line: Line = NOTHING_IN_THE_WAY
    ) -> None:
        """Make the calls that are due: edits, and then an action.

        If there are several workers, one stays free for more important calls.
        """
        spare = min(1, self._pool.spec.size - 1)
        if self._pool.free <= spare:
            return
        self._board.refresh(ledger, now, wall, line)
        while self._pool.free > spare and (
            edit := self._board.take_edit(ledger, self._rate_limits, now)
        ):
            self._make(*edit, now)
        # One action at a time, so that they do not pile up when Telegram has become slow.
        is_showing = any(isinstance(call, ShowAction) for call in self._calls.values())
        if self._pool.free > spare and not is_showing:
            action = self._actions.take_action(self._board.at_work, self._rate_limits, now)
            if action:
                self._make(self._board.new_id(), action, now)

    def begin_pause(self) -> Pauses:
        """Note what is on show when the bot begins to stop, before anything more ends."""
        if self._pauses is None:
            self._pauses = Pauses(self._board.chat_ids)
        return self._pauses

    def pause(self, ledger: Ledger, busy_request_ids: Collection[int], now: Monotonic) -> None:
        """Edit status messages to "Paused"; called in place of `step` while the bot stops.

        Requests in `busy_request_ids` are left alone for now.
        """
        pauses = self.begin_pause()
        busy = {*busy_request_ids, *self._board.request_ids_in_edit}
        while self._pool.free and (edit := pauses.take_edit(ledger, self._rate_limits, busy, now)):
            self._make(self._board.new_id(), edit, now)

    @property
    def has_paused(self) -> bool:
        """Whether `pause` has nothing left to edit, and no call is on its way any more."""
        return self._pauses is not None and not self._pauses and not self._calls

    def _make(self, call_id: int, call: EditStatus | ShowAction, now: Monotonic) -> None:
        self._calls[call_id] = call
        self._pool.submit(call_id, call, self._timeout_s)
        self._rate_limits.spend(chat_of(call), now)

    def take(self, event: Event, now: Monotonic) -> bool:
        """Take an event of the pool if it is about a call made here. False if it is not."""
        if event.job_id < CALL_IDS:
            return False
        if not isinstance(event, Reported) and (call := self._calls.pop(event.job_id, None)):
            match event:
                case Finished():
                    self._board.edit_ended(event.job_id)
                case Failed(error=error) if not isinstance(error, TelegramUnreachable):
                    self._board.edit_ended(event.job_id)
                    self._rate_limits.heed_progress_call(chat_of(call), error, now)
                case _:
                    self._board.edit_lost(event.job_id, now)
        return True


def chat_of(call: EditStatus | ShowAction) -> int:
    """The chat in which a call has its effect."""
    return call.reader.chat_id if isinstance(call, EditStatus) else call.place.chat_id
