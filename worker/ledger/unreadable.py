"""Rows that cannot be read: what they are about ends, and all else goes on.

A newer bot may have written them before an older one took its place. The older one would crash
each time it read such a row: the next job in the queue, or one of the requests, batches and
downloads that are under way. So each of those is read once at the start. What has ended is read
only for an update, such as a press on a button below an answer, and then that update fails.

Each function is part of its caller's transaction.
"""

import logging
import sqlite3
from collections.abc import Iterable

from worker.clocks import Wall
from worker.errors import Fault, JobError, Reason, new_error_id
from worker.ledger.choices import looks
from worker.ledger.jobs import job_lookups, queue
from worker.ledger.jobs.job_rows import read_download
from worker.ledger.jobs.jobs import Kind
from worker.ledger.lists import batches
from worker.ledger.records import Verdict, read_batch, read_request
from worker.ledger.requests import awaited_menus, requests
from worker.ledger.requests.requests import Resolution
from worker.ledger.storage.database import Database, LedgerError
from worker.protocol import AnswerButton
from worker.protocol.as_json import to_json
from worker.protocol.effects import CancelRequest, Effect, Press
from worker.protocol.notices import Notice, Topic

log = logging.getLogger(__name__)

ERRORS = (LedgerError, LookupError, TypeError, ValueError)
"""The errors of reading a row that holds something other than what this bot writes."""


def set_aside_all(db: Database, wall: Wall) -> None:
    """End what is under way and cannot be read, at a start, before anything else reads it."""
    _end_requests(db, new_error_id(), wall)
    _forget_presses(db)
    for row in db.execute("SELECT * FROM batches WHERE ended_at IS NULL").fetchall():
        try:
            read_batch(row)
        except ERRORS as error:
            log.error("batch %d ends, for its row cannot be read: %r", row["id"], error)
            batches.abandon(db, row["id"], wall)
    for job_id in job_lookups.ids_under_way(db):
        row = db.execute("SELECT * FROM jobs WHERE id = ?", job_id).fetchone()
        try:
            read_download(row)
        except ERRORS as error:
            set_aside(db, row, error, wall)


def set_aside(db: Database, row: sqlite3.Row, error: Exception, wall: Wall) -> None:
    """Fail a job whose row cannot be read, and tell the people who wait for its media.

    A request that cannot be read either ends without an answer. The operator finds the job among
    the failed ones, and can have it tried again. A job of an unknown kind is dropped.
    """
    error_id = new_error_id()
    failure = JobError(Reason.INTERNAL, Fault.OPERATOR, f"its row cannot be read: {error!r}")
    is_known = row["kind"] in list(Kind)
    noun = Kind(row["kind"]).noun if is_known else "job of an unknown kind"
    log.error("job %d: the %s failed, error %s: %s", row["id"], noun, error_id, failure)
    if not is_known:
        queue.drop(db, row["id"], wall)
        return
    queue.fail(db, row["id"], failure, error_id, "", wall)
    # What follows reads unanswered requests, which can all be read afterwards.
    _end_requests(db, error_id, wall)
    decision = Resolution(Verdict.SENTENCE, Reason.INTERNAL, error_id)
    kind = Kind(row["kind"])
    if kind.is_download:
        requests.decide_all(db, row["id"], decision, wall)
        looks.say_why_not(db, row["id"], Reason.INTERNAL, error_id, wall)
    elif kind.is_upload:
        requests.decide(db, row["request_id"], decision, wall)
    elif kind in (Kind.STATUS, Kind.EXPLAIN):
        # It was the job that would have told its person.
        requests.abandon(db, row["request_id"], error_id, wall)


def fail_update(
    db: Database, job_id: int, asked: Iterable[Effect], error: Exception, wall: Wall
) -> None:
    """Fail an update about something that cannot be read, and answer its press if it is one.

    The operator finds it among the failed jobs.
    """
    error_id = new_error_id()
    failure = JobError(Reason.INTERNAL, Fault.OPERATOR, f"it cannot be recorded: {error!r}")
    log.error("job %d: the update failed, error %s: %s", job_id, error_id, failure, exc_info=error)
    queue.fail(db, job_id, failure, error_id, "", wall)
    for effect in asked:
        match getattr(effect, "press", effect):
            case Press() | CancelRequest() as press:
                notice = Notice(Topic.DEAD_BUTTON)
                answer = AnswerButton(press.callback_id, press.language, notice)
                queue.add(db, Kind.BUTTON, wall, payload=to_json(answer))


def _forget_presses(db: Database) -> None:
    """Forget the presses that wait for a look below answers that cannot be read."""
    rows = db.execute(
        "SELECT * FROM requests WHERE id IN (SELECT request_id FROM awaited_menus)"
    ).fetchall()
    for row in rows:
        try:
            read_request(row)
        except ERRORS as error:
            log.error("the answer to request %d cannot be read: %r", row["id"], error)
            awaited_menus.forget_below(db, row["id"])


def _end_requests(db: Database, error_id: str, wall: Wall) -> None:
    """End the unanswered requests that cannot be read, and so cannot be answered either."""
    for row in db.execute("SELECT * FROM requests WHERE answered_at IS NULL").fetchall():
        try:
            read_request(row)
        except ERRORS as error:
            log.error(
                "request %d ends untold, error %s: its row cannot be read: %r",
                row["id"],
                error_id,
                error,
            )
            requests.abandon(db, row["id"], error_id, wall)
