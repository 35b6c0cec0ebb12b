"""What a person has sent: a message, read as far as any answer to it needs. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from worker.protocol import Reader, Reply
from worker.protocol.notices import Notice
from worker.telegram import fields
from worker.telegram.people import People

_GROUPS = ("group", "supergroup")
_COMMAND = re.compile(
    r"/(?P<name>[A-Za-z0-9_]{1,32})(?:@(?P<bot>[A-Za-z0-9_]{1,32}))?(?:\s+(?P<argument>.*)|$)",
    re.DOTALL,
)
# The fields of a message in which somebody said or sent something. Nobody waits for an answer to
# Telegram's notes that a message was pinned, a timer set or a member added.
_CONTENT = frozenset(
    {
        *("text", "caption", "photo", "video", "animation", "audio", "document"),
        *("sticker", "voice", "video_note", "rich_message", "story", "poll", "checklist"),
        *("paid_media", "giveaway", "contact", "location", "dice", "game"),
    }
)


@dataclass(frozen=True)
class Message:
    """A message from a person, and the command with which it begins, in lower case.

    `user_id` is negative for one in the name of a chat: its anonymous admins and everybody who
    writes as that channel count as one person. `command`, the bot that it names as its
    `addressee`, and its `argument` are empty where there is none. `fields` is the message as
    Telegram sent it.
    """

    reader: Reader
    user_id: int
    message_id: int
    is_private: bool
    command: str
    addressee: str
    argument: str
    fields: Mapping[str, Any]

    @property
    def text(self) -> str:
        """The words of the message, or those below its picture or file."""
        return _text_of(self.fields)

    @property
    def sent_at(self) -> int | None:
        """When it was sent, or edited last, by Telegram's clock; None if it does not say that."""
        return fields.integer(self.fields, "edit_date") or fields.integer(self.fields, "date")

    @property
    def answered(self) -> Mapping[str, Any]:
        """The message to which this one is a reply; empty for none.

        In a topic of a forum each message is one: to the note that somebody has created the topic,
        if to nothing else.
        """
        message = fields.mapping(self.fields, "reply_to_message")
        return {} if "forum_topic_created" in message else message

    def reply(self, *notices: Notice) -> tuple[Reply, ...]:
        """Say this, if there is anything to say."""
        return (Reply(self.reader, self.message_id, notices),) if notices else ()


def read_message(message: Mapping[str, Any], people: People) -> Message | None:
    """A message as a person sends one to a private chat or a group; None for anything else."""
    chat, sender = fields.mapping(message, "chat"), fields.mapping(message, "from")
    chat_id, user_id = fields.integer(chat, "id"), sender_id(message)
    message_id = fields.integer(message, "message_id")
    chat_type = fields.text(chat, "type")
    if chat_id is None or user_id is None or message_id is None:
        return None
    if chat_type != "private" and chat_type not in _GROUPS:
        return None
    if _CONTENT.isdisjoint(message):
        return None
    found = _COMMAND.match(_text_of(message))
    name, bot, argument = found.groups(default="") if found else ("", "", "")
    return Message(
        reader=Reader(chat_id, people.language_of(sender), _thread_id(message)),
        user_id=user_id,
        message_id=message_id,
        is_private=chat_type == "private",
        command=name.lower(),
        addressee=bot.lower(),
        argument=argument.strip(),
        fields=message,
    )


def sender_id(message: Mapping[str, Any]) -> int | None:
    """Who wrote a message: the chat in whose name it stands, or a person; None for a bot.

    Beside `sender_chat` stands a made-up user in `from` (Bot API 10.1, Message).
    """
    chat_id = fields.integer(fields.mapping(message, "sender_chat"), "id")
    if chat_id is not None and chat_id < 0:
        return chat_id
    sender = fields.mapping(message, "from")
    return None if fields.is_true(sender, "is_bot") else fields.integer(sender, "id")


def _text_of(message: Mapping[str, Any]) -> str:
    return fields.text(message, "text") or fields.text(message, "caption")


def _thread_id(message: Mapping[str, Any]) -> int | None:
    """The topic in which a message stands; None for a chat's main one, and in one without topics.

    Replies in a group without topics have a thread too, which nothing can be sent to. Nor can
    anything be sent to a forum's main topic by its number, 1.
    """
    thread_id = fields.integer(message, "message_thread_id")
    return thread_id if fields.is_true(message, "is_topic_message") and thread_id != 1 else None
