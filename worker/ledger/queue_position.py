"""How many downloads are before the one that a request waits for."""

from dataclasses import dataclass

from worker.clocks import Wall
from worker.ledger.database import Database
from worker.ledger.jobs import DOWNLOADS
from worker.ledger.records import Request, read_request


@dataclass(frozen=True)
class QueuePosition:
    """A request whose download waits to begin, and how many downloads are taken before it."""

    request: Request
    download_id: int
    ahead: int


def read(db: Database, wall: Wall, waited_s: float) -> list[QueuePosition]:
    """The positions of all requests that have a status message to be shown theirs in.

    The order is that of `worker.ledger.queue.take`. Left out are downloads that became due less
    than `waited_s` ago: they may be taken any moment. (The clock may have been set back since.)
    """
    # CROSS JOIN: from the line to its requests. There are many more of those.
    rows = db.execute(
        "SELECT requests.*, ahead FROM"
        " (SELECT id AS job_id, max(not_before, waits_since) AS due_at,"
        "   row_number() OVER (ORDER BY priority, turn, id) - 1 AS ahead"
        "  FROM jobs WHERE pool = ? AND state = 'waiting' AND (not_before <= ? OR waits_since > ?))"
        " CROSS JOIN requests ON download_id = job_id AND answered_at IS NULL"
        " WHERE abs(? - due_at) >= ? AND verdict IS NULL AND status_message_id IS NOT NULL",
        DOWNLOADS,
        wall,
        wall,
        wall,
        waited_s,
    )
    return [QueuePosition(read_request(row), row["download_id"], row["ahead"]) for row in rows]
