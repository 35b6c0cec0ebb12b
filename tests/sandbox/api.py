"""The Bot API stand-in: start it, point a bot at it, speak as a user and watch what comes."""

from __future__ import annotations

import hashlib
import itertools
import shutil
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from .bodies import Upload
from .chats import ChatMessage, message_result
from .entities import Entity, find_entities, utf16_length
from .faults import Call, Faults
from .menus import menu_for
from .methods import Methods
from .patience import PATIENCE_S
from .server import BotApiHandler, LoopbackServer, Service
from .transcript import describe
from .world import Events, make_world

T = TypeVar("T")

DEFAULT_TOKEN = "123456789:AAHsandbox-0123456789abcdefghijklmno"
DEFAULT_CHAT = 1001
_REMEMBERED_CALLS = 20_000


class BotApi:
    """A Bot API on loopback, served by threads of this process between `start` and `stop`.

    Everything in it is safe to use from any thread. `local` makes it behave like a server that
    was started with `--local`: file URIs and uploads of up to 2000 MB. The bytes that the bot
    uploads are kept in a temporary directory until `stop`.
    """

    def __init__(self, token: str = DEFAULT_TOKEN, port: int = 0, local: bool = False) -> None:
        self.token = token
        self.faults = Faults()
        self._folder = Path(tempfile.mkdtemp(prefix="sandbox-api-"))
        self._world = make_world(self._folder, token, local)
        self._calls: deque[Call] = deque(maxlen=_REMEMBERED_CALLS)
        self._call_numbers = itertools.count(1)
        self._query_ids = itertools.count(time.time_ns())
        self._service = Service(
            token=token,
            local=local,
            folder=self._folder,
            world=self._world,
            methods=Methods(self._world, local),
            faults=self.faults,
            stopping=threading.Event(),
            log=self._log,
        )
        self._server = LoopbackServer(port, BotApiHandler, self._service)
        self._running = False

    # Running it

    def start(self) -> BotApi:
        """Start serving."""
        self._running = True
        self._server.start()
        return self

    def stop(self) -> None:
        """Stop serving, end every connection and remove the uploads. May be called twice."""
        self._service.stopping.set()
        self._world.updates.close()
        if self._running:
            self._running = False
            self._server.stop()
        else:
            self._server.server_close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> BotApi:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The address for TELEGRAM_API_URL, without a trailing slash."""
        return self._server.url

    @property
    def on_call(self) -> Callable[[Call], None] | None:
        """Hook called on the serving thread once a call is parsed, before it takes effect."""
        return self._service.on_call

    @on_call.setter
    def on_call(self, hook: Callable[[Call], None] | None) -> None:
        self._service.on_call = hook

    @property
    def on_applied(self) -> Callable[[Call], None] | None:
        """Hook called on the serving thread after the effect, before the answer is written."""
        return self._service.on_applied

    @on_applied.setter
    def on_applied(self, hook: Callable[[Call], None] | None) -> None:
        self._service.on_applied = hook

    # The user's side

    def open(
        self, chat_id: int = DEFAULT_CHAT, name: str | None = None, admins: Collection[int] = ()
    ) -> int:
        """Open an empty chat that the bot may write to, with these people as its admins."""
        with self._world.changed:
            chat = self._world.chats.open(chat_id, name)
            chat.admins |= set(admins)
            return chat.chat_id

    def introduce(self, user_id: int, name: str, language: str) -> None:
        """Give a person a name and a language; the others are Ada, who speaks English."""
        with self._world.changed:
            self._world.people[user_id] = {"first_name": name, "language_code": language}

    def hold(self, path: Path) -> dict[str, Any]:
        """Take a user's file; returns the `document` of a message that has it."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        upload = Upload("", path.name, "", path, path.stat().st_size, digest)
        with self._world.changed:
            held = self._world.files.keep(upload, "document")
        return {**held.described(), "file_name": held.file_name, "mime_type": held.mime_type}

    def say(
        self,
        text: str | None,
        chat_id: int = DEFAULT_CHAT,
        user_id: int | None = None,
        entities: list[Entity] | None = None,
        reply_to: int | None = None,
        **message_fields: Any,
    ) -> int:
        """A user writes `text` (at most 4096 UTF-16 units); returns the message_id.

        Links and commands are marked as Telegram does unless `entities` are given. Other fields
        of the Message object go in as they are. `reply_to` is a message of that chat; LookupError
        when it is not there.
        """
        if text is not None and utf16_length(text) > 4096:
            raise ValueError("Telegram's clients send at most 4096 characters in a message")
        sender = user_id if user_id is not None else (chat_id if chat_id > 0 else DEFAULT_CHAT)
        with self._world.changed:
            chat = self._world.chats.open(chat_id)
            if reply_to is not None:
                replied = chat.messages[reply_to]
                answered = message_result(chat, replied, self._world.sender(replied))
                message_fields["reply_to_message"] = answered
            message = ChatMessage(
                message_id=0,
                chat_id=chat_id,
                from_bot=False,
                kind="text" if text is not None else next(iter(message_fields), "text"),
                date=int(time.time()),
                text=text,
                entities=find_entities(text or "") if entities is None else entities,
                user_id=sender,
                reply_to=reply_to,
                fields=message_fields,
            )
            self._world.chats.add(chat, message)
            self._world.tell("message", chat_id, message, "")
            self.push({"message": message_result(chat, message, self._world.user(sender))})
            return message.message_id

    def press(self, chat_id: int, message_id: int, button: str, user_id: int | None = None) -> str:
        """A user presses the inline button with that text or data; returns the query's id.

        Raises LookupError when no such button is there to press.
        """
        with self._world.changed:
            chat = self._world.chats.open(chat_id)
            message = chat.messages.get(message_id)
            if message is None or message.deleted:
                raise LookupError(f"no message {message_id} in chat {chat_id}")
            pairs = [pair for row in message.buttons for pair in row]
            data = next((data for text, data in pairs if button in (text, data)), None)
            if data is None:
                raise LookupError(f"no button {button!r} among {pairs}")
            query_id = str(next(self._query_ids))
            self._world.queries[query_id] = chat_id
            sender = user_id if user_id is not None else (chat_id if chat_id > 0 else DEFAULT_CHAT)
            self._world.tell("press", chat_id, message, button)
            self.push(
                {
                    "callback_query": {
                        "id": query_id,
                        "from": self._world.user(sender),
                        "message": message_result(chat, message, self._world.bot),
                        "chat_instance": str(chat_id),
                        "data": data,
                    }
                }
            )
            return query_id

    def push(self, update: dict[str, Any]) -> int | None:
        """Queue an update as it is, with an update_id if it has none; None: type not allowed."""
        return self._world.updates.push(update)

    def delete_message(self, chat_id: int, message_id: int) -> None:
        """A user deletes a message for both sides. Bots are not told of that."""
        with self._world.changed:
            message = self._world.chats.open(chat_id).messages[message_id]
            self._world.chats.delete(message)
            self._world.tell("delete", chat_id, message, "")

    def block(self, chat_id: int, blocked: bool = True) -> None:
        """The user of a private chat blocks the bot, or unblocks it."""
        with self._world.changed:
            chat = self._world.chats.open(chat_id)
            chat.blocked = blocked
            member = {"user": self._world.bot, "status": "member"}
            banned = {"user": self._world.bot, "status": "kicked", "until_date": 0}
            change = {
                "chat": chat.described(),
                "from": self._world.user(chat_id),
                "date": int(time.time()),
                "old_chat_member": member if blocked else banned,
                "new_chat_member": banned if blocked else member,
            }
            self.push({"my_chat_member": change})
            self._world.touch()

    # The observer's side

    @property
    def calls(self) -> list[Call]:
        """The calls so far, oldest first (the last 20 000)."""
        with self._world.changed:
            return list(self._calls)

    def latest_calls(self, count: int) -> list[Call]:
        """The last calls, newest first, without the polls that went well."""
        with self._world.changed:
            told = (c for c in reversed(self._calls) if c.method != "getUpdates" or c.description)
            return list(itertools.islice(told, count))

    def touch(self) -> None:
        """Tell those who wait for a change that something besides the chats is different."""
        self._world.touch()

    @property
    def events(self) -> Events:
        """Where to subscribe to changes."""
        return self._world.events

    @property
    def menus(self) -> dict[str, list[dict[str, Any]]]:
        """The commands that were set, by their scope, its chat and a language."""
        with self._world.changed:
            return dict(self._world.menus)

    def menu(self, chat_id: int, user_id: int) -> list[dict[str, Any]]:
        """The commands that this person is offered in this chat."""
        with self._world.changed:
            chat = self._world.chats.known(chat_id)
            language = str(self._world.user(user_id)["language_code"])
            return menu_for(self._world.menus, chat, user_id, language) if chat else []

    @property
    def pending_updates(self) -> list[dict[str, Any]]:
        """The updates that the bot has not confirmed yet."""
        return self._world.updates.pending

    @property
    def chat_ids(self) -> list[int]:
        """The ids of all chats."""
        with self._world.changed:
            return [chat.chat_id for chat in self._world.chats.all()]

    def chat_name(self, chat_id: int) -> str:
        """The name of a chat, empty when there is no such chat."""
        with self._world.changed:
            chat = self._world.chats.known(chat_id)
            return chat.name if chat else ""

    @property
    def version(self) -> int:
        """A number that grows with each change."""
        with self._world.changed:
            return self._world.version

    def chat(self, chat_id: int = DEFAULT_CHAT) -> list[ChatMessage]:
        """The messages of a chat as they are now, deleted ones included, oldest first."""
        with self._world.changed:
            chat = self._world.chats.known(chat_id)
            return [message.snapshot() for message in chat.messages.values()] if chat else []

    def wait_for(self, predicate: Callable[[], T], timeout_s: float = PATIENCE_S) -> T:
        """Wait until `predicate` is true, checking it after each change; returns its value.

        Raises TimeoutError with the conversations so far. The lock is not held meanwhile, so
        `predicate` may ask anything; what changes elsewhere is noticed within a quarter second.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            version = self.version
            value = predicate()
            if value:
                return value
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"not within {timeout_s} s\n{self.transcript()}")
            self.wait_for_change(version, min(left, 0.25))

    def wait_for_change(self, version: int, timeout_s: float) -> int:
        """Wait until `version` is outdated or the time is over; returns the current one."""
        with self._world.changed:
            self._world.changed.wait_for(
                lambda: self._world.version != version or self._service.stopping.is_set(),
                timeout_s,
            )
            return self._world.version

    def transcript(self, chat_id: int | None = None) -> str:
        """One chat, or all of them, as a person sees them, with the calls that were refused."""
        lines: list[str] = []
        for each in [chat_id] if chat_id is not None else self.chat_ids:
            lines.append(f"chat {each}:")
            for message in self.chat(each):
                lines += [f"    {describe(state)}" for state in [*message.history, message]]
        for call in self.calls:
            if call.status is None or call.status != 200:
                state = "unanswered" if call.status is None else f"{call.status or 'cut'}"
                lines.append(f"call {call.method}: {state} {call.description}".rstrip())
        return "\n".join(lines)

    def _log(self, call: Call) -> None:
        with self._world.changed:
            call.number = next(self._call_numbers)
            self._calls.append(call)
            self._world.touch()
