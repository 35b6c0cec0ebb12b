"""The people's side of the ledger: from a link to its one answer.

Each function is a part of somebody's transaction. A request's answer is queued by `settle`
alone, once it is known what to say and in which message; whoever learns one of the two calls
it. So it does not matter which of them comes first.
"""

import json
from dataclasses import dataclass

from worker.errors import Reason
from worker.ledger import fairness, media_cache, queue
from worker.ledger.database import Database
from worker.ledger.jobs import Kind
from worker.ledger.records import Request, Verdict, read_request
from worker.protocol import Cancelled, CancelRequest, OpenRequest


@dataclass(frozen=True)
class Resolution:
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


def open_request(db: Database, effect: OpenRequest, now: float) -> None:
    """Take a link on: a status message is to be posted, and the media provided."""
    media_key = media_cache.key_behind(db, effect.media_key, now)
    if effect.fresh:
        media_cache.forget(db, media_key)
    request_id = db.insert(
        "requests",
        chat_id=effect.chat_id,
        user_id=effect.user_id,
        message_id=effect.message_id,
        url=effect.url,
        media_key=media_key,
        sound_only=effect.sound_only,
        turn=fairness.next_turn(db, effect.user_id),
        created_at=now,
    )
    queue.add(db, Kind.STATUS, now, request=get(db, request_id))
    provide(db, request_id, now, fresh=effect.fresh)


def provide(
    db: Database,
    request_id: int,
    now: float,
    *,
    fresh: bool = False,
    instead_of: int | None = None,
) -> None:
    """See to it that a request gets its media: remembered, on disk, on its way, or fetched.

    The download `instead_of` is not waited for; `fresh` is noted with a new one.
    """
    request = get(db, request_id)
    key = request.media_key
    is_remembered = media_cache.knows(db, key)
    download = None
    if not is_remembered:
        download = _current_download(db, request, instead_of) or queue.add(
            db,
            Kind.DOWNLOAD,
            now,
            media_key=key,
            payload={"url": request.url, "sound_only": request.sound_only, "fresh": fresh},
        )
    db.execute(
        "UPDATE requests SET download = ?, downloads = downloads + (? IS NOT NULL) WHERE id = ?",
        download,
        download,
        request_id,
    )
    fairness.charge(db, download)
    is_there = is_remembered or db.value(
        "SELECT 1 FROM jobs WHERE id = ? AND state = 'done'", download
    )
    decide(db, request_id, Resolution(Verdict.MEDIA if is_there else None), now)


def identify(db: Database, download: int, media_key: str, now: float) -> list[int]:
    """It has turned out what a running download fetches. Returns it when it is to be stopped.

    That is so when the media is remembered, or being fetched by another link: then whoever waits
    for this download gets the media from there.
    """
    job = db.execute("SELECT * FROM jobs WHERE id = ? AND state = 'running'", download).fetchone()
    if job is None or job["media_key"] == media_key:
        return []
    media_cache.connect(db, job["media_key"], media_key, now)
    db.execute("UPDATE jobs SET media_key = ? WHERE id = ?", media_key, download)
    db.execute(
        "UPDATE requests SET media_key = ? WHERE download = ? AND answered_at IS NULL",
        media_key,
        download,
    )
    if json.loads(job["payload"]).get("fresh"):
        media_cache.forget(db, media_key)
    waiting = undecided(db, download)
    if not waiting or not (
        media_cache.knows(db, media_key) or _current_download(db, waiting[0], download)
    ):
        return []
    for request in waiting:
        provide(db, request.id, now, instead_of=download)
    return [download]


def _current_download(db: Database, request: Request, other_than: int | None) -> int | None:
    """A download of the same media that can be shared."""
    found: int | None = db.value(
        "SELECT id FROM jobs WHERE kind = 'download' AND media_key = ?"
        " AND id IS NOT ? AND (state IN ('waiting', 'running')"
        # Files stay on disk while somebody who waits for them is unanswered.
        " OR state = 'done' AND id IN"
        "  (SELECT download FROM requests WHERE answered_at IS NULL AND id != ?))"
        " ORDER BY id DESC LIMIT 1",
        request.media_key,
        other_than,
        request.id,
    )
    return found


def is_on_its_way(db: Database, media_key: str | None) -> bool:
    """Whether media needs no download of its own: it is remembered, or being fetched."""
    return media_cache.knows(db, media_key) or bool(
        db.value(
            "SELECT 1 FROM jobs WHERE kind = 'download' AND media_key = ?"
            " AND state IN ('waiting', 'running')",
            media_key,
        )
    )


def reopen(db: Database, request: int, now: float) -> None:
    """Begin an answered request anew: another status message, and the media provided."""
    db.execute(
        "UPDATE requests SET answered_at = NULL, verdict = NULL, reason = NULL, error_id = NULL,"
        " status_message_id = NULL, status_messages = 0, downloads = 0, sent = '[]' WHERE id = ?",
        request,
    )
    queue.add(db, Kind.STATUS, now, request=get(db, request))
    provide(db, request, now)


def decide(db: Database, request: int, decision: Resolution, now: float) -> None:
    """Set what the answer will be."""
    db.execute(
        "UPDATE requests SET verdict = ?, reason = ?, error_id = ? WHERE id = ?",
        decision.verdict,
        decision.reason,
        decision.error_id,
        request,
    )
    settle(db, request, now)


def decide_all(db: Database, download: int, decision: Resolution, now: float) -> None:
    """The same answer for everybody who waits for a download and has not cancelled."""
    for request in undecided(db, download):
        decide(db, request.id, decision, now)


def settle(db: Database, request_id: int, now: float) -> None:
    """Queue the answer, if it is known what to say and where, and it is not queued yet."""
    request = get(db, request_id)
    if request.answered_at or request.verdict is None or request.status_message_id is None:
        return
    if not db.value(
        "SELECT 1 FROM jobs WHERE request = ? AND kind IN ('group', 'deliver', 'explain')"
        " AND state IN ('waiting', 'running')",
        request_id,
    ):
        kind = _next_step(db, request)
        queue.add(db, kind, now, request=request, media_key=request.media_key)


def _next_step(db: Database, request: Request) -> Kind:
    """What turns into the answer. Of several files the first is the answer, and comes last."""
    if request.verdict is not Verdict.MEDIA:
        return Kind.EXPLAIN
    media = media_cache.media_of(db, request.media_key, request.download)
    beside = len(media.files) - 1 if media else 0
    return Kind.GROUP if len(request.sent) < beside else Kind.DELIVER


def cancel(db: Database, effect: CancelRequest, now: float) -> tuple[Cancelled, list[int]]:
    """A person pressed Cancel. Returns what came of it, and running jobs to be stopped."""
    request = find(db, effect.request_id)
    if request and request.user_id != effect.user_id:
        return Cancelled.NOT_YOURS, []
    if not request or request.answered_at or request.verdict not in (None, Verdict.MEDIA):
        return Cancelled.TOO_LATE, []
    to_stop = queue.drop_deliveries(db, request.id, now)
    decide(db, request.id, Resolution(Verdict.CANCELLED), now)
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
