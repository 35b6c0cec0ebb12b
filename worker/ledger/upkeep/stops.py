"""The operator's orders to end downloads, kept until the dispatcher has carried them out.

Each function is part of its caller's transaction.
"""

from worker.clocks import Wall
from worker.errors import Reason
from worker.ledger.choices import looks
from worker.ledger.jobs import queue
from worker.ledger.records import Verdict
from worker.ledger.requests import requests
from worker.ledger.requests.requests import Resolution
from worker.ledger.storage import state
from worker.ledger.storage.database import Database

_NAME = "stops"


def order(db: Database, job_id: int) -> bool:
    """Order the end of a download. Returns False if there is none, or it has ended already."""
    is_there = db.value(
        "SELECT 1 FROM jobs WHERE id = ? AND pool = 'downloads'"
        " AND state IN ('waiting', 'running')",
        job_id,
    )
    if is_there:
        state.put_document(db, _NAME, {"jobs": sorted({*job_ids(db), job_id})})
    return bool(is_there)


def job_ids(db: Database) -> list[int]:
    """The ids of the downloads that are to end."""
    return list(state.document(db, _NAME).get("jobs", []))


def carry_out(db: Database, job_id: int, wall: Wall) -> list[int]:
    """Tell everybody who waits for a download that it ends. Returns the ids of jobs to stop."""
    requests.decide_all(db, job_id, Resolution(Verdict.SENTENCE, Reason.STOPPED), wall)
    looks.say_why_not(db, job_id, Reason.STOPPED, "", wall)
    state.put_document(db, _NAME, {"jobs": [each for each in job_ids(db) if each != job_id]})
    return queue.drop_download(db, job_id, wall)
