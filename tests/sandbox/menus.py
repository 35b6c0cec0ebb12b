"""Which of the bot's command menus a person sees in a chat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .chats import Chat


def menu_for(
    menus: Mapping[str, list[dict[str, Any]]], chat: Chat, user_id: int, language: str
) -> list[dict[str, Any]]:
    """The commands of the narrowest scope that has any (Bot API 10.1, BotCommandScope).

    `menus` is as `BotApi.menus` has them.
    """
    for scope in _scopes(chat, user_id in chat.admins):
        for key in (f"{scope}:{language}", scope):
            if commands := menus.get(key):
                return commands
    return []


def _scopes(chat: Chat, is_admin: bool) -> Iterator[str]:
    if chat.kind != "private" and is_admin:
        yield f"chat_administrators:{chat.chat_id}"
    yield f"chat:{chat.chat_id}"
    if chat.kind == "private":
        yield "all_private_chats"
    else:
        if is_admin:
            yield "all_chat_administrators"
        yield "all_group_chats"
    yield "default"
