"""A whole bot for a test: the stand-in for Telegram, the media site, and the real `bot.py`."""

import os
import signal
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.sandbox.api import BotApi
from tests.sandbox.bot_process import BotProcess
from tests.sandbox.chats import ChatMessage
from tests.sandbox.faults import Call
from tests.sandbox.patience import PATIENCE_S
from tests.sandbox.site import MediaSite
from worker.processes import process_table

CHAT = 4711

TESTED_BOT = Path(__file__).with_name("tested_bot.py")

TRUSTING_BOT = Path(__file__).parents[1] / "sandbox/trusting_bot.py"
"""Its downloads believe the certificates in SSL_CERT_FILE."""

GALLERY = {"IN_FORK_SERVER": "tests.hostile.gallery"}
"""Settings of a bot that knows a site with extractors of its own."""

ONE_WORKER_EACH = {"DOWNLOAD_WORKERS": "1", "TELEGRAM_WORKERS": "1"}


class Scene:
    """Starts the three, and at its end proves that the bot stops well and leaves nothing."""

    def __init__(
        self,
        site: MediaSite,
        tmp_path: Path,
        env: Mapping[str, str] | None = None,
        *,
        script: Path = TESTED_BOT,
    ) -> None:
        """`env` adds settings; a failed download is tried again after one second."""
        self.site = site
        self.api = BotApi()
        self.data_dir = tmp_path / "data"
        settings = {"QUEUE_RETRY_AFTER": "1", **(env or {})}
        self.bot = BotProcess(self.api, self.data_dir, settings, script=script)

    def __enter__(self) -> Self:
        self.api.start()
        try:
            self.bot.start()
            self.bot.wait_until_polling()
        except BaseException:
            # Its threads would keep the whole test run from ending.
            self.bot.stop()
            self.api.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self.assert_stops_well()
            else:
                self._tell()
        finally:
            self.bot.stop()
            self.api.stop()

    @contextmanager
    def told(self) -> Iterator[None]:
        """What one of several tests of this bot does; if it fails, say what happened."""
        try:
            yield
        except BaseException:
            self._tell()
            raise

    def _tell(self) -> None:
        print(self.api.transcript(), self.bot.log, sep="\n")

    # ------------------------------------------------------------------------- the user

    def link(self, path: str) -> str:
        """The address of something on the media site."""
        return self.site.url + path

    def send(self, path: str, chat_id: int = CHAT) -> int:
        """A person sends a link to something on the media site."""
        return self.api.say(self.link(path), chat_id)

    def answers(self, chat_id: int = CHAT) -> list[ChatMessage]:
        """The bot's messages that are final: a status message has its Cancel button."""
        return [
            message
            for message in self.api.chat(chat_id)
            if message.from_bot and not message.deleted and not message.is_under_way
        ]

    def status(self, chat_id: int = CHAT) -> ChatMessage | None:
        """The newest message of the bot that is not final."""
        statuses = [m for m in self.api.chat(chat_id) if m.from_bot and m.is_under_way]
        return statuses[-1] if statuses else None

    def wait_for_status(
        self, words: str, chat_id: int = CHAT, timeout_s: float = PATIENCE_S
    ) -> ChatMessage:
        """Wait until the newest status message begins so."""

        def begins() -> ChatMessage | None:
            status = self.status(chat_id)
            return status if status and (status.text or "").startswith(words) else None

        found = self.api.wait_for(begins, timeout_s)
        assert found
        return found

    def wait_for_answers(
        self, number: int = 1, chat_id: int = CHAT, timeout_s: float = PATIENCE_S
    ) -> list[ChatMessage]:
        """Wait until there are so many final answers, and see that there are no more."""
        found = self.api.wait_for(
            lambda: len(self.answers(chat_id)) >= number and self.answers(chat_id), timeout_s
        )
        assert found
        assert len(found) == number, self.api.transcript(chat_id)
        return found

    # --------------------------------------------------------------------- the operator

    def restart_after_death(self) -> None:
        """What a supervisor does when the bot has died."""
        self.bot.wait()
        self.bot.start()
        self.bot.wait_until_polling()

    def workers(self, name: str) -> list[int]:
        """Pids of the bot's processes whose name begins so.

        A child that was forked a moment ago still has its parent's name, and is left out.
        """
        found = (process_table.look_up(pid) for pid in self.bot.tree())
        named = {each.identity.pid: each for each in found if each and each.name.startswith(name)}
        return [
            pid
            for pid, each in named.items()
            if each.parent_pid not in named or named[each.parent_pid].name != each.name
        ]

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """A signal to all of the bot's processes whose name begins so, once there is one."""
        for pid in self.api.wait_for(lambda: self.workers(name)):
            os.kill(pid, number)

    def ledger(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Ask the ledger's file, from outside."""
        connection = sqlite3.connect(self.data_dir / "ledger.sqlite3", timeout=PATIENCE_S)
        try:
            return connection.execute(sql, parameters).fetchall()
        finally:
            connection.close()

    def change(self, sql: str) -> None:
        """Change the ledger's file, from outside."""
        connection = sqlite3.connect(self.data_dir / "ledger.sqlite3", timeout=PATIENCE_S)
        try:
            with connection:
                connection.execute(sql)
        finally:
            connection.close()

    def wait_until_idle(self) -> None:
        """Nothing of any link is left to do."""
        unfinished = "SELECT 1 FROM jobs WHERE state IN ('waiting', 'running')"
        self.api.wait_for(lambda: not self.ledger(unfinished))
        self.wait_for_no_directories()

    def directories(self) -> list[str]:
        """The download directories on disk."""
        return sorted(path.name for path in (self.data_dir / "downloads").glob("*"))

    def wait_for_no_directories(self) -> None:
        """An answer releases its files a moment after the chat has it."""
        self.api.wait_for(lambda: not self.directories())

    def assert_stops_well(self) -> None:
        """SIGTERM ends the bot with 0, with no process and no directory left."""
        if self.bot.is_running:
            self.wait_for_no_directories()
            self.bot.tree()
            self.bot.terminate()
            assert self.bot.wait() == 0, self.bot.log_end()
        self.bot.wait_for_empty_tree()
        assert self.directories() == []
        assert self.api.token not in self.bot.log


def once(method: str, action: Callable[[], object], **params: str) -> Callable[[Call], None]:
    """A hook that acts at the first call of `method` with these parameters, and never again."""
    acted: list[bool] = []

    def hook(call: Call) -> None:
        fits = all(str(call.params.get(name)) == value for name, value in params.items())
        if call.method == method and fits and not acted:
            acted.append(True)
            action()

    return hook


def albums(messages: list[ChatMessage]) -> list[list[str]]:
    """The kinds in each album, and each single message by itself."""
    found: dict[object, list[str]] = {}
    for message in messages:
        found.setdefault(message.fields.get("media_group_id", message.message_id), []).append(
            message.kind
        )
    return list(found.values())
