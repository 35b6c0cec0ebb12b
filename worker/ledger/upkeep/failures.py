"""Jobs that failed for good, as the operator sees them, and how they are tried again.

Also the table `runs`: what the last attempt of a download used.

Each function is part of its caller's transaction.
"""

import json
import re
import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from worker.clocks import Wall
from worker.ledger.jobs import job_lookups, queue
from worker.ledger.jobs.jobs import Kind
from worker.ledger.records import Verdict
from worker.ledger.requests import known_failures, media_cache, requests
from worker.ledger.storage.database import Database
from worker.sites import site_of_link


@dataclass(frozen=True)
class LastAttempt:
    """What the last attempt of a download used: seconds, bytes, and the end of its log."""

    attempt: int
    run_s: float
    cpu_s: float
    peak_bytes: int
    log: str
    passed_bytes: int | None


@dataclass(frozen=True)
class FailedJob:
    """A job that failed for good. `detail` is the error and its traceback."""

    id: int
    kind: Kind
    attempts: int
    failed_at: Wall
    created_at: Wall
    url: str
    reason: str
    fault: str
    error_id: str
    detail: str
    run: LastAttempt | None


@dataclass(frozen=True)
class FailedGroup:
    """The failed jobs of one site with one reason. `newest` is the id of the last one."""

    site: str
    reason: str
    jobs: int
    last_failed_at: Wall
    newest: int


@dataclass(frozen=True)
class FailureFilter:
    """Which failed jobs are meant: those that match every field that is not None."""

    site: str | None = None
    reason: str | None = None
    since: Wall | None = None


ANY = FailureFilter()


class NotRetried(Exception):
    """A failed job that cannot be tried again; the text says why."""


# The payload of an update may be what SQLite does not take for JSON.
_URL = "coalesce(iif(job.pool = 'downloads', job.payload ->> '$.url', request.url), '')"
_FAILED = """
    FROM jobs AS job LEFT JOIN requests AS request ON request.id = job.request_id
        LEFT JOIN runs AS run ON run.job_id = job.id
    WHERE job.state = 'failed'
"""
_LIKE = f"""
    AND (:site IS NULL OR :site IN (site_of_link({_URL}), site_of_url({_URL})))
    AND (:reason IS NULL OR job.reason = :reason)
    AND (:since IS NULL OR job.finished_at >= :since)
"""
_COLUMNS = f"""
    SELECT job.id, job.kind, job.attempts, job.finished_at, job.created_at,
        {_URL} AS url,
        coalesce(job.reason, '') AS reason, coalesce(job.fault, '') AS fault,
        coalesce(job.error_id, '') AS error_id, coalesce(job.detail, '') AS detail,
        run.attempt, run.run_s, run.cpu_s, run.peak_bytes, run.log,
        run.passed_bytes
    {_FAILED}
"""

_WAITING_FOR_DOWNLOAD = (
    "SELECT id, verdict, answered_at, is_forgotten FROM requests WHERE download_id = ?"
)
_WAITING_FOR_JOB = (
    "SELECT id, verdict, answered_at, is_forgotten FROM requests"
    " WHERE id = (SELECT request_id FROM jobs WHERE id = ?)"
)
_TOLD = (Verdict.SENTENCE, Verdict.UNREACHABLE)


def groups(db: Database, like: FailureFilter = ANY) -> list[FailedGroup]:
    """Failed jobs by site and reason, the largest group first."""
    found: dict[tuple[str, str], FailedGroup] = {}
    for row in db.execute(
        f"SELECT {_URL} AS url, coalesce(job.reason, '') AS reason, count(*) AS jobs,"
        f" max(job.finished_at) AS last_failed_at, job.id {_FAILED} {_LIKE} GROUP BY 1, 2",
        **asdict(like),
    ):
        site, reason = site_of_link(row["url"]), row["reason"]
        group = FailedGroup(site, reason, row["jobs"], row["last_failed_at"], row["id"])
        if before := found.get((site, reason)):
            last = max(before, group, key=lambda each: (each.last_failed_at, each.newest))
            group = replace(last, jobs=before.jobs + group.jobs)
        found[site, reason] = group
    return sorted(found.values(), key=lambda group: (-group.jobs, -group.last_failed_at))


def newest(db: Database, limit: int, like: FailureFilter = ANY) -> list[FailedJob]:
    """The jobs that failed last, the newest first."""
    sql = f"{_COLUMNS} {_LIKE} ORDER BY job.finished_at DESC, job.id DESC LIMIT :limit"
    return _read(db, sql, **asdict(like), limit=limit)


def ids(db: Database, like: FailureFilter) -> list[int]:
    """The ids of failed jobs, in the order in which they failed and are tried again."""
    rows = db.execute(
        f"SELECT job.id {_FAILED} {_LIKE} ORDER BY job.finished_at, job.id", **asdict(like)
    )
    return [row["id"] for row in rows]


def find(db: Database, name: str) -> FailedJob | None:
    """A failed job by its own id or by the id that the person was told."""
    # An error id may consist of digits alone; a job's id is meant first, if SQLite could have it.
    may_be_id = re.fullmatch("[0-9]{1,18}", name)
    found = _read(db, f"{_COLUMNS} AND job.id = :id", id=int(name)) if may_be_id else []
    found = found or _read(db, f"{_COLUMNS} AND job.error_id = :id", id=name.lower())
    return found[0] if found else None


def _read(db: Database, sql: str, **parameters: Any) -> list[FailedJob]:
    return [
        FailedJob(
            id=row["id"],
            kind=Kind(row["kind"]),
            attempts=row["attempts"],
            failed_at=row["finished_at"],
            created_at=row["created_at"],
            url=row["url"],
            reason=row["reason"],
            fault=row["fault"],
            error_id=row["error_id"],
            detail=row["detail"],
            run=_read_last_attempt(row),
        )
        for row in db.execute(sql, **parameters)
    ]


def _read_last_attempt(row: sqlite3.Row) -> LastAttempt | None:
    if row["attempt"] is None:
        return None
    return LastAttempt(**{name: row[name] for name in LastAttempt.__dataclass_fields__})


def retry(db: Database, job: FailedJob, wall: Wall) -> None:
    """Try a failed job again, with all its attempts.

    People who were told that it failed get a new status message, which becomes the one answer
    of this second run; what they were told stays in the chat. Raises NotRetried when everybody
    has cancelled or wanted to be forgotten, and while somebody is still being told of the failure.
    """
    waiting = _WAITING_FOR_DOWNLOAD if job.kind.is_download else _WAITING_FOR_JOB
    rows = db.execute(waiting, job.id).fetchall()
    requests_of = [row for row in rows if not row["is_forgotten"]]
    if rows and not requests_of:
        raise NotRetried("its link was forgotten, because its person wanted that")
    if any(row["answered_at"] is None and row["verdict"] for row in requests_of):
        raise NotRetried("somebody is just being told that it failed; try again in a moment")
    answered_ids = [
        row["id"] for row in requests_of if row["verdict"] in _TOLD and row["answered_at"]
    ]
    if job.kind.is_download or answered_ids:
        if not answered_ids:
            raise NotRetried("nobody waits for it any more")
        _retry_for(db, job, answered_ids, wall)
    else:
        queue.start_over(db, job.id, wall)


def _retry_for(db: Database, job: FailedJob, request_ids: Iterable[int], wall: Wall) -> None:
    if job.kind.is_download:
        # It is found and shared like anybody's download, unless there is a better one by now.
        key = job_lookups.media_key_of(db, job.id)
        if media_cache.knows(db, key, wall) or job_lookups.id_under_way(db, key):
            queue.drop(db, job.id, wall)
        else:
            queue.start_over(db, job.id, wall)
    else:
        # What was to be done with the old status message is done with the new one.
        queue.drop(db, job.id, wall)
    for request_id in request_ids:
        requests.reopen(db, request_id, wall)


def forget(db: Database, job_id: int) -> None:
    """Remove a failed job and all that was noted of it; its media may be fetched again."""
    if media_key := job_lookups.media_key_of(db, job_id):
        known_failures.forget(db, media_key)
    requests.forget_download(db, job_id)
    queue.remove_failed(db, job_id)


def forget_runs(db: Database, job_ids: Collection[int]) -> None:
    """Delete what attempts at some downloads have used and logged, as `queue.forget_downloads`."""
    db.execute(
        "DELETE FROM runs WHERE job_id IN (SELECT value FROM json_each(?)) AND NOT EXISTS"
        " (SELECT 1 FROM requests WHERE download_id = runs.job_id AND NOT is_forgotten)",
        json.dumps(list(job_ids)),
    )


def remember_run(db: Database, job_id: int, run: LastAttempt) -> None:
    """Keep what the last attempt of a download used, in place of the one before."""
    db.execute(
        "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)",
        job_id,
        run.attempt,
        run.run_s,
        run.cpu_s,
        run.peak_bytes,
        run.log,
        run.passed_bytes,
    )
