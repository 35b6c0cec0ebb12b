"""Questions of admins in the chat that only maintenance can answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from worker.protocol import Reader


class Asked(StrEnum):
    """What a question is about."""

    STATUS = "status"
    FAILED = "failed"
    WHO = "who"
    UPDATE = "update"
    UPDATE_NOW = "update now"
    UPDATE_BACK = "update back"


@dataclass(frozen=True)
class Question:
    """One question, asked in a message in the reader's chat; `user_id` is whom it is about."""

    about: Asked
    reader: Reader
    message_id: int
    user_id: int | None = None


def question_from_json(value: Mapping[str, Any]) -> Question:
    """The inverse of `worker.protocol.as_json.to_json` for a `Question`."""
    return Question(
        Asked(value["about"]), Reader(**value["reader"]), value["message_id"], value["user_id"]
    )
