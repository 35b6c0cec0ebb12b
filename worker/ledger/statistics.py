"""Figures about the queue, by searches that stay fast with a hundred thousand jobs."""

from collections.abc import Mapping
from dataclasses import dataclass

from worker.clocks import Wall
from worker.errors import Reason
from worker.ledger.database import Database

PACE_S = 600.0
"""Over how long jobs a minute are counted."""

FAILURES_S = 3600.0
"""Over how long failures are counted."""


@dataclass(frozen=True)
class Queue:
    """How many jobs of a pool wait, and for how long the first of them has been due."""

    waiting: int
    oldest_wait_s: float


@dataclass(frozen=True)
class Running:
    """A job in hand. `started_at` is wall time."""

    id: int
    pool: str
    kind: str
    attempt: int
    started_at: float


@dataclass(frozen=True)
class Statistics:
    """Figures of all pools, those without a time in their name of the last hour.

    `answers` counts the links that came to their end with media or with a sentence, `failed`
    those with a sentence, and `outdated` the failures for which yt-dlp is to be updated.
    """

    queues: Mapping[str, Queue]
    running: tuple[Running, ...]
    jobs_per_minute: float
    answers: int
    failed: int
    outdated: int
    created_total: int
    requests_total: int
    ended_total: Mapping[tuple[str, str], int]
    size_bytes: int


def read(db: Database, wall: Wall) -> Statistics:
    """The figures at wall time `wall`."""
    verdicts = dict(
        tuple(row)
        for row in db.execute(
            "SELECT verdict, count(*) FROM requests WHERE answered_at > ? GROUP BY verdict",
            wall - FAILURES_S,
        )
    )
    failed = verdicts.get("sentence", 0)
    return Statistics(
        queues=_queues(db, wall),
        running=tuple(
            Running(*row)
            for row in db.execute(
                # Left alone, SQLite would walk through all jobs that ever ran.
                "SELECT id, pool, kind, attempts, started_at FROM jobs INDEXED BY jobs_running"
                " WHERE state = 'running'"
            )
        ),
        jobs_per_minute=60
        / PACE_S
        * db.value("SELECT count(*) FROM jobs WHERE finished_at > ?", wall - PACE_S),
        answers=failed + verdicts.get("media", 0),
        failed=failed,
        outdated=db.value(
            "SELECT count(*) FROM jobs WHERE state = 'failed' AND finished_at > ? AND reason = ?",
            wall - FAILURES_S,
            Reason.OUTDATED,
        ),
        created_total=_highest_id(db, "jobs"),
        requests_total=_highest_id(db, "requests"),
        ended_total={
            (row["pool"], row["state"]): row["ended"]
            for row in db.execute("SELECT pool, state, ended FROM job_counts")
        },
        size_bytes=db.value("PRAGMA page_count") * db.value("PRAGMA page_size"),
    )


def _queues(db: Database, wall: Wall) -> dict[str, Queue]:
    rows = db.execute(
        "SELECT pool, count(*) AS waiting, min(max(waits_since, not_before)) AS due_since"
        " FROM jobs WHERE state = 'waiting' GROUP BY pool"
    )
    return {row["pool"]: Queue(row["waiting"], max(0.0, wall - row["due_since"])) for row in rows}


def _highest_id(db: Database, table: str) -> int:
    """How many rows a table ever had: ids are never used again."""
    return db.value("SELECT seq FROM sqlite_sequence WHERE name = ?", table) or 0
