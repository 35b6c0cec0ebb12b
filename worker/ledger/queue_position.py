"""Who waits for a download to begin, and how many downloads are before it."""

from worker.ledger.database import Database
from worker.ledger.jobs import DOWNLOADS
from worker.ledger.records import Request, read_request


def places(db: Database, now: float, waited_s: float) -> list[tuple[Request, int]]:
    """Everybody in line who has a status message, with the number of downloads before theirs.

    The order is that of `worker.ledger.queue.take`. Left out is who became due less than
    `waited_s` ago: it may be taken any moment. (The clock may have been set back since.)
    """
    # CROSS JOIN: from the line to its requests. There are many more of those.
    rows = db.execute(
        "SELECT requests.*, ahead FROM"
        " (SELECT id AS job, max(not_before, waits_since) AS due_at,"
        "   row_number() OVER (ORDER BY priority, turn, id) - 1 AS ahead"
        "  FROM jobs WHERE pool = ? AND state = 'waiting' AND (not_before <= ? OR waits_since > ?))"
        " CROSS JOIN requests ON download = job AND answered_at IS NULL"
        " WHERE abs(? - due_at) >= ? AND verdict IS NULL AND status_message_id IS NOT NULL",
        DOWNLOADS,
        now,
        now,
        now,
        waited_s,
    )
    return [(read_request(row), row["ahead"]) for row in rows]
