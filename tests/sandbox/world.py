"""The state of the stand-in behind one lock: chats, files, updates and subscribers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from .chats import ChatMessage, Chats, MediaSent
from .files import FileStore
from .updates import UpdateQueue

EventKind = Literal["message", "edit", "delete", "action", "press", "answer"]


@dataclass(frozen=True)
class Event:
    """A change as it happened: `message` is a snapshot, `text` what was pressed or answered."""

    kind: EventKind
    chat_id: int
    message: ChatMessage | None = None
    text: str = ""


class Events:
    """Tells subscribers of every change, in order, on the thread that made it.

    The lock is held meanwhile: a callback has to be quick and must not wait for other threads.
    """

    def __init__(self) -> None:
        self._callbacks: list[Callable[[Event], None]] = []

    def subscribe(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        """Call `callback` for each event from now on; the returned function ends that."""
        self._callbacks = [*self._callbacks, callback]
        return lambda: self._remove(callback)

    def tell(self, event: Event) -> None:
        """Pass an event to all subscribers."""
        for callback in self._callbacks:
            callback(event)

    def _remove(self, callback: Callable[[Event], None]) -> None:
        self._callbacks = [other for other in self._callbacks if other is not callback]


@dataclass
class World:
    """The whole state; hold `changed` to read or write it, call `touch` after a change."""

    files: FileStore
    bot: dict[str, Any]
    changed: threading.Condition = field(default_factory=threading.Condition)
    chats: Chats = field(default_factory=Chats)
    events: Events = field(default_factory=Events)
    media: dict[str, MediaSent] = field(default_factory=dict)
    menus: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    queries: dict[str, int] = field(default_factory=dict)
    people: dict[int, dict[str, Any]] = field(default_factory=dict)
    version: int = 0

    def __post_init__(self) -> None:
        self.updates = UpdateQueue(self.changed)

    def user(self, user_id: int) -> dict[str, Any]:
        """The Bot API's User object for a person in the sandbox."""
        unknown = {"first_name": "Ada", "language_code": "en"}
        return {"id": user_id, "is_bot": False, **self.people.get(user_id, unknown)}

    def sender(self, message: ChatMessage) -> dict[str, Any]:
        """The User object of who wrote a message."""
        return self.bot if message.from_bot else self.user(message.user_id or 0)

    def touch(self) -> None:
        """Wake all threads that wait for a change."""
        with self.changed:
            self.version += 1
            self.changed.notify_all()

    def tell(self, kind: EventKind, chat_id: int, message: ChatMessage | None, text: str) -> None:
        """Record a change and tell the subscribers of it."""
        with self.changed:
            self.touch()
            snapshot = message.snapshot() if message else None
            self.events.tell(Event(kind, chat_id, snapshot, text))


def make_world(folder: Path, token: str, local: bool) -> World:
    """A new world of the bot with that token, its files kept in `folder`."""
    bot = {
        "id": int(token.partition(":")[0]),
        "is_bot": True,
        "first_name": "Sandbox bot",
        "username": "sandbox_bot",
        "can_join_groups": True,
        "can_read_all_group_messages": False,
        "supports_inline_queries": False,
    }
    return World(FileStore(folder, local), bot)
