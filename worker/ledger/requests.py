"""The people's side of the ledger: from a link to its one answer.

Each function is a part of somebody's transaction. A request's answer is queued by `settle`
alone, once it is known what to say and in which message; whoever learns one of the two calls
it. So it does not matter which of them comes first.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from worker.jobs import Cancelled, CancelRequest, OpenRequest, Reason
from worker.ledger import fairness, queue
from worker.ledger.database import Database
from worker.ledger.records import Kind, Request, Verdict, read_request


@dataclass(frozen=True)
class Decision:
    """What the answer will be, and for a sentence its reason and the error's id.

    Verdict None: that is open again.
    """

    verdict: Verdict | None
    reason: Reason | None = None
    error_id: str | None = None


def find(db: Database, request: int) -> Request | None:
    """The request with this id."""
    row = db.execute("SELECT * FROM requests WHERE id = ?", request).fetchone()
    return row and read_request(row)


def get(db: Database, request: int) -> Request:
    """A request that is known to be there."""
    found = find(db, request)
    assert found is not None  # noqa: S101 - jobs refer to requests by a foreign key
    return found


def unanswered(db: Database, download: int | None) -> list[Request]:
    """Who waits for a download."""
    rows = db.execute(
        "SELECT * FROM requests WHERE download = ? AND answered_at IS NULL ORDER BY id", download
    )
    return [read_request(row) for row in rows]


def unanswered_in(db: Database, chat: int | None) -> list[Request]:
    """Who waits in a chat."""
    rows = db.execute(
        "SELECT * FROM requests WHERE chat_id = ? AND answered_at IS NULL ORDER BY id", chat
    )
    return [read_request(row) for row in rows]


def undecided(db: Database, download: int | None) -> list[Request]:
    """Who waits for a download and has neither cancelled nor been told."""
    return [request for request in unanswered(db, download) if request.verdict is None]


def undecided_of(db: Database, downloads: Iterable[int]) -> list[Request]:
    """Who waits for one of these downloads and has neither cancelled nor been told."""
    rows = db.execute(
        "SELECT * FROM requests WHERE download IN (SELECT value FROM json_each(?))"
        " AND answered_at IS NULL AND verdict IS NULL ORDER BY id",
        json.dumps(list(downloads)),
    )
    return [read_request(row) for row in rows]


def open_request(db: Database, effect: OpenRequest, now: float) -> None:
    """Take a link on: a status message is to be posted, and the media provided."""
    request_id = db.insert(
        "requests",
        chat_id=effect.chat_id,
        user_id=effect.user_id,
        message_id=effect.message_id,
        url=effect.url,
        media_key=effect.media_key,
        turn=fairness.next_turn(db, effect.user_id),
        created_at=now,
    )
    queue.add(db, Kind.STATUS, now, request=get(db, request_id))
    provide(db, request_id, now)


def provide(db: Database, request_id: int, now: float) -> None:
    """See to it that a request gets its media: remembered, on disk, on its way, or fetched."""
    request = get(db, request_id)
    key = request.media_key
    remembered = db.value("SELECT 1 FROM media WHERE media_key = ?", key)
    download = None
    if not remembered:
        download = _current_download(db, request) or queue.add(
            db, Kind.DOWNLOAD, now, media_key=key, payload={"url": request.url}
        )
    db.execute(
        "UPDATE requests SET download = ?, downloads = downloads + (? IS NOT NULL) WHERE id = ?",
        download,
        download,
        request_id,
    )
    fairness.charge(db, download)
    is_there = remembered or db.value(
        "SELECT 1 FROM jobs WHERE id = ? AND state = 'done'", download
    )
    decide(db, request_id, Decision(Verdict.MEDIA if is_there else None), now)


def _current_download(db: Database, request: Request) -> int | None:
    """Another person's download of the same media that can be shared."""
    found: int | None = db.value(
        "SELECT id FROM jobs WHERE kind = 'download' AND media_key = ?"
        " AND (state IN ('waiting', 'running')"
        # Files stay on disk while somebody who waits for them is unanswered.
        " OR state = 'done' AND id IN"
        "  (SELECT download FROM requests WHERE answered_at IS NULL AND id != ?))"
        " ORDER BY id DESC LIMIT 1",
        request.media_key,
        request.id,
    )
    return found


def is_on_its_way(db: Database, media_key: str | None) -> bool:
    """Whether media needs no download of its own: it is remembered, or being fetched."""
    return bool(
        db.value(
            "SELECT 1 FROM media WHERE media_key = ?1 UNION ALL SELECT 1 FROM jobs"
            " WHERE kind = 'download' AND media_key = ?1 AND state IN ('waiting', 'running')",
            media_key,
        )
    )


def reopen(db: Database, request: int, now: float) -> None:
    """Begin an answered request anew: another status message, and the media provided."""
    db.execute(
        "UPDATE requests SET answered_at = NULL, verdict = NULL, reason = NULL, error_id = NULL,"
        " status_message_id = NULL, status_messages = 0, downloads = 0 WHERE id = ?",
        request,
    )
    queue.add(db, Kind.STATUS, now, request=get(db, request))
    provide(db, request, now)


def decide(db: Database, request: int, decision: Decision, now: float) -> None:
    """Set what the answer will be."""
    db.execute(
        "UPDATE requests SET verdict = ?, reason = ?, error_id = ? WHERE id = ?",
        decision.verdict,
        decision.reason,
        decision.error_id,
        request,
    )
    settle(db, request, now)


def decide_all(db: Database, download: int, decision: Decision, now: float) -> None:
    """The same answer for everybody who waits for a download and has not cancelled."""
    for request in undecided(db, download):
        decide(db, request.id, decision, now)


def settle(db: Database, request_id: int, now: float) -> None:
    """Queue the answer, if it is known what to say and where, and it is not queued yet."""
    request = get(db, request_id)
    if request.answered_at or request.verdict is None or request.status_message_id is None:
        return
    if not db.value(
        "SELECT 1 FROM jobs WHERE request = ? AND kind IN ('deliver', 'explain')"
        " AND state IN ('waiting', 'running')",
        request_id,
    ):
        kind = Kind.DELIVER if request.verdict is Verdict.MEDIA else Kind.EXPLAIN
        queue.add(db, kind, now, request=request, media_key=request.media_key)


def cancel(db: Database, effect: CancelRequest, now: float) -> tuple[Cancelled, list[int]]:
    """A person pressed Cancel. Returns what came of it, and running jobs to be stopped."""
    request = find(db, effect.request_id)
    if request and request.user_id != effect.user_id:
        return Cancelled.NOT_YOURS, []
    if not request or request.answered_at or request.verdict not in (None, Verdict.MEDIA):
        return Cancelled.TOO_LATE, []
    to_stop = queue.drop_deliveries(db, request.id, now)
    decide(db, request.id, Decision(Verdict.CANCELLED), now)
    return Cancelled.DONE, to_stop + _drop_unwanted(db, request.download, now)


def give_up(db: Database, request: Request, now: float) -> list[int]:
    """There is no way left to answer. Returns running jobs to be stopped."""
    db.execute("UPDATE requests SET verdict = 'unreachable' WHERE id = ?", request.id)
    mark_answered(db, request.id, now)
    return queue.drop_all(db, request.id, now) + _drop_unwanted(db, request.download, now)


def mark_answered(db: Database, request: int, now: float) -> None:
    """The request has its one answer."""
    db.execute("UPDATE requests SET answered_at = ? WHERE id = ?", now, request)


def _drop_unwanted(db: Database, download: int | None, now: float) -> list[int]:
    """Drop a download that nobody waits for any more. Returns it when it must be stopped."""
    waiting = unanswered(db, download)
    if any(request.verdict in (None, Verdict.MEDIA) for request in waiting):
        fairness.charge(db, download)
        return []
    return queue.drop_download(db, download, now)
