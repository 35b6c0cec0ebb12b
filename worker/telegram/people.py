"""Who may use the bot, and in which language a person is answered."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from worker.telegram import fields, texts


@dataclass(frozen=True)
class People:
    """Who may use the bot (nobody named: everyone), and who may ban others."""

    allowed: AbstractSet[int]
    admins: AbstractSet[int]

    def may_use(self, user_id: int) -> bool:
        return not self.allowed or user_id in self.allowed


def language_of(sender: Mapping[str, Any]) -> str:
    """The language in which this person is answered."""
    return texts.catalogue_of(fields.text(sender, "language_code")).language
