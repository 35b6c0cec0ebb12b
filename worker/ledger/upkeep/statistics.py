"""Statistics of the queue, by searches that stay fast with a hundred thousand jobs."""

import collections
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from worker.clocks import Wall
from worker.errors import Reason, Remedy
from worker.ledger.requests import answers
from worker.ledger.requests.answers import AnswerCount, AnswerTimes
from worker.ledger.storage.database import Database
from worker.ledger.upkeep import past, pause
from worker.sites import site_of_link

PACE_S = 600.0
"""The time over which jobs a minute are counted."""

FAILURES_S = 3600.0
"""The time over which failures are counted."""

BLOCKED_S = 86_400.0
"""The time for which a site counts as one that turns this machine away."""

_TURNED_AWAY = (Reason.BLOCKED_HERE, Reason.SITE_BUSY)

REFUSED_S = 86_400.0
"""The time over which messages are counted that Telegram would not take."""


@dataclass(frozen=True)
class QueueStatistics:
    """How many jobs of a pool wait, and for how long the first of them has been due."""

    waiting: int
    oldest_wait_s: float


@dataclass(frozen=True)
class RunningStatistics:
    """A running job."""

    id: int
    pool: str
    kind: str
    attempt: int
    started_at: Wall


@dataclass(frozen=True)
class Statistics:
    """Statistics of all pools; where nothing else is said, of the last hour.

    `answers` counts the links that came to their end with media or with a sentence, and `failed`
    those whose sentence is not the link's or its chat's own affair, by site and reason. `outdated`
    counts by site the downloads for which yt-dlp is to be updated, and `blocked` the links of the
    last day for which this machine was turned away; `remedies` are what may help against that, as
    of the last such link. `refused` are the messages of the last day that were given up because
    Telegram failed again and again. `paced` counts the downloads that wait for each of the sites
    that may not be asked for more, the longest line first. `paused_since` is when the operator's
    pause began, if there is one.
    """

    queues: Mapping[str, QueueStatistics]
    running: tuple[RunningStatistics, ...]
    jobs_per_minute: float
    answers: int
    failed: Mapping[tuple[str, Reason], int]
    outdated: Mapping[str, int]
    blocked: Mapping[str, int]
    remedies: Mapping[str, Remedy]
    refused: int
    paced: Mapping[str, int]
    paused_since: Wall | None
    created_total: int
    requests_total: int
    ended_total: Mapping[tuple[str, str], int]
    size_bytes: int
    answers_total: tuple[AnswerCount, ...]
    answer_times: tuple[AnswerTimes, ...]


def read(db: Database, wall: Wall, full_sites: Collection[str] = ()) -> Statistics:
    """The figures at wall time `wall`; `full_sites` are as in `fairness.RunningLimits`."""
    verdicts = dict(
        tuple(row)
        for row in db.execute(
            "SELECT verdict, count(*) FROM requests WHERE answered_at > ? GROUP BY verdict",
            wall - FAILURES_S,
        )
    )
    return Statistics(
        queues=_queues(db, wall),
        running=tuple(
            RunningStatistics(*row)
            for row in db.execute(
                # Left alone, SQLite would walk through all jobs that ever ran.
                "SELECT id, pool, kind, attempts, started_at FROM jobs INDEXED BY jobs_running"
                " WHERE state = 'running'"
            )
        ),
        jobs_per_minute=60
        / PACE_S
        * db.value("SELECT count(*) FROM jobs WHERE finished_at > ?", wall - PACE_S),
        answers=verdicts.get("sentence", 0) + verdicts.get("media", 0),
        failed=_failed(db, Wall(wall - FAILURES_S)),
        outdated=_outdated(db, Wall(wall - FAILURES_S)),
        blocked=_blocked(db, Wall(wall - BLOCKED_S)),
        remedies=_remedies(db, Wall(wall - BLOCKED_S)),
        refused=db.value(
            "SELECT count(*) FROM jobs WHERE state = 'failed' AND finished_at > ? AND reason = ?",
            wall - REFUSED_S,
            Reason.TELEGRAM_FAILS,
        ),
        paced=_paced(db, full_sites),
        paused_since=pause.since(db),
        created_total=_highest_id(db, "jobs"),
        requests_total=_highest_id(db, "requests"),
        ended_total={
            (row["pool"], row["state"]): row["ended"]
            for row in db.execute("SELECT pool, state, ended FROM job_counts")
        },
        size_bytes=db.value("PRAGMA page_count") * db.value("PRAGMA page_size"),
        answers_total=answers.counts(db),
        answer_times=answers.times(db),
    )


def _failed(db: Database, since: Wall) -> Mapping[tuple[str, Reason], int]:
    failed = past.failures(db, since)
    return {key: links for key, links in failed.items() if not past.is_links_own(key[1])}


def _outdated(db: Database, since: Wall) -> Mapping[str, int]:
    rows = db.execute(
        "SELECT payload ->> '$.url' AS url FROM jobs"
        " WHERE state = 'failed' AND finished_at > ? AND reason = ?",
        since,
        Reason.OUTDATED,
    )
    counts = collections.Counter(site_of_link(row["url"] or "") for row in rows)
    return dict(counts.most_common())


def _blocked(db: Database, since: Wall) -> Mapping[str, int]:
    counts: collections.Counter[str] = collections.Counter()
    for (site, reason), links in past.failures(db, since).items():
        if reason in _TURNED_AWAY:
            counts[site] += links
    return dict(counts.most_common())


def _remedies(db: Database, since: Wall) -> Mapping[str, Remedy]:
    rows = db.execute(
        "SELECT request.url, job.remedy, max(job.finished_at) AS failed_at"
        " FROM requests AS request JOIN jobs AS job ON job.id = request.download_id"
        " WHERE answered_at > ? AND verdict = 'sentence' AND request.reason IN (?, ?)"
        " AND remedy IS NOT NULL GROUP BY url, remedy ORDER BY failed_at",
        since,
        *_TURNED_AWAY,
    )
    return {
        site_of_link(row["url"]): Remedy(row["remedy"])
        for row in rows
        if row["remedy"] in list(Remedy)
    }


def _queues(db: Database, wall: Wall) -> dict[str, QueueStatistics]:
    rows = db.execute(
        "SELECT pool, count(*) AS waiting, min(max(waits_since, not_before)) AS due_since"
        " FROM jobs WHERE state = 'waiting'"
        # A button that will close a menu by itself keeps nobody waiting.
        " AND NOT (not_before > ? AND (kind IN ('panel edit', 'button')"
        # Nor does a person who waits for a stream to start wait for the bot.
        "  OR kind = 'look' AND payload ->> '$.form' = 'start')) GROUP BY pool",
        wall,
    )
    return {
        row["pool"]: QueueStatistics(row["waiting"], max(0.0, wall - row["due_since"]))
        for row in rows
    }


def _paced(db: Database, full_sites: Collection[str]) -> dict[str, int]:
    if not full_sites:
        return {}
    rows = db.execute(
        "SELECT site_of_url(payload ->> '$.url') AS site, count(*) AS links FROM jobs"
        " WHERE pool = 'downloads' AND state = 'waiting'"
        " AND site IN (SELECT value FROM json_each(?)) GROUP BY site ORDER BY links DESC, site",
        json.dumps(list(full_sites)),
    )
    return {row["site"]: row["links"] for row in rows}


def _highest_id(db: Database, table: str) -> int:
    """How many rows a table ever had: ids are never used again."""
    return db.value("SELECT seq FROM sqlite_sequence WHERE name = ?", table) or 0
