"""The people and the group that the chat page begins with."""

from __future__ import annotations

from dataclasses import dataclass

from .api import DEFAULT_CHAT, BotApi

OPERATOR = 1004
GROUP = -1001000000007


@dataclass(frozen=True)
class Person:
    """Somebody with a private chat; `language` is the tag of their Telegram."""

    user_id: int
    name: str
    language: str
    about: str


CAST = (
    Person(DEFAULT_CHAT, "Ada", "en", "English"),
    Person(1002, "Jonas", "de", "Deutsch"),
    Person(1003, "نور", "ar", "العربية"),
    Person(OPERATOR, "Olga", "en", "runs this bot"),
)


def introduce_all(api: BotApi) -> None:
    """Open a chat for each person, and a group that all of them are in."""
    for person in CAST:
        api.introduce(person.user_id, person.name, person.language)
        api.open(person.user_id, person.name)
    api.open(GROUP, "Film club", admins=[DEFAULT_CHAT])
