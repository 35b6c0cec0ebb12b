"""How many downloads are before the one that a request waits for."""

import json
from collections.abc import Collection
from dataclasses import dataclass

from worker.clocks import Wall
from worker.ledger.records import Request, read_request
from worker.ledger.storage.database import Database


@dataclass(frozen=True)
class QueuePosition:
    """A request whose download waits to begin, and how many downloads are taken before it.

    `full_site` is its site when that may not be asked for more now; the downloads of such a site
    are a line of their own, since all others pass them.
    """

    request: Request
    download_id: int
    ahead: int
    full_site: str | None = None


def read(
    db: Database, wall: Wall, waited_s: float, full_sites: Collection[str] = ()
) -> list[QueuePosition]:
    """The positions of all requests that have a status message in which to show them.

    The order is that of `worker.ledger.jobs.next_job.find`. Left out are downloads that became due
    less than `waited_s` ago: they may be taken any moment. (The clock may have been set back
    since.)
    """
    # CROSS JOIN: from the line to its requests. There are many more of those.
    rows = db.execute(
        "SELECT requests.*, ahead, full_site FROM (SELECT *,"
        "   row_number() OVER (PARTITION BY full_site ORDER BY priority, turn, job_id) - 1 AS ahead"
        "  FROM (SELECT id AS job_id, max(not_before, waits_since) AS due_at, priority, turn,"
        "    (SELECT value FROM json_each(?) WHERE value = site_of_url(payload ->> '$.url'))"
        "     AS full_site"
        "   FROM jobs"
        "   WHERE pool = 'downloads' AND state = 'waiting'"
        "    AND (not_before <= ? OR waits_since > ?)))"
        " CROSS JOIN requests ON download_id = job_id AND answered_at IS NULL"
        " WHERE abs(? - due_at) >= ? AND verdict IS NULL AND status_message_id IS NOT NULL",
        json.dumps(sorted(full_sites)),
        wall,
        wall,
        wall,
        waited_s,
    )
    return [
        QueuePosition(read_request(row), row["download_id"], row["ahead"], row["full_site"])
        for row in rows
    ]
