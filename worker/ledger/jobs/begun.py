"""Which downloads have begun lately, for the pace of their sites.

Part of the caller's transaction.
"""

from worker.clocks import Wall
from worker.ledger.storage.database import Database


def downloads(db: Database, since: Wall) -> list[tuple[str, Wall]]:
    """The links of the downloads that have begun since then, and when; one for each attempt.

    Of several attempts only the time of the last is known; it is taken for all of them.
    """
    rows = db.execute(
        "SELECT payload ->> '$.url' AS url, started_at, attempts FROM jobs"
        " WHERE pool = 'downloads' AND started_at > ? AND (finished_at IS NULL OR finished_at > ?)",
        since,
        since,
    )
    return [(row["url"], row["started_at"]) for row in rows for _ in range(row["attempts"])]
