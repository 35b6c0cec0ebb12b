"""What an update asks for: links to open, a button pressed, a word of help.

Pure: an update goes in, effects come out, nobody is called. An update may hold anything; one
that is not understood asks for nothing.
"""

import re
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from worker import media_keys
from worker.form import Form
from worker.protocol import AnswerButton, Ban, CancelRequest, Effect, OpenRequest, Reply, Topic
from worker.telegram import fields, texts
from worker.telegram.links import Links, find_links
from worker.telegram.texts import ENGLISH
from worker.urls import LinkFlaw

ALLOWED_UPDATES = ("message", "callback_query")

MAX_LINKS = 5

_GROUPS = ("group", "supergroup")
_COMMAND = re.compile(r"/(?P<name>[A-Za-z0-9_]{1,32})(?:@(?P<bot>[A-Za-z0-9_]{1,32}))?(?:\s|$)")
_BAN = re.compile(r"/(?P<un>un)?ban(?:@[A-Za-z0-9_]{1,32})?(?:\s+(?P<id>[0-9]{1,16}))?")
# To commands without a link.
_ANSWERS = {
    **dict.fromkeys(("start", "help"), Topic.HELP),
    **dict.fromkeys(("audio", "fresh"), Topic.WHICH_LINK),
}
_CANCEL = re.compile(r"cancel:([0-9]{1,18})")
# Somebody said or sent something, as against Telegram's notes that a message was pinned, a
# timer set, a member added: nobody waits for an answer to those.
_CONTENT = frozenset(
    {
        *("text", "caption", "photo", "video", "animation", "audio", "document"),
        *("sticker", "voice", "video_note"),
    }
)


def handle_update(
    update: object,
    *,
    allowed_users: AbstractSet[int] = frozenset(),
    admins: AbstractSet[int] = frozenset(),
    username: Callable[[], str] = str,
) -> tuple[Effect, ...]:
    """What the update asks for. Never raises on anything that JSON can say.

    `allowed_users` empty means everyone; `admins` may shut people out. `username` finds out the
    bot's own, by which a group's command shows that it is meant for this bot; it is called for
    such commands alone, and what it raises passes through.
    """
    message = fields.mapping(update, "message")
    if message:
        if _is_for_another_bot(message, username):
            return ()
        return _ban(message, admins) or _message(message, allowed_users)
    query = fields.mapping(update, "callback_query")
    if query:
        return _button(query, allowed_users)
    return ()


def cancel_data(request_id: int) -> str:
    """What the Cancel button of a request sends back: at most 64 bytes (callback_data)."""
    return f"cancel:{request_id}"


def _is_for_another_bot(message: Mapping[str, Any], username: Callable[[], str]) -> bool:
    """Whether it begins with a group's command that names a bot, and not this one.

    A bot without privacy mode, or one that is an admin of the group, is shown those as well.
    """
    _, addressee = _command(message)
    chat_type = fields.text(fields.mapping(message, "chat"), "type")
    return bool(addressee) and chat_type in _GROUPS and addressee != username().lower()


def _message(message: Mapping[str, Any], allowed_users: AbstractSet[int]) -> tuple[Effect, ...]:
    chat, sender = fields.mapping(message, "chat"), fields.mapping(message, "from")
    chat_id, user_id = fields.integer(chat, "id"), fields.integer(sender, "id")
    message_id = fields.integer(message, "message_id")
    if chat_id is None or user_id is None or message_id is None:
        return ()
    private = fields.text(chat, "type") == "private"
    if not private and fields.text(chat, "type") not in _GROUPS:
        return ()
    if fields.is_true(sender, "is_bot") or _CONTENT.isdisjoint(message):
        return ()
    if allowed_users and user_id not in allowed_users:
        return (Reply(chat_id, message_id, _say(Topic.PRIVATE_BOT)),) if private else ()

    links = find_links(message)
    command, _ = _command(message)
    form, fresh = Form(sound_only=command == "audio"), command == "fresh"
    requests = tuple(
        OpenRequest(
            chat_id,
            user_id,
            message_id,
            url,
            media_keys.of_link(url, form),
            form=form,
            fresh=fresh,
        )
        for url in links.good[:MAX_LINKS]
    )
    answer = _about(links) or ("" if requests else _talk(message, private))
    return (*requests, Reply(chat_id, message_id, answer)) if answer else requests


def _ban(message: Mapping[str, Any], admins: AbstractSet[int]) -> tuple[Effect, ...]:
    """An admin's `/ban ID` or `/unban ID`, which may also answer a message of that person."""
    command = _BAN.fullmatch(fields.text(message, "text").strip())
    admin = fields.integer(fields.mapping(message, "from"), "id")
    chat_id = fields.integer(fields.mapping(message, "chat"), "id")
    if command is None or admin not in admins or chat_id is None:
        return ()
    meant = fields.mapping(fields.mapping(message, "reply_to_message"), "from")
    user_id = int(command["id"]) if command["id"] else fields.integer(meant, "id")
    message_id = fields.integer(message, "message_id")
    if user_id is None:
        return (Reply(chat_id, message_id, _say(Topic.BAN_WHOM)),)
    if user_id in admins:
        return (Reply(chat_id, message_id, _say(Topic.BAN_ADMIN)),)
    is_banned = command["un"] is None
    said = Topic.BAN_DONE if is_banned else Topic.UNBAN_DONE
    return (Ban(user_id, is_banned), Reply(chat_id, message_id, _say(said, user_id=user_id)))


def _about(links: Links) -> str:
    """What is to be said about links that are not opened."""
    left_out = len(links.good) - MAX_LINKS
    sentences = [_say(flaw) for flaw in links.flaws]
    if left_out > 0:
        sentences.append(_say(Topic.LINKS_LEFT_OUT, count=left_out))
    return "\n".join(sentences)


def _talk(message: Mapping[str, Any], private: bool) -> str:
    """The answer to a message without any link, if it wants one."""
    command, addressee = _command(message)
    answer = _ANSWERS.get(command)
    # In a group a command without a name may be meant for any of its bots.
    if answer and (private or addressee):
        return _say(answer)
    # The captions of an album come as messages of their own; one hint each would be a flood.
    if private and "media_group_id" not in message:
        return _say(Topic.HINT)
    return ""


def _say(about: Topic | LinkFlaw, **values: int) -> str:
    return texts.notice(ENGLISH, about, most_links=MAX_LINKS, **values)


def _command(message: Mapping[str, Any]) -> tuple[str, str]:
    """The command with which a message begins and the bot that it names, each empty for none."""
    command = _COMMAND.match(fields.text(message, "text") or fields.text(message, "caption"))
    return (command["name"].lower(), (command["bot"] or "").lower()) if command else ("", "")


def _button(query: Mapping[str, Any], allowed_users: AbstractSet[int]) -> tuple[Effect, ...]:
    callback_id = fields.text(query, "id")
    user_id = fields.integer(fields.mapping(query, "from"), "id")
    if not callback_id or user_id is None:
        return ()
    if allowed_users and user_id not in allowed_users:
        return (AnswerButton(callback_id, _say(Topic.PRIVATE_BOT)),)
    cancel = _CANCEL.fullmatch(fields.text(query, "data"))
    if cancel is None:
        return (AnswerButton(callback_id, _say(Topic.DEAD_BUTTON)),)
    return (CancelRequest(int(cancel[1]), user_id, callback_id),)
