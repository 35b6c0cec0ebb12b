"""The commands for the bot's admins; for other people they do not exist. Pure.

Each returns nothing for a message that says more than it understands; that message is then read
like anybody else's.
"""

import functools
import re
from collections.abc import Callable, Mapping

from worker.protocol.admin_questions import Asked, Question
from worker.protocol.effects import Ban, Effects, PauseDownloads
from worker.protocol.notices import Notice, Topic
from worker.telegram import fields
from worker.telegram.commands import Command
from worker.telegram.messages import Message, sender_id
from worker.telegram.people import People

# The id of a person, or of a supergroup or channel in whose name somebody writes.
_SENDER_ID = re.compile(r"[0-9]{1,16}|-100[0-9]{10,12}")
_UPDATES = {"": Asked.UPDATE, "now": Asked.UPDATE_NOW, "back": Asked.UPDATE_BACK}


def _ban(message: Message, people: People, *, is_banned: bool) -> Effects:
    """Ban a person or let one back in, named by an id or by the message that this one answers.

    Nothing for a message that says more than that, or says it below a picture.
    """
    is_plain = not message.argument or _SENDER_ID.fullmatch(message.argument)
    if not is_plain or not fields.text(message.fields, "text"):
        return ()
    user_id = int(message.argument) if message.argument else sender_id(message.answered)
    if user_id is None:
        return message.reply(Notice(Topic.BAN_WHOM))
    if user_id in people.admins:
        return message.reply(Notice(Topic.BAN_ADMIN))
    done = Notice(Topic.BAN_DONE if is_banned else Topic.UNBAN_DONE, {"user_id": user_id})
    return (Ban(user_id, is_banned), *message.reply(done))


def _ask(message: Message, _people: People, *, about: Asked) -> Effects:
    """Ask what only maintenance can answer; in a private chat, since nobody else may read it."""
    if not message.is_private or message.argument:
        return ()
    return (Question(about, message.reader, message.message_id),)


def _who(message: Message, _people: People) -> Effects:
    """Ask what is known about a person, named as for /ban."""
    if not message.is_private:
        return ()
    if message.argument and not _SENDER_ID.fullmatch(message.argument):
        return message.reply(Notice(Topic.WHO_WHOM))
    user_id = int(message.argument) if message.argument else sender_id(message.answered)
    if user_id is None:
        return message.reply(Notice(Topic.WHO_WHOM))
    return (Question(Asked.WHO, message.reader, message.message_id, user_id),)


def _update(message: Message, _people: People) -> Effects:
    """Ask about a new yt-dlp, or have it installed or taken back."""
    about = _UPDATES.get(message.argument.lower())
    if not message.is_private or about is None:
        return ()
    question = Question(about, message.reader, message.message_id)
    begins = message.reply(Notice(Topic.UPDATE_BEGINS)) if about is Asked.UPDATE_NOW else ()
    return (question, *begins)


def _pause(message: Message, _people: People, *, is_paused: bool) -> Effects:
    if not message.is_private or message.argument:
        return ()
    return (PauseDownloads(message.reader, message.message_id, is_paused),)


ADMIN_COMMANDS: Mapping[Command, Callable[[Message, People], Effects]] = {
    Command.BAN: functools.partial(_ban, is_banned=True),
    Command.UNBAN: functools.partial(_ban, is_banned=False),
    Command.STATUS: functools.partial(_ask, about=Asked.STATUS),
    Command.FAILED: functools.partial(_ask, about=Asked.FAILED),
    Command.WHO: _who,
    Command.PAUSE: functools.partial(_pause, is_paused=True),
    Command.RESUME: functools.partial(_pause, is_paused=False),
    Command.UPDATE: _update,
}
"""What each command for admins asks for."""
