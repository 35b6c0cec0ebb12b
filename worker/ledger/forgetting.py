"""Delete what is kept about a person, when they ask for it. Parts of the caller's transactions.

The rows of their requests stay without the links, since the limits of links in an hour and a day
are counted by them; they are removed when they are old. A ban stays as well.
"""

from worker.clocks import Wall
from worker.ledger import preferences
from worker.ledger.jobs import queue
from worker.ledger.lists import batches
from worker.ledger.panels import panels
from worker.ledger.requests import cancellation, request_lookups, requests
from worker.ledger.storage.database import Database
from worker.ledger.upkeep import failures
from worker.protocol.effects import Forget

EMPTIED_AT_ONCE = 200
"""How many requests are emptied in one transaction; other transactions wait milliseconds for it."""


def forget(db: Database, effect: Forget, wall: Wall) -> list[int]:
    """Cancel what a person waits for, and delete the rest. Returns ids of running jobs to stop.

    What requests were about is deleted by `step`, some at a time; for a link that is being
    cancelled, after its person has been told.
    """
    batches.drop_all_of(db, effect.user_id)
    to_stop = cancellation.cancel_all_of(db, effect.user_id, wall)
    requests.forget_of(db, effect.user_id)
    batches.forget_of(db, effect.user_id)
    queue.forget_of(db, effect.user_id, wall)
    preferences.forget(db, effect.user_id)
    panels.forget_of(db, effect.user_id, effect.panel_id)
    return to_stop


def step(db: Database) -> None:
    """Delete what some of the forgotten requests were about, with their downloads."""
    found = request_lookups.to_empty(db, EMPTIED_AT_ONCE)
    download_ids = {job_id for job_id in found.values() if job_id is not None}
    queue.forget_downloads(db, download_ids)
    failures.forget_runs(db, download_ids)
    requests.empty(db, found)
