"""What is kept of a person, deleted at their wish. A part of somebody's transaction.

What stays are numbers: the rows of requests without their links, by which the limits of links an
hour and a day are counted, and which go with all that is old. A ban stays as well.
"""

from worker.clocks import Wall
from worker.effects import Forget
from worker.ledger import batches, cancellation, failures, panels, preferences, queue, requests
from worker.ledger.database import Database


def forget(db: Database, effect: Forget, wall: Wall) -> list[int]:
    """Cancel what a person waits for, and delete the rest. Returns ids of running jobs to stop.

    A link that is being cancelled is deleted once that has been told.
    """
    batches.drop_all_of(db, effect.user_id)
    to_stop = cancellation.cancel_all_of(db, effect.user_id, wall)
    requests.forget_of(db, effect.user_id)
    batches.forget_of(db, effect.user_id)
    queue.forget_of(db, effect.user_id)
    failures.forget_runs_of(db, effect.user_id)
    preferences.forget(db, effect.user_id)
    panels.forget_of(db, effect.user_id, effect.panel_id)
    return to_stop
