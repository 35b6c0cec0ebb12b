"""Requests, batches and panels as the ledger keeps them."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from worker.clocks import Wall
from worker.errors import Reason
from worker.form import WHOLE, Form, What
from worker.protocol import DEFAULT_LANGUAGE, Delivered, Place, Reader
from worker.protocol.as_json import delivered_from_json
from worker.protocol.effects import Effects
from worker.protocol.lists import Hold
from worker.protocol.notices import Notice
from worker.protocol.panels import Panel, PanelKind
from worker.protocol.preferences import Captions


class Verdict(StrEnum):
    """What the answer to a request is, or will be."""

    MEDIA = "media"
    SENTENCE = "sentence"
    CANCELLED = "cancelled"
    UNREACHABLE = "unreachable"  # no message can reach the chat


def is_song(form: Form) -> bool:
    """Whether media in this form can be in an album of songs; voice messages cannot."""
    return form.is_sound_only and form.what is not What.VOICE


@dataclass(frozen=True)
class Request:
    """A link that a person sent, and what has become of it.

    `message_id` is that of its link; 0 if the link is in another chat, since the group has become a
    supergroup. `verdict` is None while the answer is not known. `status_messages` and `downloads`
    count what was posted and started for it, so that neither can go on for ever. `sent` is what was
    sent of its media beside the status message. `turn` is its place among all requests, see
    `worker.ledger.jobs.fairness`; `language` and `captions` are its person's. `batch_id` is for an
    item of a list, which has a status message only once it has media; everything else is told by
    the summary of its batch. `leader_id` is the request beside whose answer this one's song comes.

    `has_buttons`: the answer gets some. `fresh`: nothing that is remembered may be used for it.
    `asks_first`: the answer is what can be chosen, because the person has set that. `describes`:
    the description follows the answer. `languages` as in `worker.errors.JobError`.
    """

    id: int
    chat_id: int
    user_id: int
    message_id: int
    url: str
    media_key: str
    download_id: int | None
    downloads: int
    status_message_id: int | None
    status_messages: int
    verdict: Verdict | None
    reason: Reason | None
    error_id: str | None
    turn: int
    answered_at: Wall | None
    sent: tuple[Delivered, ...] = ()
    form: Form = WHOLE
    language: str = DEFAULT_LANGUAGE
    thread_id: int | None = None
    batch_id: int | None = None
    leader_id: int | None = None
    captions: Captions = Captions.FULL
    has_buttons: bool = False
    fresh: bool = False
    asks_first: bool = False
    describes: bool = False
    asked_form: Form | None = None
    languages: tuple[str, ...] = ()

    @property
    def reader(self) -> Reader:
        return Reader(self.chat_id, self.language, self.thread_id)

    @property
    def comes_in_album(self) -> bool:
        """Whether it is a song of a list, which comes together with those beside it."""
        return self.batch_id is not None and is_song(self.form)

    @property
    def place(self) -> Place:
        return Place(self.chat_id, self.thread_id)


@dataclass(frozen=True)
class Pressed:
    """What a press on a panel's button leads to.

    With None for `state`, that of the panel stays. The person who pressed sees the `notice`, unless
    one of the `effects` answers the press: then it `is_answered`.
    """

    notice: Notice | None = None
    state: Mapping[str, Any] | None = None
    effects: Effects = ()
    is_answered: bool = False
    is_closed: bool = False


def read_panel(row: sqlite3.Row) -> Panel:
    """A row of `panels`."""
    return Panel(
        row["id"],
        PanelKind(row["kind"]),
        Reader(row["chat_id"], row["language"], row["thread_id"]),
        row["user_id"],
        row["reply_to"],
        row["message_id"],
        row["ends_at"],
        bool(row["is_closed"]),
        json.loads(row["state"]),
    )


@dataclass(frozen=True)
class Batch:
    """What a person has taken from a list at once, and the message that says how far it is.

    The list is the answer to the request `request_id`, in the message `message_id`. `shown` is
    what the summary said last, and `lost` counts how often it was deleted. `held` is why the next
    items wait.
    """

    id: int
    request_id: int
    chat_id: int
    user_id: int
    message_id: int
    thread_id: int | None
    language: str
    form: Form
    fresh: bool
    title: str
    summary_message_id: int | None
    shown: str | None
    shown_at: Wall | None
    lost: int
    held: Hold
    tried_again: bool
    ended_at: Wall | None

    @property
    def reader(self) -> Reader:
        return Reader(self.chat_id, self.language, self.thread_id)


def read_batch(row: sqlite3.Row) -> Batch:
    """A row of `batches`."""
    columns = Batch.__dataclass_fields__.keys() - {"request_id"}
    values = {name: row[name] for name in columns} | {"request_id": row["list_id"]}
    flags = {name: bool(values[name]) for name in ("fresh", "tried_again")}
    held, form = Hold(values["held"]), Form.parse(values["form"])
    return Batch(**{**values, **flags, "held": held, "form": form})


def read_request(row: sqlite3.Row) -> Request:
    """A row of `requests`."""
    values = {name: row[name] for name in Request.__dataclass_fields__}
    return Request(
        **{
            **values,
            "verdict": values["verdict"] and Verdict(values["verdict"]),
            "reason": values["reason"] and Reason(values["reason"]),
            "form": Form.parse(values["form"]),
            "captions": Captions(values["captions"]),
            "has_buttons": bool(values["has_buttons"]),
            "fresh": bool(values["fresh"]),
            "asks_first": bool(values["asks_first"]),
            "describes": bool(values["describes"]),
            "asked_form": values["asked_form"] and Form.parse(values["asked_form"]),
            "languages": tuple(json.loads(values["languages"])),
            "sent": tuple(map(delivered_from_json, json.loads(values["sent"]))),
        }
    )
