"""Jobs whose rows cannot be read: they fail, and all others go on.

A newer bot may have written them before an older one took its place again. Without this the next
job in line would end the bot, at each start. Each function is part of its caller's transaction.
"""

import logging
import secrets
import sqlite3

from worker.clocks import Wall
from worker.errors import Fault, JobError, Reason
from worker.ledger.choices import looks
from worker.ledger.jobs import queue
from worker.ledger.jobs.jobs import Kind
from worker.ledger.records import Verdict
from worker.ledger.requests import requests
from worker.ledger.requests.requests import Resolution
from worker.ledger.storage.database import Database, LedgerError

log = logging.getLogger(__name__)

ERRORS = (LedgerError, LookupError, TypeError, ValueError)
"""What reading a row raises that holds something else than this bot writes."""


def set_aside(db: Database, row: sqlite3.Row, error: Exception, wall: Wall) -> None:
    """Fail a job, and tell whoever waits for a download or for its media.

    The operator finds it among the failed jobs, and can have it tried again. One of a kind that is
    not known is dropped.
    """
    error_id = secrets.token_hex(3)
    failure = JobError(Reason.INTERNAL, Fault.OPERATOR, f"its row cannot be read: {error!r}")
    log.error("job %d: the %s failed, error %s: %s", row["id"], row["kind"], error_id, failure)
    if row["kind"] not in list(Kind):
        queue.drop(db, row["id"], wall)
        return
    queue.fail(db, row["id"], failure, error_id, "", wall)
    decision = Resolution(Verdict.SENTENCE, Reason.INTERNAL, error_id)
    match row["kind"]:
        case Kind.DOWNLOAD | Kind.LOOK | Kind.RECORDING:
            requests.decide_all(db, row["id"], decision, wall)
            looks.say_why_not(db, row["id"], Reason.INTERNAL, error_id, wall)
        case Kind.GROUP | Kind.DELIVER:
            requests.decide(db, row["request_id"], decision, wall)
