"""The table `known_failures`: media that lately failed in a way that retrying will not fix.

Each function is part of its caller's transaction.
"""

import json
from dataclasses import dataclass

from worker.clocks import Wall
from worker.errors import Reason
from worker.ledger.storage.database import Database


@dataclass(frozen=True)
class KnownFailure:
    """Why media failed, the error's id, and `languages` as in `worker.errors.JobError`."""

    reason: Reason
    error_id: str
    languages: tuple[str, ...] = ()


def remember(
    db: Database, media_key: str, failure: KnownFailure, keep_s: float, wall: Wall
) -> None:
    """Keep for `keep_s` seconds why media failed, and forget what was kept long enough."""
    db.execute("DELETE FROM known_failures WHERE ends_at < ?", wall)
    db.execute(
        "INSERT OR REPLACE INTO known_failures VALUES (?, ?, ?, ?, ?, ?)",
        media_key,
        failure.reason,
        failure.error_id,
        wall,
        wall + keep_s,
        json.dumps(failure.languages),
    )


def recall(db: Database, media_key: str, wall: Wall) -> KnownFailure | None:
    """Why media failed lately; None when it may be fetched."""
    row = db.execute(
        # The clock may have been set back since a failure.
        "SELECT reason, error_id, languages FROM known_failures"
        " WHERE media_key = ? AND ? BETWEEN failed_at AND ends_at",
        media_key,
        wall,
    ).fetchone()
    if row is None:
        return None
    languages = tuple(json.loads(row["languages"]))
    return KnownFailure(Reason(row["reason"]), row["error_id"], languages)


def forget(db: Database, media_key: str) -> None:
    """Let media be fetched again."""
    db.execute("DELETE FROM known_failures WHERE media_key = ?", media_key)


def forget_all(db: Database) -> None:
    """Let everything be fetched again, with new settings or by a new yt-dlp."""
    db.execute("DELETE FROM known_failures")
