"""Queries of the table `jobs`; nothing here changes it.

Each function is part of its caller's transaction.
"""

import sqlite3

from worker.clocks import Wall
from worker.ledger.jobs.job_rows import read_download
from worker.ledger.jobs.jobs import BEGUN_RECORDING, DIRECTORY_SQL, DOWNLOADS_SQL, DownloadJob
from worker.ledger.records import Request
from worker.ledger.storage.database import Database


def find_running(db: Database, job_id: int) -> sqlite3.Row | None:
    """The row of a job if it runs."""
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM jobs WHERE id = ? AND state = 'running'", job_id
    ).fetchone()
    return row


def media_key_of(db: Database, job_id: int) -> str | None:
    """The key of the media that a job is about."""
    found: str | None = db.value("SELECT media_key FROM jobs WHERE id = ?", job_id)
    return found


def is_done(db: Database, job_id: int | None) -> bool:
    return bool(db.value("SELECT 1 FROM jobs WHERE id = ? AND state = 'done'", job_id))


def id_under_way(db: Database, media_key: str | None) -> int | None:
    """The id of the download or look of this media that waits or runs; None without one."""
    found: int | None = db.value(
        "SELECT id FROM jobs WHERE pool = 'downloads' AND media_key = ?"
        " AND state IN ('waiting', 'running') ORDER BY id DESC LIMIT 1",
        media_key,
    )
    return found


def was_fetched(db: Database, media_key: str, since: Wall, until: Wall) -> bool:
    """Whether a download of this media has ended well between two times."""
    return bool(
        db.value(
            "SELECT 1 FROM jobs WHERE pool = 'downloads' AND media_key = ? AND state = 'done'"
            " AND finished_at BETWEEN ? AND ?",
            media_key,
            since,
            until,
        )
    )


def ids_under_way(db: Database) -> list[int]:
    """The ids of all downloads that wait or run."""
    # Two searches by index, as in `has_summary`.
    rows = db.execute(
        f"SELECT id FROM jobs WHERE state = 'running' AND kind IN {DOWNLOADS_SQL}"  # noqa: S608
        " UNION ALL SELECT id FROM jobs WHERE state = 'waiting' AND pool = 'downloads'"
    )
    return [row["id"] for row in rows.fetchall()]


def id_to_share(db: Database, request: Request, other_than_id: int | None) -> int | None:
    """The id of the newest download that a request can share; None when there is none.

    That is one of the same media which waits, runs, or has left its files on disk. The download
    `other_than_id` does not count.
    """
    found: int | None = db.value(
        "SELECT id FROM jobs WHERE pool = 'downloads' AND media_key = ?"
        " AND id IS NOT ? AND (state IN ('waiting', 'running')"
        # Files stay on disk while somebody who waits for them is unanswered.
        " OR state = 'done' AND id IN"
        "  (SELECT download_id FROM requests WHERE answered_at IS NULL AND id != ?))"
        " ORDER BY id DESC LIMIT 1",
        request.media_key,
        other_than_id,
        request.id,
    )
    return found


def has_answer(db: Database, request_id: int) -> bool:
    """Whether a job that answers a request waits or runs."""
    return bool(
        db.value(
            "SELECT 1 FROM jobs WHERE request_id = ? AND kind IN ('group', 'deliver', 'explain')"
            " AND state IN ('waiting', 'running')",
            request_id,
        )
    )


def has_status(db: Database, request_id: int) -> bool:
    """Whether the status message of a request is still to be posted."""
    return bool(
        db.value(
            "SELECT 1 FROM jobs WHERE request_id = ? AND kind = 'status'"
            " AND state IN ('waiting', 'running')",
            request_id,
        )
    )


def has_summary(db: Database, batch_id: int) -> bool:
    """Whether the summary of a batch is still to be posted or edited."""
    # Two searches by index: with an OR between them every job would be looked at.
    return bool(
        db.value(
            "SELECT 1 FROM jobs WHERE state = 'running' AND kind = 'summary'"
            " AND payload ->> '$.batch_id' = :id"
            " UNION ALL SELECT 1 FROM jobs WHERE state = 'waiting' AND pool = 'telegram'"
            " AND kind = 'summary' AND payload ->> '$.batch_id' = :id",
            id=batch_id,
        )
    )


def waiting_downloads(db: Database) -> list[DownloadJob]:
    """All downloads that wait, due or not."""
    rows = db.execute("SELECT * FROM jobs WHERE pool = 'downloads' AND state = 'waiting'")
    return [read_download(row) for row in rows]


def live_directories(db: Database) -> set[str]:
    """The names of the download directories that are needed, see `download_directory`."""
    # Searches by index: with an OR between them every job would be looked at.
    rows = db.execute(
        f"SELECT {DIRECTORY_SQL} AS name FROM jobs WHERE state = 'running'"  # noqa: S608
        f"  AND kind IN {DOWNLOADS_SQL}"
        f" UNION SELECT {DIRECTORY_SQL} FROM jobs WHERE id IN"
        "  (SELECT download_id FROM requests WHERE answered_at IS NULL) AND state = 'done'"
        f" UNION SELECT {DIRECTORY_SQL} FROM jobs WHERE state = 'waiting' AND pool = 'downloads'"
        "  AND priority = ? AND kind = 'recording'",
        BEGUN_RECORDING,
    )
    return {row["name"] for row in rows}
