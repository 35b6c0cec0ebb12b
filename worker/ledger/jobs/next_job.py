"""Which job is taken next. Each function is part of its caller's transaction, and only reads."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from worker.clocks import Wall
from worker.ledger.jobs.fairness import NO_LIMIT, RunningLimits
from worker.ledger.jobs.jobs import BEGUN_RECORDING, PANELS_SQL, UPLOADS_SQL
from worker.ledger.storage.database import Database


@dataclass(frozen=True)
class PausedChats:
    """The ids of the chats that take no edits for a while, and of those that take no messages.

    An answer that has been refused for `apart_from_s` is no edit but a message of its own.
    """

    edits: Sequence[int] = ()
    sends: Sequence[int] = ()
    apart_from_s: float = float("inf")


NOT_PAUSED = PausedChats()


@dataclass(frozen=True)
class ClaimRules:
    """Which of the due jobs may be taken; all of them unless something is said here.

    Passed over are jobs of `busy_request_ids`, sentences for `request_ids_in_doubt`, jobs for
    `closed_chat_ids` (None: for any chat), the kinds of calls that are `paused` in their chat,
    uploads unless `uploads`, recordings unless `recordings`, and downloads beyond the `limits` of
    their person, chat and site.
    """

    busy_request_ids: Sequence[int] = ()
    request_ids_in_doubt: Sequence[int] = ()
    closed_chat_ids: Sequence[int] | None = ()
    paused: PausedChats = NOT_PAUSED
    uploads: bool = True
    recordings: bool = True
    limits: RunningLimits = NO_LIMIT


ANY_JOB = ClaimRules()

# Without the plus, SQLite would plan the statement again each time, which takes 20 times as long as
# running it: an index for one value of a column makes the plan depend on the value that is bound.
_DUE = "pool = +:pool AND state = 'waiting' AND (not_before <= :wall OR waits_since > :wall)"


def has_due(db: Database, pool: str, wall: Wall) -> bool:
    """Whether any job of a pool is due, which `find` may still pass over."""
    sql = f"SELECT 1 FROM jobs WHERE {_DUE} LIMIT 1"  # noqa: S608 - words of this file
    return bool(db.value(sql, pool=pool, wall=wall))


# An edit comes after the message that it changes, /cancel after the links that it is meant for, and
# of two commands that undo each other the later one holds. They are found by their text, because
# SQLite does not take every update for JSON.
_IN_ORDER = " OR ".join(
    f"instr(lower(payload), '{text}')"
    for text in ('"edited_message":', '"/cancel', '"/pause', '"/resume', '"/ban', '"/unban')
)

# As `worker.dispatch.tasks.is_edit` says of the job's task: no message is turned into a voice
# message, or into word that a stream has started, and a summary is posted once.
_IS_EDIT = """
    CASE kind
        WHEN 'panel edit' THEN 1
        WHEN 'removal' THEN 1
        WHEN 'explain' THEN refused_s < :apart_from_s
        WHEN 'deliver' THEN refused_s < :apart_from_s AND NOT (
            SELECT verdict = 'media' AND (form IN ('start', 'voice') OR form LIKE 'voice.%')
            FROM requests WHERE id = job.request_id)
        WHEN 'summary' THEN (SELECT summary_message_id FROM batches
            WHERE id = job.payload ->> '$.batch_id') IS NOT NULL
        ELSE 0
    END
"""

# A job that was told to wait is also due once the clock has been set back to before that. If
# several people wait for the same upload, one goes first: the others can then have it by its file
# id. An update whose order matters waits until all that its person sent before it has been read,
# but not for other people's, which may wait long for Telegram. Of the edits of a panel the last one
# must come last, and replies to one message come in their order. A recording that has begun asks
# its site for nothing any more, and no other begins before it is made a file: otherwise its person
# would wait until that one ends.
_NEXT = f"""
    SELECT * FROM jobs AS job
    WHERE {_DUE}
        AND (request_id IS NULL OR request_id NOT IN (SELECT value FROM json_each(:busy)))
        AND NOT (kind IN ('deliver', 'explain')
            AND request_id IN (SELECT value FROM json_each(:in_doubt))
            AND (SELECT verdict IS NOT 'media' OR form IN ('about', 'search') OR coalesce(
                (SELECT result -> '$.files' = '[]' FROM jobs WHERE id = download_id), 0)
                FROM requests WHERE id = job.request_id))
        AND (chat_id IS NULL
            OR :some_open AND chat_id NOT IN (SELECT value FROM json_each(:closed))
            AND chat_id NOT IN (SELECT value FROM json_each(
                iif({_IS_EDIT}, :paused_edits, :paused_sends))))
        AND NOT (kind = 'button' AND :paused_edits != '[]'
            AND coalesce(payload ->> '$.menu.chat_id', payload ->> '$.list_menu.chat_id', 0)
                IN (SELECT value FROM json_each(:paused_edits)))
        AND NOT (kind = 'panel edit' AND EXISTS (SELECT 1 FROM jobs
            WHERE state = 'running' AND kind IN {PANELS_SQL} AND chat_id = job.chat_id))
        AND NOT (kind = 'reply' AND EXISTS (SELECT 1 FROM jobs
            WHERE state = 'running' AND kind = 'reply' AND chat_id = job.chat_id
            AND payload ->> '$.reply_to' = job.payload ->> '$.reply_to'))
        AND (:uploads OR kind NOT IN {UPLOADS_SQL})
        AND (kind != 'recording' OR :recordings AND (priority = :begun OR NOT EXISTS (
            SELECT 1 FROM jobs WHERE state = 'waiting' AND pool = job.pool AND priority = :begun)))
        AND NOT (kind IN {UPLOADS_SQL}
            AND media_key NOT IN (SELECT media_key FROM media)
            AND EXISTS (SELECT 1 FROM jobs WHERE kind IN {UPLOADS_SQL}
                AND state = 'running' AND media_key = job.media_key))
        AND NOT (kind = 'update' AND ({_IN_ORDER})
            AND EXISTS (SELECT 1 FROM jobs WHERE kind = 'update'
                AND state IN ('waiting', 'running') AND user_id = job.user_id AND id < job.id))
        AND (pool != 'downloads' OR priority = :begun OR :full = '[]'
            OR site_of_url(payload ->> '$.url') NOT IN (SELECT value FROM json_each(:full)))
        AND (pool != 'downloads' OR priority = :begun
            OR :of_user > (SELECT count(*) FROM jobs WHERE kind = job.kind
                AND state = 'running' AND user_id = job.user_id)
            AND :of_chat > (SELECT count(*) FROM jobs WHERE kind = job.kind
                AND state = 'running' AND chat_id = job.chat_id))
    ORDER BY priority, turn, id LIMIT 1
"""  # noqa: S608 - made of constants


def find(db: Database, pool: str, wall: Wall, rules: ClaimRules) -> sqlite3.Row | None:
    """The row of the next job that is due and may be taken; None when there is none."""
    row: sqlite3.Row | None = db.execute(
        _NEXT,
        pool=pool,
        wall=wall,
        busy=json.dumps(rules.busy_request_ids),
        in_doubt=json.dumps(rules.request_ids_in_doubt),
        some_open=rules.closed_chat_ids is not None,
        closed=json.dumps(rules.closed_chat_ids or []),
        paused_edits=json.dumps(rules.paused.edits),
        paused_sends=json.dumps(rules.paused.sends),
        apart_from_s=rules.paused.apart_from_s,
        uploads=rules.uploads,
        recordings=rules.recordings,
        begun=BEGUN_RECORDING,
        of_user=rules.limits.of_user,
        of_chat=rules.limits.of_chat,
        full=json.dumps(sorted(rules.limits.full_sites)),
    ).fetchone()
    return row
