"""What an update asks for: links to open, a command, a button pressed.

Pure: an update goes in, effects come out, nobody is called. An update may hold anything; one
that is not understood asks for nothing.
"""

import functools
import re
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from worker import media_keys
from worker.form import Form
from worker.protocol.effects import (
    CancelAll,
    EditLinks,
    Effects,
    GroupMoved,
    NameItems,
    OpenPanel,
    OpenRequest,
)
from worker.protocol.lists import numbers_in
from worker.protocol.notices import Notice, Topic
from worker.protocol.panels import PanelKind
from worker.protocol.site_cookies import KeepCookies
from worker.telegram import commands, fields
from worker.telegram.admin_commands import ADMIN_COMMANDS
from worker.telegram.commands import Command
from worker.telegram.intents import MAX_LINKS, Intent, intent_of
from worker.telegram.links import find_links
from worker.telegram.messages import Message, read_message
from worker.telegram.people import People, nobody
from worker.telegram.presses import handle_press
from worker.telegram.searches import search

ALLOWED_UPDATES = ("message", "edited_message", "callback_query")

MAX_EDIT_S = 3600
"""How long after a message its edits count. Nobody waits for what later ones correct."""

# How programs that export cookies name their files: "www.example.com_cookies (1).txt". JSON cannot
# be used, but should not stay in the chat either.
_COOKIES_NAME = re.compile(r"(?<![^\W_])cookies?(?![^\W_]).*\.(txt|json)$", re.IGNORECASE)

_MENTION = re.compile(r"(?<!\w)@(\w+)", re.ASCII)


def handle_update(
    update: object,
    *,
    allowed_users: AbstractSet[int] = frozenset(),
    admins: AbstractSet[int] = frozenset(),
    username: Callable[[], str] = str,
    is_chat_admin: Callable[[int, int], bool] = nobody,
    language: str | None = None,
) -> Effects:
    """What the update asks for. Never raises on anything that JSON can say.

    `allowed_users` empty means everyone; `admins` may ban people. `username` finds out the bot's
    own, to see whether a message in a group is meant for this bot; it is called only where that
    matters, and what it raises passes through. The same goes for `is_chat_admin`, which gets the
    ids of a group and a person, and commands for the group's admins. `language` as in `People`.
    """
    people = People(allowed_users, admins, is_chat_admin, language)
    if given := fields.mapping(update, "message"):
        if moved := _group_moved(given):
            return (moved,)
        message = read_message(given, people)
        return _handle_message(message, people, username) if message else ()
    if given := fields.mapping(update, "edited_message"):
        message = read_message(given, people)
        return _handle_edit(message, people, username) if message else ()
    if query := fields.mapping(update, "callback_query"):
        return handle_press(query, people)
    return ()


def _group_moved(message: Mapping[str, Any]) -> GroupMoved | None:
    """What Telegram tells in a group that becomes a supergroup, and again in that supergroup."""
    chat_id = fields.integer(fields.mapping(message, "chat"), "id")
    if chat_id is None:
        return None
    if new_id := fields.integer(message, "migrate_to_chat_id"):
        return GroupMoved(chat_id, new_id)
    old_id = fields.integer(message, "migrate_from_chat_id")
    return GroupMoved(old_id, chat_id) if old_id else None


def _handle_message(message: Message, people: People, username: Callable[[], str]) -> Effects:
    if not _is_for_us(message, username):
        return ()
    command = commands.find(message.command)
    if message.user_id in people.admins and command and command.is_for_admins:
        effects = ADMIN_COMMANDS[command](message, people)
        if effects:
            return effects
    if _has_cookies(message):
        return _take_cookies(message, people)
    if not people.may_use(message.user_id):
        return message.reply(Notice(Topic.PRIVATE_BOT)) if message.is_private else ()
    if command in OTHER_COMMANDS:
        return OTHER_COMMANDS[command](message, people)
    intent = intent_of(message.command, message.argument)
    if isinstance(intent, Notice):
        return message.reply(intent)
    links, notices = _read_links(message, intent, username)
    if not links and (named := _numbers_of_items(message)):
        return named
    if not links and not notices:
        return _talk(message, intent)
    return (*links, *message.reply(*notices))


def _handle_edit(message: Message, people: People, username: Callable[[], str]) -> Effects:
    """What an edited message asks for now; the ledger knows which of it is new."""
    sent_at = fields.integer(message.fields, "date") or 0
    edited_at = fields.integer(message.fields, "edit_date") or sent_at
    if edited_at - sent_at > MAX_EDIT_S or message.command in commands.FOR_ADMINS:
        return ()
    if "location" in message.fields:  # A live one is edited as often as somebody moves.
        return ()
    if not _is_for_us(message, username) or not people.may_use(message.user_id):
        return ()
    if _has_cookies(message):
        return ()
    links, notices = _wanted_now(message, username)
    reply = message.reply(*notices)
    return (EditLinks(message.reader.chat_id, message.message_id, links, reply),)


def _wanted_now(
    message: Message, username: Callable[[], str]
) -> tuple[tuple[OpenRequest, ...], list[Notice]]:
    """The links of an edited message, and what is to be said about it."""
    if message.command == Command.SEARCH:
        is_for_us = message.is_private or message.addressee
        return _wanted_search(message) if is_for_us else (), []
    intent = intent_of(message.command, message.argument)
    return ((), [intent]) if isinstance(intent, Notice) else _read_links(message, intent, username)


def _is_for_us(message: Message, username: Callable[[], str]) -> bool:
    """Whether a message may be meant for this bot."""
    if not message.addressee:
        # A channel's post, copied into the group where it is discussed, is for its readers. So is
        # an answer of this bot that somebody passes on to a group.
        is_post = fields.is_true(message.fields, "is_automatic_forward")
        return message.is_private or not (is_post or _is_own_answer(message, username))
    # A bot without privacy mode, or one that is an admin of the group, is shown the commands for
    # other bots as well.
    return message.is_private or message.addressee == username().lower()


def _is_own_answer(message: Message, username: Callable[[], str]) -> bool:
    """Whether a message has been forwarded that is this bot's own."""
    author = fields.mapping(fields.mapping(message.fields, "forward_origin"), "sender_user")
    return _is_us(author, username)


def _is_us(author: Mapping[str, Any], username: Callable[[], str]) -> bool:
    name = fields.text(author, "username").lower()
    return fields.is_true(author, "is_bot") and name == username().lower()


def _speaks_to_us(message: Message, username: Callable[[], str]) -> bool:
    """Whether a message is for this bot and not only for the other people of a group."""
    if message.is_private or message.addressee or commands.find(message.command):
        return True
    if _is_us(_author(message.answered), username):
        return True
    return "@" in message.text and username().lower() in _MENTION.findall(message.text.lower())


# ------------------------------------------------------------------------------------ links


def _read_links(
    message: Message, intent: Intent, username: Callable[[], str]
) -> tuple[tuple[OpenRequest, ...], list[Notice]]:
    """The links to open, and what is to be said about the others."""
    # In a group posts with buttons are forwarded for other people to read.
    links = find_links(message.fields, with_buttons=message.is_private)
    if intent.takes_reply and not links:
        # A quotation has no marks of its own for links.
        quoted = {"text": fields.text(fields.mapping(message.fields, "quote"), "text")}
        elsewhere = fields.mapping(message.fields, "external_reply")
        links = find_links(quoted) or find_links(message.answered) or find_links(elsewhere)
    is_told = bool(links.flaws) and _speaks_to_us(message, username)
    notices = [Notice(flaw) for flaw in links.flaws if is_told]
    if (left_out := len(links.good) - MAX_LINKS) > 0:
        values = {"count": left_out, "most_links": MAX_LINKS}
        notices.append(Notice(Topic.LINKS_LEFT_OUT, values))
    forms = [(url, intent.form_for(url)) for url in links.good[:MAX_LINKS]]
    if any(form is None for _, form in forms):
        notices.append(Notice(Topic.WHICH_CLIP))
    requests = (_request(message, intent, url, form) for url, form in forms if form is not None)
    return tuple(requests), notices


def _request(message: Message, intent: Intent, url: str, form: Form) -> OpenRequest:
    return OpenRequest(
        message.reader.chat_id,
        message.user_id,
        message.message_id,
        url,
        media_keys.of_link(url, form),
        form=form,
        fresh=intent.fresh,
        is_exact=intent.is_exact,
        language=message.reader.language,
        thread_id=message.reader.thread_id,
        sent_at=message.sent_at,
    )


def _numbers_of_items(message: Message) -> Effects:
    """What is wanted by a reply to a bot's message that names items of a list by their numbers."""
    list_message_id = fields.integer(message.answered, "message_id")
    numbers = numbers_in(fields.text(message.fields, "text"))
    is_to_bot = fields.is_true(_author(message.answered), "is_bot")
    if not numbers or list_message_id is None or not is_to_bot:
        return ()
    effect = NameItems(
        reader=message.reader,
        user_id=message.user_id,
        message_id=message.message_id,
        list_message_id=list_message_id,
        numbers=numbers,
        says_nothing_found=message.is_private,
    )
    return (effect,)


def _author(message: Mapping[str, Any]) -> Mapping[str, Any]:
    return fields.mapping(message, "from")


def _talk(message: Message, intent: Intent) -> Effects:
    """Answer a message without any link, if it wants one."""
    answer = intent.without_links
    if answer is None and (near := commands.nearest(message.command)):
        answer = Notice(Topic.DID_YOU_MEAN, {"command": near.value})
    # In a group a command without a name may be meant for any of its bots.
    if answer and (message.is_private or message.addressee):
        pictures = message.reply(intent.picture) if intent.picture else ()
        return (*message.reply(answer), *pictures)
    # The captions of an album come as messages of their own; one hint each would be a flood.
    if message.is_private and "media_group_id" not in message.fields:
        return message.reply(Notice(Topic.HINT))
    return ()


# --------------------------------------------------------------------------- other commands


def _cancel_all(message: Message, _people: People) -> Effects:
    is_for_us = message.is_private or bool(message.addressee)
    return (CancelAll(message.reader, message.user_id, message.message_id, is_for_us),)


def _search(message: Message, _people: People) -> Effects:
    if not (message.is_private or message.addressee):
        return ()  # It may be meant for another bot of the group.
    return _wanted_search(message) or message.reply(_WHICH_WORDS)


def _wanted_search(message: Message) -> tuple[OpenRequest, ...]:
    found = search(
        message.reader, message.user_id, message.message_id, message.argument, message.sent_at
    )
    return (found,) if found else ()


def _open_panel(
    message: Message, _people: People, kind: PanelKind, page: str | None = None
) -> Effects:
    if not (message.is_private or message.addressee):
        return ()  # It may be meant for another bot of the group.
    state = {"page": page} if page else {}
    return (OpenPanel(message.reader, message.user_id, message.message_id, kind, state),)


def _settings(message: Message, people: People) -> Effects:
    """A person's own settings or, in a group, those of the group for one of its admins."""
    if message.is_private:
        return _open_panel(message, people, PanelKind.SETTINGS)
    if not message.addressee:
        return ()
    if message.user_id < 0:
        return message.reply(Notice(Topic.SETTINGS_NOT_ANONYMOUS))
    if not people.may_set(message.reader.chat_id, message.user_id):
        return message.reply(Notice(Topic.SETTINGS_FOR_ADMINS))
    return _open_panel(message, people, PanelKind.GROUP_SETTINGS)


_WHICH_WORDS = Notice(Topic.WHICH_WORDS)

OTHER_COMMANDS: Mapping[Command | None, Callable[[Message, People], Effects]] = {
    Command.CANCEL: _cancel_all,
    Command.SEARCH: _search,
    Command.QUEUE: functools.partial(_open_panel, kind=PanelKind.QUEUE),
    Command.SETTINGS: _settings,
    Command.PRIVACY: functools.partial(_open_panel, kind=PanelKind.PRIVACY),
    Command.FORGET: functools.partial(_open_panel, kind=PanelKind.PRIVACY, page="asked"),
}
"""The commands that are not about a link."""


# ---------------------------------------------------------------------------------- cookies


def _has_cookies(message: Message) -> bool:
    """Whether the message is a file whose name is that of a file with cookies."""
    name = fields.text(fields.mapping(message.fields, "document"), "file_name")
    return _COOKIES_NAME.search(name) is not None


def _take_cookies(message: Message, people: People) -> Effects:
    """Keep an admin's cookies; those in a group are only removed, those of others are not read."""
    if message.user_id in people.admins:
        file_id = fields.text(fields.mapping(message.fields, "document"), "file_id")
        kept_id = file_id if message.is_private else None
        return (KeepCookies(message.reader, message.message_id, kept_id),)
    if not message.is_private:
        return ()
    is_user = people.may_use(message.user_id)
    return message.reply(Notice(Topic.COOKIES_OF_OTHERS if is_user else Topic.PRIVATE_BOT))
