"""Queries of the tables `batches` and `batch_items`; nothing here changes them.

Each function is part of its caller's transaction.
"""

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from worker.clocks import Wall
from worker.ledger.records import Batch, Verdict, read_batch
from worker.ledger.storage.database import Database
from worker.protocol.lists import Failure, Hold, ItemState, Summary


@dataclass(frozen=True)
class BatchItem:
    """An item that somebody has taken, and what has become of it."""

    number: int
    request_id: int | None
    state: ItemState
    reason: str | None


def find(db: Database, batch_id: int) -> Batch | None:
    """The batch with this id; None when there is none."""
    row = db.execute("SELECT * FROM batches WHERE id = ?", batch_id).fetchone()
    return row and read_batch(row)


def is_under_way(db: Database, request_id: int, user_id: int, numbers: Collection[int]) -> bool:
    """Whether the same person has taken the same items of a list, and some are still missing."""
    return bool(
        db.value(
            "SELECT 1 FROM batches WHERE list_id = ? AND user_id = ? AND items = ?"
            " AND ended_at IS NULL",
            request_id,
            user_id,
            json.dumps(sorted(numbers)),
        )
    )


def made_by(db: Database, user_id: int, since: Wall, until: Wall) -> int:
    """How often a person has taken something of lists between two times."""
    count: int = db.value(
        "SELECT count(*) FROM batches WHERE user_id = ? AND created_at BETWEEN ? AND ?",
        user_id,
        since,
        until,
    )
    return count


def under_way_of(db: Database, user_id: int) -> int:
    """How many batches of a person have not ended."""
    count: int = db.value(
        "SELECT count(*) FROM batches WHERE user_id = ? AND ended_at IS NULL", user_id
    )
    return count


def of_job(db: Database, row: sqlite3.Row) -> tuple[Batch, Summary] | None:
    """The batch that a job is for and how far it is; None for other kinds of jobs."""
    batch = find(db, json.loads(row["payload"])["batch_id"]) if row["kind"] == "summary" else None
    return (batch, summary_of(db, batch)) if batch else None


def has_open(db: Database) -> bool:
    """Whether any batch has not ended."""
    return bool(db.value("SELECT 1 FROM batches WHERE ended_at IS NULL LIMIT 1"))


def unanswered_of(db: Database, user_id: int) -> int:
    """How many items of a person have been opened and are not answered yet."""
    count: int = db.value(
        "SELECT count(*) FROM requests WHERE user_id = ? AND answered_at IS NULL"
        " AND batch_id IS NOT NULL",
        user_id,
    )
    return count


def has_unanswered(db: Database, batch: Batch) -> bool:
    """Whether items of a batch have been opened and are not answered yet."""
    return bool(
        db.value(
            "SELECT 1 FROM requests WHERE user_id = ? AND answered_at IS NULL AND batch_id = ?",
            batch.user_id,
            batch.id,
        )
    )


def is_waiting(db: Database, batch_id: int) -> bool:
    """Whether the outcome of any item of a batch is still open."""
    return bool(
        db.value(
            "SELECT 1 FROM batch_items AS item LEFT JOIN requests ON requests.id = item.request_id"
            " WHERE item.batch_id = ? AND iif(item.request_id IS NULL, NOT dropped,"
            "  answered_at IS NULL) LIMIT 1",
            batch_id,
        )
    )


def summary_of(db: Database, batch: Batch) -> Summary:
    """How far a batch is."""
    all_items = list(items(db, batch.id))
    of = {state: [item for item in all_items if item.state is state] for state in ItemState}
    reasons = dict.fromkeys(item.reason for item in of[ItemState.FAILED])
    failures = tuple(
        Failure(reason, tuple(i.number for i in of[ItemState.FAILED] if i.reason == reason))
        for reason in reasons
    )
    waiting = len(of[ItemState.WAITING])
    return Summary(
        title=batch.title,
        done=len(of[ItemState.DONE]),
        waiting=waiting,
        cancelled=len(of[ItemState.CANCELLED]),
        failures=failures,
        hold=batch.held if waiting else Hold.NONE,
        can_try_again=bool(failures) and not waiting and not batch.tried_again,
    )


def unopened_of(db: Database, user_id: int, chat_id: int | None) -> int:
    """How many items of a person's lists wait for their turn, in a chat or (None) in all."""
    count: int = db.value(
        "SELECT count(*) FROM batch_items WHERE request_id IS NULL AND NOT dropped AND batch_id"
        " IN (SELECT id FROM batches WHERE user_id = ? AND chat_id = coalesce(?, chat_id)"
        "  AND ended_at IS NULL)",
        user_id,
        chat_id,
    )
    return count


def items(db: Database, batch_id: int) -> Iterator[BatchItem]:
    """The items of a batch, in their order."""
    rows = db.execute(
        "SELECT number, item.request_id, dropped, verdict, reason, answered_at"
        " FROM batch_items AS item LEFT JOIN requests ON requests.id = item.request_id"
        " WHERE item.batch_id = ? ORDER BY number",
        batch_id,
    ).fetchall()
    for row in rows:
        state = _state_of(row)
        reason = row["reason"] if state is ItemState.FAILED else None
        yield BatchItem(row["number"], row["request_id"], state, reason)


_ENDS: Mapping[str, ItemState] = {
    Verdict.MEDIA: ItemState.DONE,
    Verdict.SENTENCE: ItemState.FAILED,
    Verdict.CANCELLED: ItemState.CANCELLED,
    Verdict.UNREACHABLE: ItemState.FAILED,
}


def _state_of(row: sqlite3.Row) -> ItemState:
    if row["request_id"] is None:
        return ItemState.CANCELLED if row["dropped"] else ItemState.WAITING
    return ItemState.WAITING if row["answered_at"] is None else _ENDS[row["verdict"]]
