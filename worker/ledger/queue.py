"""The jobs' side of the ledger. Each function is a part of somebody's transaction."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from worker.ledger import fairness
from worker.ledger.database import Database
from worker.ledger.fairness import Share
from worker.ledger.jobs import Kind, download_directory
from worker.ledger.records import Request


def add(
    db: Database,
    kind: Kind,
    now: float,
    *,
    request: Request | None = None,
    media_key: str | None = None,
    update_id: int | None = None,
    chat_id: int | None = None,
    user_id: int | None = None,
    payload: Mapping[str, Any] | None = None,
) -> int:
    """Put a job into the queue and return its id. One for a request has its chat and turn."""
    return db.insert(
        "jobs",
        kind=kind,
        pool=kind.pool,
        priority=kind.priority,
        turn=request.turn if request else 0,
        chat_id=request.chat_id if request else chat_id,
        user_id=request.user_id if request else user_id,
        request=request and request.id,
        media_key=media_key,
        update_id=update_id,
        payload=json.dumps(payload or {}),
        created_at=now,
        waits_since=now,
        not_before=now,
    )


def take(
    db: Database,
    pool: str,
    now: float,
    *,
    busy_requests: Sequence[int],
    closed_chats: Sequence[int] | None,
    uploads: bool,
    share: Share,
) -> int | None:
    """Mark the next job that is due as running, counting the attempt; None when none is.

    A job that was told to wait is also due when the clock has been set back behind the moment
    it was told so. Nothing is taken for `busy_requests` and `closed_chats` (None: all chats), no
    upload unless `uploads`, and no download beyond its person's and its chat's share. Of people
    who wait for the same upload one goes first, for the others can then have it by its file id.
    """
    row = db.execute(
        "SELECT id, kind, turn FROM jobs AS job WHERE pool = ? AND state = 'waiting'"
        " AND (not_before <= ? OR waits_since > ?)"
        " AND (request IS NULL OR request NOT IN (SELECT value FROM json_each(?)))"
        " AND (chat_id IS NULL OR ? AND chat_id NOT IN (SELECT value FROM json_each(?)))"
        " AND (? OR kind NOT IN ('group', 'deliver'))"
        " AND NOT (kind IN ('group', 'deliver')"
        "  AND media_key NOT IN (SELECT media_key FROM media)"
        "  AND EXISTS (SELECT 1 FROM jobs WHERE kind IN ('group', 'deliver')"
        "   AND state = 'running' AND media_key = job.media_key))"
        " AND (kind != 'download'"
        "  OR ? > (SELECT count(*) FROM jobs WHERE kind = 'download' AND state = 'running'"
        "   AND user_id = job.user_id)"
        "  AND ? > (SELECT count(*) FROM jobs WHERE kind = 'download' AND state = 'running'"
        "   AND chat_id = job.chat_id))"
        " ORDER BY priority, turn, id LIMIT 1",
        pool,
        now,
        now,
        json.dumps(busy_requests),
        closed_chats is not None,
        json.dumps(closed_chats or []),
        uploads,
        share.of_user,
        share.of_chat,
    ).fetchone()
    if row is None:
        return None
    db.execute(
        "UPDATE jobs SET state = 'running', attempts = attempts + 1, started_at = ? WHERE id = ?",
        now,
        row["id"],
    )
    if Kind(row["kind"]).is_download:
        fairness.serve(db, row["turn"])
    job: int = row["id"]
    return job


def wait_again(db: Database, job: int, delay_s: float, now: float, *, refund: bool) -> None:
    """Let a running job wait for another attempt; `refund` when this one does not count."""
    db.execute(
        "UPDATE jobs SET state = 'waiting', waits_since = ?, not_before = ?,"
        " attempts = attempts - ? WHERE id = ? AND state = 'running'",
        now,
        now + delay_s,
        refund,
        job,
    )


def close(db: Database, job: int, state: str, now: float) -> None:
    """End a job: done, failed or dropped."""
    db.execute("UPDATE jobs SET state = ?, finished_at = ? WHERE id = ?", state, now, job)


def drop_download(db: Database, job: int | None, now: float) -> list[int]:
    """Drop a download unless it runs; the id of one that does is returned, to be stopped."""
    return _drop(db, "id = ?", job, now)


def drop_deliveries(db: Database, request: int, now: float) -> list[int]:
    """Drop a request's waiting deliveries, and return those that run."""
    return _drop(db, "kind IN ('group', 'deliver') AND request = ?", request, now)


def drop_all(db: Database, request: int, now: float) -> list[int]:
    """Drop all that waits to be done for a request, and return what runs."""
    return _drop(db, "request = ?", request, now)


def drop_message(db: Database, job: int, now: float) -> None:
    """Drop a message that waits to be sent."""
    _drop(db, "kind = 'reply' AND id = ?", job, now)


def drop_messages(db: Database, chat: int | None, now: float) -> None:
    """Drop all messages that wait to be sent to a chat."""
    _drop(db, "kind = 'reply' AND chat_id = ?", chat, now)


def live_directories(db: Database) -> set[str]:
    """The names of the download directories that are needed, see `download_directory`."""
    # Two searches by index, and no OR between them: that would look at every job there is.
    rows = db.execute(
        "SELECT id, attempts FROM jobs WHERE state = 'running' AND kind = 'download'"
        " UNION SELECT job.id, job.attempts FROM requests JOIN jobs AS job"
        " ON job.id = requests.download AND job.state = 'done' WHERE answered_at IS NULL"
    )
    return {download_directory(row["id"], row["attempts"]) for row in rows}


def _drop(db: Database, which: str, parameter: int | None, now: float) -> list[int]:
    db.execute(
        "UPDATE jobs SET state = 'dropped', finished_at = ?"  # noqa: S608 - words of this file
        f" WHERE state = 'waiting' AND {which}",
        now,
        parameter,
    )
    rows = db.execute(
        f"SELECT id FROM jobs WHERE state = 'running' AND {which}",  # noqa: S608 - as above
        parameter,
    )
    return [row["id"] for row in rows]
