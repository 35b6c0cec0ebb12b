"""A real dispatcher with a real ledger, fake pools, and clocks that only the test moves."""

import itertools
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from tests.support.fake_judge import FakeJudge
from tests.support.fake_pool import FakePool
from tests.support.ledger_kit import make_empty_ledger
from worker import media_keys
from worker.clocks import Monotonic, Wall
from worker.dispatch.dispatcher import Dispatcher
from worker.dispatch.pool_specs import downloads_spec, telegram_spec
from worker.downloads.judge.keeper import JudgeKeeper
from worker.ledger import Ledger, ledger_path
from worker.pool import Pool, PoolSpec
from worker.protocol import (
    AnswerButton,
    Deliver,
    Delivered,
    Download,
    EditStatus,
    Explain,
    HandleUpdate,
    Media,
    MediaFacts,
    MediaFile,
    MediaKind,
    Posted,
    PostStatus,
    Progress,
    Reply,
    ShowAction,
)
from worker.protocol.effects import CancelRequest, Effect, OpenRequest
from worker.settings import DEFAULT_SITES, Sites, load_settings

TOKEN = "123456:" + "a" * 35

START = Monotonic(10_000.0)
"""When a bot starts: whole seconds, so that sums of times are exact."""

_update_ids = itertools.count(1_000_000)
"""One row for all bots, so that one gets none that another has had of its ledger; a test's own ids
are smaller."""

AnyTask = TypeVar("AnyTask")


class SteppedDispatcher:
    """Brings links in, and lets the workers answer as the test says.

    Edits and actions end well by themselves, unless `holds_edits`; `edits` and `actions` are
    all of them so far.
    """

    def __init__(self, data_dir: Path, sites: Sites = DEFAULT_SITES, **settings: str) -> None:
        environ = {"BOT_TOKEN": TOKEN, "DATA_DIR": str(data_dir), **settings}
        self.settings = load_settings(environ, None)
        self.now, self.wall = START, Wall(1_800_000_000.0)
        self.edits: list[EditStatus] = []
        self.actions: list[ShowAction] = []
        self.holds_edits = False
        self._has_ended = False
        self.judge = FakeJudge()
        pools: list[FakePool] = []

        def make_pool(spec: PoolSpec) -> Pool:
            pools.append(FakePool(spec))
            return cast("Pool", pools[-1])

        data_dir.mkdir(exist_ok=True)
        path = ledger_path(data_dir)
        make_empty_ledger(path)
        self._opened: list[Ledger] = []

        def open_ledger() -> Ledger:
            self._opened.append(Ledger(path))
            return self._opened[-1]

        self.dispatcher = Dispatcher(
            self.settings,
            open_ledger,
            make_pool,
            telegram_spec(self.settings),
            downloads_spec(self.settings, self.judge.address),
            cast("JudgeKeeper", self.judge),
            sites,
        )
        self.telegram, self.downloads = pools
        self.dispatcher.open()
        self.ledger = Ledger(path)

    def close(self) -> None:
        """End as a bot does that was told to stop."""
        if not self._has_ended:
            self._has_ended = True
            self.dispatcher.close()
            self.ledger.close()

    def kill(self) -> None:
        """End as a bot does that is killed."""
        self._has_ended = True
        for ledger in (self.ledger, *self._opened):
            ledger.close()

    def lose_patience(self) -> None:
        """Let no connection wait for another's lock."""
        for ledger in (self.ledger, *self._opened):
            ledger._db.execute("PRAGMA busy_timeout = 1")

    # ------------------------------------------------------------------------------- time

    def step(self, seconds: float = 0.0) -> None:
        """Let so many seconds pass, and do what is due then."""
        self.now = Monotonic(self.now + seconds)
        self.wall = Wall(self.wall + seconds)
        self.dispatcher.step(self.now, self.wall)
        while not self.holds_edits and (calls := self._calls()):
            for job_id, call in calls.items():
                self.telegram.finish(job_id)
                if isinstance(call, EditStatus):
                    self.edits.append(call)
                else:
                    self.actions.append(call)
            self.dispatcher.step(self.now, self.wall)

    def pass_time(self, seconds: int) -> None:
        """Step through so many seconds, one by one."""
        for _ in range(seconds):
            self.step(1.0)

    def _calls(self) -> dict[int, EditStatus | ShowAction]:
        return {
            job_id: task
            for job_id, task in self.telegram.tasks.items()
            if isinstance(task, EditStatus | ShowAction)
        }

    # --------------------------------------------------------------------------- the chat

    def send(self, *links: str, user_id: int = 7, chat_id: int | None = None) -> None:
        """A person sends a message with these links, in private or in another chat."""
        chat_id = user_id if chat_id is None else chat_id
        self.bring(
            *(OpenRequest(chat_id, user_id, 1, url, media_keys.of_link(url)) for url in links)
        )

    def press_cancel(self, request_id: int, user_id: int = 7) -> None:
        """A person presses Cancel."""
        self.bring(CancelRequest(request_id, user_id, "press"))

    def bring(self, *effects: Effect) -> None:
        """An update comes whose effects are these."""
        self.dispatcher.reachability.note_answer(self.now)
        self.ledger.record_updates([{"update_id": next(_update_ids)}], self.wall)
        self.step()
        self.finish(HandleUpdate, effects)

    def post(self, message_id: int = 50) -> None:
        """Telegram takes the status message that is on its way."""
        self.finish(PostStatus, Posted(message_id))

    def settle(self) -> list[Explain]:
        """Telegram takes all messages without media that are due; returns the explanations."""
        explained: list[Explain] = []
        self.step()
        while messages := self._messages():
            for job_id, message in messages.items():
                posted = Posted(1000 + job_id) if isinstance(message, PostStatus) else None
                self.telegram.finish(job_id, posted)
                explained += [message] if isinstance(message, Explain) else []
            self.step(1.0)
        return explained

    def _messages(self) -> dict[int, PostStatus | Explain | Reply | AnswerButton]:
        return {
            job_id: task
            for job_id, task in self.telegram.tasks.items()
            if isinstance(task, PostStatus | Explain | Reply | AnswerButton)
        }

    def shown(self) -> list[Progress]:
        """What the status messages have shown since this was asked last."""
        seen, self.edits = [edit.progress for edit in self.edits], []
        return seen

    # ------------------------------------------------------------------------ the workers

    def pool_of(self, task_type: type[Any]) -> FakePool:
        return self.downloads if task_type is Download else self.telegram

    def tasks(self, task_type: type[AnyTask]) -> dict[int, AnyTask]:
        """The running tasks of a type, by their jobs' ids."""
        found = self.pool_of(task_type).tasks.items()
        return {job_id: task for job_id, task in found if isinstance(task, task_type)}

    def task(self, task_type: type[AnyTask]) -> AnyTask:
        """The only running task of a type."""
        (task,) = self.tasks(task_type).values()
        return task

    def job_id(self, task_type: type[Any]) -> int:
        """The id of the only running job with such a task."""
        (job_id,) = self.tasks(task_type)
        return job_id

    def finish(self, task_type: type[Any], result: Any = None) -> None:
        """The only task of a type returns."""
        self.pool_of(task_type).finish(self.job_id(task_type), result)
        self.step()

    def fail(self, task_type: type[Any], error: BaseException, traceback: str = "") -> None:
        """The only task of a type raises."""
        self.pool_of(task_type).fail(self.job_id(task_type), error, traceback)
        self.step()

    def lose(self, task_type: type[Any]) -> None:
        """The worker of the only task of a type is killed."""
        self.pool_of(task_type).lose(self.job_id(task_type))
        self.step()

    def attempt(self) -> int:
        """Which attempt the only running download is."""
        return int(self.task(Download).directory.rpartition("-")[2])

    def make_media(self, files: int = 1) -> Media:
        """What the running download has made, with its files on disk."""
        return make_media(Path(self.task(Download).directory), self.task(Download).url, files)

    def finish_download(self, files: int = 1) -> None:
        """The running download ends with so many videos."""
        self.finish(Download, self.make_media(files))

    def finish_downloads(self) -> None:
        """Each running download ends with a video."""
        for job_id, task in self.tasks(Download).items():
            self.downloads.finish(job_id, make_media(Path(task.directory), task.url))
        self.step()

    def deliver(self, file_id: str = "file id") -> None:
        """Telegram takes the answer that is on its way."""
        self.finish(Deliver, Delivered(file_id, MediaKind.VIDEO))

    # ------------------------------------------------------------------------- the ledger

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Ask the ledger's file, from outside."""
        connection = sqlite3.connect(ledger_path(self.settings.data_dir))
        try:
            return connection.execute(sql, parameters).fetchall()
        finally:
            connection.close()

    def states(self, kind: str) -> list[str]:
        """The states of all jobs of a kind, in their order."""
        return [state for (state,) in self.rows(STATES, kind)]

    def attempts(self, kind: str) -> list[int]:
        """The attempts of all jobs of a kind, in their order."""
        return [number for (number,) in self.rows(ATTEMPTS, kind)]

    def directories(self) -> Sequence[str]:
        """The download directories on disk."""
        return sorted(path.name for path in (self.settings.data_dir / "downloads").glob("*"))


MakeBot = Callable[..., SteppedDispatcher]
"""Makes bots that have one directory and these settings."""

STATES = "SELECT state FROM jobs WHERE kind = ? ORDER BY id"
ATTEMPTS = "SELECT attempts FROM jobs WHERE kind = ? ORDER BY id"


def make_media(directory: Path, url: str, files: int = 1) -> Media:
    """So many small videos in a new directory."""
    directory.mkdir(parents=True)
    facts = MediaFacts(MediaKind.VIDEO, "title")
    made = []
    for number in range(files):
        path = directory / f"media-{number}.mp4"
        path.write_bytes(b"video")
        made.append(MediaFile(str(path), 5, url, facts))
    return Media(tuple(made))
