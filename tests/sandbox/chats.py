"""The conversations: chats, their messages with every earlier state, and what an edit may do."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .entities import Entity
from .errors import ApiError, bad_request

NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly "
    "the same as a current content and reply markup of the message"
)


@dataclass(frozen=True)
class MediaSent:
    """A message's media with the bytes that were uploaded, on disk until the stand-in stops.

    `width`, `height` and `duration` (seconds) are what the bot gave, None when it gave nothing.
    """

    kind: str
    file_id: str
    file_unique_id: str
    path: Path
    size: int
    file_name: str
    mime_type: str
    width: int | None = None
    height: int | None = None
    duration: int | None = None
    title: str | None = None
    performer: str | None = None
    supports_streaming: bool | None = None
    thumbnail: Path | None = None
    result: Any = None


@dataclass
class ChatMessage:
    """A message as a person sees it now; `history` holds its earlier states, oldest first."""

    message_id: int
    chat_id: int
    from_bot: bool
    kind: str
    date: int
    text: str | None = None
    caption: str | None = None
    entities: list[Entity] = field(default_factory=list)
    markup: dict[str, Any] | None = None
    media: MediaSent | None = None
    reply_to: int | None = None
    user_id: int | None = None
    edit_date: int | None = None
    deleted: bool = False
    fields: dict[str, Any] = field(default_factory=dict)
    history: list[ChatMessage] = field(default_factory=list)

    @property
    def buttons(self) -> list[list[tuple[str, str]]]:
        """The rows of inline buttons as (text, callback data or URL)."""
        rows = (self.markup or {}).get("inline_keyboard", [])
        return [[(b["text"], b.get("callback_data") or b.get("url", "")) for b in r] for r in rows]

    @property
    def is_under_way(self) -> bool:
        """Whether it has a Cancel button, and so is not the bot's last word."""
        pairs = (pair for row in self.buttons for pair in row)
        return any("cancel" in f"{text} {data}".lower() for text, data in pairs)

    def content(self) -> tuple[Any, ...]:
        """What an edit must change. Media is compared by its bytes, not its file_id."""
        media = (self.media.kind, self.media.file_unique_id) if self.media else None
        return self.text, self.caption, self.entities, self.markup, media

    def snapshot(self) -> ChatMessage:
        """A copy that later edits do not affect."""
        return replace(self, history=list(self.history), markup=copy.deepcopy(self.markup))


@dataclass
class Chat:
    """One chat with its messages by message_id."""

    chat_id: int
    kind: str
    name: str
    blocked: bool = False
    admins: set[int] = field(default_factory=set)
    messages: dict[int, ChatMessage] = field(default_factory=dict)

    def described(self) -> dict[str, Any]:
        """The Bot API's Chat object."""
        title = "first_name" if self.kind == "private" else "title"
        return {"id": self.chat_id, "type": self.kind, title: self.name}


class Chats:
    """All chats of the bot. Its owner does the locking."""

    def __init__(self) -> None:
        self._chats: dict[int, Chat] = {}
        self._last_id = 0

    def open(self, chat_id: int, name: str | None = None) -> Chat:
        """The chat with that id, created if missing; ids below 0 are groups."""
        if chat_id not in self._chats:
            if chat_id > 0:
                kind = "private"
            else:
                kind = "supergroup" if str(chat_id).startswith("-100") else "group"
            default = "Ada" if chat_id > 0 else "A group"
            self._chats[chat_id] = Chat(chat_id, kind, name or default)
        return self._chats[chat_id]

    def known(self, chat_id: int) -> Chat | None:
        """The chat with that id, if there is one."""
        return self._chats.get(chat_id)

    def all(self) -> Iterable[Chat]:
        """Every chat, in the order in which they were opened."""
        return list(self._chats.values())

    def find(self, chat_id: int | str) -> Chat:
        """The chat that a call means; 400 when unknown."""
        chat = self._chats.get(chat_id) if isinstance(chat_id, int) else None
        if chat is None:
            raise bad_request("chat not found")
        return chat

    def to_write(self, chat_id: int | str) -> Chat:
        """The chat that the bot wants to write to; 403 when its user has blocked the bot."""
        chat = self.find(chat_id)
        if chat.blocked:
            raise ApiError(403, "Forbidden: bot was blocked by the user")
        return chat

    def add(self, chat: Chat, message: ChatMessage) -> ChatMessage:
        """Append a message under a new message_id."""
        self._last_id += 1
        message.message_id = self._last_id
        chat.messages[message.message_id] = message
        return message

    def to_edit(self, chat: Chat, message_id: int) -> ChatMessage:
        """A message of the bot that is not deleted; otherwise raises the 400 of the real server."""
        message = chat.messages.get(message_id)
        if message is None or message.deleted:
            raise bad_request("message to edit not found")
        if not message.from_bot:
            raise bad_request("message can't be edited")
        return message

    def edit(self, message: ChatMessage, **changes: Any) -> ChatMessage:
        """Give a message a new state and keep the old one; 400 when nothing would change."""
        after = replace(message, **changes)
        if after.content() == message.content():
            raise bad_request(NOT_MODIFIED)
        before = replace(message, history=[])
        for name, value in changes.items():
            setattr(message, name, value)
        message.edit_date = int(time.time())
        message.history.append(before)
        return message

    def delete(self, message: ChatMessage) -> None:
        """Mark a message as deleted; observers still see it."""
        message.deleted = True


def message_result(chat: Chat, message: ChatMessage, sender: dict[str, Any]) -> dict[str, Any]:
    """The Bot API's Message object for a message of a chat."""
    result: dict[str, Any] = {
        "message_id": message.message_id,
        "from": sender,
        "chat": chat.described(),
        "date": message.date,
    }
    if message.edit_date is not None:
        result["edit_date"] = message.edit_date
    if message.text is not None:
        result["text"] = message.text
    if message.caption is not None:
        result["caption"] = message.caption
    if message.entities:
        result["caption_entities" if message.text is None else "entities"] = message.entities
    if message.media is not None:
        result[message.media.kind] = message.media.result
        if message.media.kind == "animation":
            # The real one repeats it as a document for clients from before animations.
            result["document"] = message.media.result
    if message.markup and "inline_keyboard" in message.markup:
        result["reply_markup"] = message.markup
    return {**result, **message.fields}
