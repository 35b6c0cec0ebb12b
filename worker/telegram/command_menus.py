"""Telegram's own menu of commands: for private chats, for groups, and for the bot's admins."""

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from worker.errors import ChatClosed, JobError
from worker.protocol import SetMenus
from worker.telegram.commands import FOR_ADMINS, LISTED
from worker.telegram.texts import CATALOGUES, ENGLISH

if TYPE_CHECKING:
    # The main process reads this file too, and does without the client's library.
    from worker.telegram.client import Client

_PRIVATE, _GROUPS, _CHAT = "all_private_chats", "all_group_chats", "chat"


@dataclass(frozen=True)
class CommandMenu:
    """The commands of a scope in a language, each with its text (Bot API 10.1, setMyCommands).

    `scope` is the type of a BotCommandScope, `chat_id` its chat if it is about one. Without a
    language it is for all that have none of their own.
    """

    scope: str
    chat_id: int | None
    language: str | None
    commands: tuple[tuple[str, str], ...]


def menus(admins: Collection[int]) -> Iterator[CommandMenu]:
    """All menus of a bot with these admins."""
    for catalogue in CATALOGUES:
        language = None if catalogue is ENGLISH else catalogue.language
        if language is not None and len(language) != 2:
            continue  # Telegram distinguishes languages here, but not their countries.
        texts = {command: catalogue.commands[command] for command in (*LISTED, *FOR_ADMINS)}
        everybodys = tuple((command.value, texts[command]) for command in LISTED)
        yield CommandMenu(_PRIVATE, None, language, everybodys)
        yield CommandMenu(_GROUPS, None, language, everybodys)
        for chat_id in sorted(admins):
            admins_own = tuple((command.value, texts[command]) for command in FOR_ADMINS)
            yield CommandMenu(_CHAT, chat_id, language, everybodys + admins_own)


def fingerprint(bot_id: str, admins: Collection[int]) -> str:
    """A fingerprint of the menus of a bot with these admins, which changes when they do."""
    text = json.dumps([bot_id, *(asdict(menu) for menu in menus(admins))])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def set_menus(client: "Client", task: SetMenus) -> None:
    """Tell Telegram all menus. Safe to repeat."""
    for menu in menus(task.admins):
        _tell(client, menu, menu.commands)
    for menu in menus(set(task.former_admins) - set(task.admins)):
        if menu.chat_id is not None:
            _tell(client, menu, ())


def _tell(client: "Client", menu: CommandMenu, commands: Sequence[tuple[str, str]]) -> None:
    try:
        client.set_commands(commands, menu.scope, menu.chat_id, menu.language)
    except (ChatClosed, JobError):
        # The bot has no chat with an admin who has never written to it.
        if menu.chat_id is None:
            raise
