"""What the ledger's rows are in Python."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from worker.errors import Reason
from worker.protocol import Delivered, Media, delivered_from_json

DOWNLOADS, TELEGRAM = "downloads", "telegram"


class Kind(StrEnum):
    """What a job is for."""

    UPDATE = "update"
    STATUS = "status"
    DOWNLOAD = "download"
    GROUP = "group"
    DELIVER = "deliver"
    EXPLAIN = "explain"
    REPLY = "reply"
    BUTTON = "button"

    @property
    def pool(self) -> str:
        """The pool in which such jobs run."""
        return DOWNLOADS if self is Kind.DOWNLOAD else TELEGRAM

    @property
    def is_upload(self) -> bool:
        """Whether such jobs may have a file to upload, which takes its time."""
        return self in (Kind.GROUP, Kind.DELIVER)

    @property
    def priority(self) -> int:
        """What keeps a person waiting least comes first; equals go by their turns."""
        return _PRIORITIES[self]


# The numbers stand in the ledgers of earlier versions.
_PRIORITIES = {
    Kind.BUTTON: 0,
    Kind.UPDATE: 1,
    Kind.REPLY: 4,
    # Equals: Telegram takes one message a second in a chat, so an answer that had to wait for
    # the status messages of all later links would come a minute after it was there.
    Kind.STATUS: 5,
    Kind.EXPLAIN: 5,
    Kind.GROUP: 5,
    Kind.DELIVER: 5,
    Kind.DOWNLOAD: 6,
}


class Verdict(StrEnum):
    """What the answer to a request will be."""

    MEDIA = "media"
    SENTENCE = "sentence"
    CANCELLED = "cancelled"
    UNREACHABLE = "unreachable"  # there is nowhere left to say it


@dataclass(frozen=True)
class Request:
    """A link that a person sent, and what has become of it.

    `verdict` None: it is still open what the answer will be. `status_messages` and `downloads`
    count what was posted and started for it, so that neither can go on for ever. `sent` is what
    was sent of its media beside the status message. `turn` is its place among all requests, see
    `worker.ledger.fairness`.
    """

    id: int
    chat_id: int
    user_id: int
    message_id: int
    url: str
    media_key: str
    download: int | None
    downloads: int
    status_message_id: int | None
    status_messages: int
    verdict: Verdict | None
    reason: Reason | None
    error_id: str | None
    turn: int
    answered_at: float | None
    sent: tuple[Delivered, ...] = ()
    sound_only: bool = False


@dataclass(frozen=True)
class Job:
    """A claimed job. `attempts` counts this one; `chat_id` is the chat that it is for, if one.

    A download runs on the account of `user_id`, see `worker.ledger.fairness`.
    """

    id: int
    kind: Kind
    attempts: int
    created_at: float
    payload: Mapping[str, Any]
    media_key: str | None
    chat_id: int | None
    request: Request | None
    media: Media | None = None
    """What its request is to get, when that is known."""
    user_id: int | None = None


def read_request(row: sqlite3.Row) -> Request:
    """A row of `requests`."""
    values = {name: row[name] for name in Request.__dataclass_fields__}
    return Request(
        **{
            **values,
            "verdict": values["verdict"] and Verdict(values["verdict"]),
            "reason": values["reason"] and Reason(values["reason"]),
            "sound_only": bool(values["sound_only"]),
            "sent": tuple(map(delivered_from_json, json.loads(values["sent"]))),
        }
    )


def read_job(row: sqlite3.Row, request: Request | None, media: Media | None) -> Job:
    """A row of `jobs`, with what it needs to know of its request."""
    return Job(
        id=row["id"],
        kind=Kind(row["kind"]),
        attempts=row["attempts"],
        created_at=row["created_at"],
        payload=json.loads(row["payload"]),
        media_key=row["media_key"],
        chat_id=row["chat_id"],
        request=request,
        media=media,
        user_id=row["user_id"],
    )


def download_directory(job_id: int, attempt: int) -> str:
    """The name of the directory in which one attempt of a download works."""
    return f"{job_id}-{attempt}"
