"""Who may use the bot, and in which language a person is answered."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from worker.telegram import fields, texts


def nobody(_chat_id: int, _user_id: int) -> bool:
    """Stand in for `is_chat_admin`: nobody is an admin of any group."""
    return False


@dataclass(frozen=True)
class People:
    """Who may use the bot (everyone if nobody is named), and who may ban others.

    `is_chat_admin` finds out whether a person is an admin of a group, by their ids. `language` is
    what the person to be answered has set; None if nothing.
    """

    allowed: AbstractSet[int]
    admins: AbstractSet[int]
    is_chat_admin: Callable[[int, int], bool] = nobody
    language: str | None = None

    def may_use(self, user_id: int) -> bool:
        return not self.allowed or user_id in self.allowed

    def may_set(self, chat_id: int, user_id: int) -> bool:
        """Whether a person may change what a group has set."""
        return user_id in self.admins or self.is_chat_admin(chat_id, user_id)

    def language_of(self, sender: Mapping[str, Any]) -> str:
        """The language in which to answer the sender of an update."""
        named = self.language or fields.text(sender, "language_code")
        return texts.catalogue_of(named).language
