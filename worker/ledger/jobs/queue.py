"""The table `jobs`: what waits, what runs and what has ended.

Each function is part of its caller's transaction.
"""

import json
import sqlite3
from collections.abc import Collection, Mapping
from typing import Any

from worker.clocks import Wall
from worker.errors import JobError
from worker.ledger.jobs import fairness
from worker.ledger.jobs.jobs import BEGUN_RECORDING, SENDER_SQL, UPLOADS_SQL, Kind
from worker.ledger.records import Request
from worker.ledger.storage.database import Database
from worker.protocol.notices import Topic


def add(
    db: Database,
    kind: Kind,
    wall: Wall,
    *,
    request: Request | None = None,
    media_key: str | None = None,
    update_id: int | None = None,
    chat_id: int | None = None,
    user_id: int | None = None,
    turn: int = 0,
    payload: Mapping[str, Any] | None = None,
    not_before: Wall | None = None,
) -> int:
    """Put a job into the queue and return its id. One for a request has its chat and turn."""
    return db.insert(
        "jobs",
        kind=kind,
        pool=kind.pool,
        priority=kind.priority,
        turn=request.turn if request else turn,
        chat_id=request.chat_id if request else chat_id,
        user_id=request.user_id if request else user_id,
        request_id=request and request.id,
        media_key=media_key,
        update_id=update_id,
        payload=json.dumps(payload or {}),
        created_at=wall,
        waits_since=wall,
        not_before=wall if not_before is None else not_before,
    )


def add_update(db: Database, update: Mapping[str, Any], wall: Wall) -> None:
    """Put an update into the queue, on its sender's account if it has one."""
    job_id = add(db, Kind.UPDATE, wall, update_id=update["update_id"], payload=update)
    db.execute(
        f"UPDATE jobs SET user_id = {SENDER_SQL} WHERE id = ?",  # noqa: S608 - made of a constant
        job_id,
    )


def has_update(db: Database, update_id: int) -> bool:
    """Whether an update is in the ledger already."""
    return bool(db.value("SELECT 1 FROM jobs WHERE update_id = ?", update_id))


def begin(db: Database, waiting: sqlite3.Row, wall: Wall) -> sqlite3.Row:
    """Mark a waiting job as running, and count the attempt. Returns its new row."""
    if Kind(waiting["kind"]).is_download:
        fairness.serve(db, waiting["turn"])
    running: sqlite3.Row = db.execute(
        "UPDATE jobs SET state = 'running', attempts = attempts + 1, started_at = ?"
        " WHERE id = ? RETURNING *",
        wall,
        waiting["id"],
    ).fetchone()
    return running


MAX_REFUNDS = 10
"""How often a job gets an attempt back that ended with the bot or with the judge. The job itself
may be what ends them."""


def recover(db: Database) -> int:
    """Let every job that runs wait again, after a start. Returns how many there were.

    Their attempts do not count: they ended with the bot.
    """
    return db.execute(
        "UPDATE jobs SET state = 'waiting', attempts = attempts - (refunds < :max),"
        " refunds = refunds + 1 WHERE state = 'running'",
        max=MAX_REFUNDS,
    ).rowcount


def note_refund(db: Database, job_id: int) -> bool:
    """Count an attempt that a job may get back. Returns whether it gets it back."""
    row: sqlite3.Row = db.execute(
        "UPDATE jobs SET refunds = refunds + 1 WHERE id = ? RETURNING refunds", job_id
    ).fetchone()
    return int(row["refunds"]) <= MAX_REFUNDS


def wait_again(db: Database, job_id: int, delay_s: float, wall: Wall, *, refund: bool) -> None:
    """Let a running job wait for another attempt; `refund` when this one does not count."""
    db.execute(
        "UPDATE jobs SET state = 'waiting', waits_since = ?, not_before = ?,"
        " attempts = attempts - ? WHERE id = ? AND state = 'running'",
        wall,
        wall + delay_s,
        refund,
        job_id,
    )


def call_again(db: Database, job_id: int, delay_s: float, refused_s: float, wall: Wall) -> None:
    """Let a running job wait that got no usable answer from Telegram; the try does not count."""
    db.execute(
        "UPDATE jobs SET unanswered = unanswered + 1, refused_s = ? WHERE id = ?", refused_s, job_id
    )
    wait_again(db, job_id, delay_s, wall, refund=True)


def call_now(db: Database, answered_from: Wall, answered_until: Wall, wall: Wall) -> int:
    """Let the jobs that got no usable answer from Telegram wait no longer. Returns how many.

    Before its silence Telegram answered others, from `answered_from` to `answered_until`. As far as
    a job waited during that time, it counts as refused. Their waits begin small again.
    """
    return db.execute(
        "UPDATE jobs SET refused_s = refused_s + max(0, :until - max(waits_since, :from)),"
        " unanswered = 1, waits_since = :wall, not_before = :wall"
        " WHERE state = 'waiting' AND unanswered",
        **{"from": answered_from, "until": answered_until, "wall": wall},
    ).rowcount


def hurry(db: Database, job_id: int | None, wall: Wall) -> bool:
    """Let a waiting job wait no longer. Returns whether it was waiting."""
    return bool(
        db.execute(
            "UPDATE jobs SET waits_since = ?, not_before = ? WHERE id = ? AND state = 'waiting'",
            wall,
            wall,
            job_id,
        ).rowcount
    )


def await_anew(db: Database, job_id: int | None, wall: Wall) -> None:
    """Try a waiting job now, as if it were new, since somebody else wants the same."""
    db.execute(
        "UPDATE jobs SET created_at = ? WHERE id = ? AND state IN ('waiting', 'running')",
        wall,
        job_id,
    )
    hurry(db, job_id, wall)


def start_over(db: Database, job_id: int, wall: Wall) -> None:
    """Let a failed job wait again, as if it had never been tried."""
    db.execute(
        "UPDATE jobs SET state = 'waiting', attempts = 0, unanswered = 0, refused_s = 0,"
        " waits_since = ?, not_before = ?,"
        " finished_at = NULL, reason = NULL, fault = NULL, remedy = NULL, detail = NULL,"
        " error_id = NULL,"
        # What was recorded is gone by then.
        " priority = iif(kind = 'recording', ?, priority),"
        " payload = json_remove(payload, '$.max_bytes', '$.stopped')"
        " WHERE id = ?",
        wall,
        wall,
        Kind.RECORDING.priority,
        job_id,
    )


# Once a job is done, nobody needs what people wrote or were shown, nor who did.
_EMPTIED = (
    "payload = iif(kind IN ('update', 'button', 'cookies'), '{}', payload),"
    " user_id = iif(kind = 'update', NULL, user_id)"
)


def finish(
    db: Database, job_id: int, wall: Wall, *, result: Mapping[str, Any] | None = None
) -> None:
    """End a job that has done what it was for, and keep its `result`."""
    db.execute(
        f"UPDATE jobs SET state = 'done', finished_at = ?, result = ?, {_EMPTIED}"  # noqa: S608
        " WHERE id = ?",
        wall,
        result and json.dumps(result),
        job_id,
    )


def drop(db: Database, job_id: int, wall: Wall) -> None:
    """End a job that is not needed any more, whatever its state."""
    db.execute(
        f"UPDATE jobs SET state = 'dropped', finished_at = ?, {_EMPTIED}"  # noqa: S608
        " WHERE id = ?",
        wall,
        job_id,
    )


def fail(
    db: Database, job_id: int, error: JobError, error_id: str, traceback: str, wall: Wall
) -> None:
    """End a job that has failed for good."""
    db.execute(
        "UPDATE jobs SET state = 'failed', finished_at = ?, reason = ?, fault = ?, remedy = ?,"
        " detail = ?, error_id = ? WHERE id = ?",
        wall,
        error.reason,
        error.fault,
        error.remedy,
        f"{error}\n{traceback}".strip(),
        error_id,
        job_id,
    )


def remove_failed(db: Database, job_id: int) -> None:
    """Delete a failed job, and by a trigger what its last attempt used."""
    db.execute("DELETE FROM jobs WHERE id = ? AND state = 'failed'", job_id)


# A running download is being stopped or is somebody else's: its key is still in use.
_FORGET_DOWNLOADS = (
    "UPDATE jobs SET payload = json_set(payload, '$.url', ''), result = NULL, detail = '',"
    " media_key = iif(state = 'running', media_key, '')"
    " WHERE pool = 'downloads' AND state != 'waiting'"
)


def forget_of(db: Database, user_id: int, wall: Wall) -> None:
    """Delete what jobs hold of a person: messages, replies, and links without a request."""
    # Each statement finds its few rows by an index, since the dispatcher waits meanwhile.
    db.execute(
        "UPDATE jobs SET payload = json_object('update_id', update_id), detail = '', user_id = NULL"
        " WHERE kind = 'update' AND state = 'failed' AND user_id = ?",
        user_id,
    )
    # Of replies that are not sent, those that others in a group are to get are left to them.
    db.execute(
        "UPDATE jobs SET payload = '{}', state = iif(state = 'done', 'done', 'dropped'),"
        " finished_at = coalesce(finished_at, :wall) WHERE kind = 'reply'"
        " AND chat_id IN (SELECT :user UNION SELECT chat_id FROM requests WHERE user_id = :user)"
        " AND (state IN ('done', 'dropped') OR state IN ('waiting', 'failed')"
        "  AND payload ->> '$.notices[0].about' = :description"
        "  AND (chat_id = :user OR payload ->> '$.reply_to' IN (SELECT status_message_id"
        "   FROM requests WHERE user_id = :user AND chat_id = jobs.chat_id)))",
        user=user_id,
        wall=wall,
        description=Topic.DESCRIPTION,
    )
    # Downloads of requests are deleted with these.
    db.execute(
        f"{_FORGET_DOWNLOADS} AND user_id = ? AND media_key != ''"  # noqa: S608 - made of constants
        " AND NOT EXISTS (SELECT 1 FROM awaited_menus WHERE job_id = jobs.id)"
        " AND NOT EXISTS (SELECT 1 FROM requests WHERE download_id = jobs.id"
        "  AND (NOT is_forgotten OR url != ''))",
        user_id,
    )


def forget_downloads(db: Database, job_ids: Collection[int]) -> None:
    """Delete what some ended downloads hold, except those that somebody else's request is for."""
    db.execute(
        f"{_FORGET_DOWNLOADS} AND id IN (SELECT value FROM json_each(?)) AND NOT EXISTS"  # noqa: S608 - as above
        " (SELECT 1 FROM requests WHERE download_id = jobs.id AND NOT is_forgotten)",
        json.dumps(list(job_ids)),
    )


# ------------------------------------------------------------------------- jobs not needed


def drop_download(db: Database, job_id: int | None, wall: Wall) -> list[int]:
    """Drop a download unless it runs. Returns its id if it does, to be stopped."""
    return _drop_waiting(db, "id = ?", wall, job_id)


def drop_deliveries(db: Database, request_id: int, wall: Wall) -> list[int]:
    """Drop a request's waiting deliveries. Returns the ids of those that run."""
    which = f"kind IN {UPLOADS_SQL} AND request_id = ?"
    return _drop_waiting(db, which, wall, request_id)


def drop_all(db: Database, request_id: int, wall: Wall) -> list[int]:
    """Drop all waiting jobs of a request. Returns the ids of those that run."""
    return _drop_waiting(db, "request_id = ?", wall, request_id)


def drop_button(db: Database, job_id: int | None, wall: Wall) -> None:
    """Drop the job of a button if it waits."""
    _drop_waiting(db, "kind = 'button' AND id = ?", wall, job_id)


def show_no_menu(db: Database, request_id: int) -> None:
    """Let jobs that answer presses below an answer open no page when they are tried again."""
    # Two searches by index: with an OR between them every job would be looked at.
    db.execute(
        "UPDATE jobs SET payload = json_set(payload, '$.menu', NULL, '$.list_menu', NULL)"
        " WHERE id IN (SELECT id FROM jobs WHERE state = 'running' AND kind = 'button'"
        "  UNION ALL SELECT id FROM jobs WHERE state = 'waiting' AND pool = 'telegram'"
        "  AND priority = 0 AND kind = 'button')"
        " AND coalesce(payload ->> '$.menu.request_id', payload ->> '$.list_menu.request_id') = ?",
        request_id,
    )


def drop_reply(db: Database, job_id: int, wall: Wall) -> None:
    """Drop a reply if it waits to be sent."""
    _drop_waiting(db, "kind = 'reply' AND id = ?", wall, job_id)


def drop_replies(db: Database, chat_id: int | None, wall: Wall) -> None:
    """Drop all replies and panels that wait to be shown in a chat."""
    which = "kind IN ('reply', 'panel', 'panel edit') AND chat_id = ?"
    _drop_waiting(db, which, wall, chat_id)


def move(db: Database, chat_id: int, new_chat_id: int, wall: Wall) -> None:
    """Let what waits for a group go on in its supergroup, where it replies to no message.

    Summaries and panels do not: they are queued anew, or closed.
    """
    _drop_waiting(db, "kind IN ('summary', 'panel', 'panel edit') AND chat_id = ?", wall, chat_id)
    db.execute(
        "UPDATE jobs SET chat_id = :new, payload = iif(kind = 'reply',"
        " json_set(payload, '$.reader.chat_id', :new, '$.reply_to', NULL), payload)"
        # Searches by index: with the chat alone every job would be looked at.
        " WHERE chat_id = :old AND (pool = 'downloads' OR kind = 'reply')"
        " AND id IN (SELECT id FROM jobs WHERE state = 'running'"
        "  UNION ALL SELECT id FROM jobs WHERE state = 'waiting' AND pool = 'downloads'"
        "  UNION ALL SELECT id FROM jobs WHERE state = 'waiting' AND pool = 'telegram')",
        old=chat_id,
        new=new_chat_id,
    )


def drop_menus(db: Database, wall: Wall) -> None:
    """Drop the jobs that wait to tell Telegram menus of commands."""
    _drop_waiting(db, "kind = 'menus'", wall)


def _drop_waiting(db: Database, which: str, wall: Wall, *parameters: int | None) -> list[int]:
    """Drop the waiting jobs of a selection. Returns the ids of its running ones."""
    db.execute(
        "UPDATE jobs SET state = 'dropped', finished_at = ?"  # noqa: S608 - made of constants
        f" WHERE state = 'waiting' AND {which}",
        wall,
        *parameters,
    )
    rows = db.execute(
        f"SELECT id FROM jobs WHERE state = 'running' AND {which}",  # noqa: S608 - as above
        *parameters,
    )
    return [row["id"] for row in rows]


# ------------------------------------------------------------------------------- downloads


def set_media_key(db: Database, job_id: int, media_key: str) -> None:
    """Note which media a download has turned out to fetch."""
    db.execute("UPDATE jobs SET media_key = ? WHERE id = ?", media_key, job_id)


def limit_download(db: Database, job_id: int, max_bytes: int) -> None:
    """Note the most that a download could fetch in its time; its next attempt tries no more."""
    db.execute(
        "UPDATE jobs SET payload = json_set(payload, '$.max_bytes', ?) WHERE id = ?",
        max_bytes,
        job_id,
    )


def begin_recording(db: Database, job_id: int) -> None:
    """Note that something of a live stream is on disk; the next attempt makes a file of it."""
    db.execute("UPDATE jobs SET priority = ? WHERE id = ?", BEGUN_RECORDING, job_id)


def stop_recording(db: Database, job_id: int) -> bool:
    """Note that a recording is to end with what it has. Returns whether that is new."""
    return bool(
        db.execute(
            "UPDATE jobs SET payload = json_set(payload, '$.stopped', 1), priority = ?"
            " WHERE id = ? AND payload ->> '$.stopped' IS NULL",
            BEGUN_RECORDING,
            job_id,
        ).rowcount
    )


def hurry_summary(db: Database, batch_id: int) -> None:
    """Let the summary of a batch go before the answers that wait."""
    db.execute(
        "UPDATE jobs SET priority = ? WHERE state = 'waiting' AND pool = 'telegram'"
        " AND kind = 'summary' AND payload ->> '$.batch_id' = ?",
        Kind.DELIVER.priority,
        batch_id,
    )
