"""Removal of old rows, in batches so small that no other transaction waits noticeably."""

from worker.clocks import Wall
from worker.ledger.storage.database import Database

KEPT_S = 30 * 86_400.0
"""How long the ledger keeps what has ended."""

BATCH_ROWS = 200
BATCH_PAGES = 200

MAX_REMEMBERED = 100_000
"""Media that Telegram remembers for us, and links to them: about 100 MB at the most."""

# In this order: a request goes after its jobs, and a download after the requests that refer to
# it. What has become of a list's items is read from their requests until all of them are done.
# `media` is what Telegram remembers for us, and each use renews it.
_REMOVALS = (
    """
    DELETE FROM jobs WHERE id IN (
        SELECT job.id FROM requests JOIN jobs AS job ON job.request_id = requests.id
        WHERE answered_at < ? AND job.finished_at IS NOT NULL LIMIT ?)
    """,
    """
    DELETE FROM requests WHERE id IN (
        SELECT id FROM requests AS request WHERE answered_at < ?
        AND NOT EXISTS (SELECT 1 FROM jobs WHERE request_id = request.id)
        AND NOT EXISTS (SELECT 1 FROM batches WHERE id = request.batch_id AND ended_at IS NULL)
        LIMIT ?)
    """,
    """
    DELETE FROM jobs WHERE id IN (
        SELECT id FROM jobs AS job WHERE finished_at < ? AND request_id IS NULL
        AND NOT EXISTS (SELECT 1 FROM requests WHERE download_id = job.id) LIMIT ?)
    """,
    """
    DELETE FROM panels WHERE id IN (SELECT id FROM panels
        WHERE opened_at < ? AND is_closed LIMIT ?)
    """,
    """
    DELETE FROM batch_items WHERE batch_id IN (
        SELECT id FROM batches WHERE ended_at < ? ORDER BY ended_at LIMIT ?)
    """,
    """
    DELETE FROM batches WHERE id IN (
        SELECT id FROM batches WHERE ended_at < ? AND NOT EXISTS
            (SELECT 1 FROM batch_items WHERE batch_id = batches.id)
        ORDER BY ended_at LIMIT ?)
    """,
    *(
        f"""
        DELETE FROM {table} WHERE rowid IN (
            SELECT rowid FROM {table} WHERE {used_at} < max(?, coalesce(
                (SELECT {used_at} FROM {table} ORDER BY {used_at} DESC LIMIT 1
                OFFSET {MAX_REMEMBERED - 1}), 0)) LIMIT ?)
        """  # noqa: S608 - words of this file
        for table, used_at in (("media", "remembered_at"), ("links", "used_at"))
    ),
)


def remove_batch(db: Database, before: Wall) -> int:
    """Remove some rows of what ended before a time. Returns how many, 0 once none are left."""
    return sum(db.execute(sql, before, BATCH_ROWS).rowcount for sql in _REMOVALS)


def vacuum_batch(db: Database) -> bool:
    """Give some free pages back to the disk. Returns False if there are none."""
    if not db.value("PRAGMA freelist_count"):
        return False
    # The pragma works for as long as its rows are fetched.
    db.execute(f"PRAGMA incremental_vacuum({BATCH_PAGES})").fetchall()
    return True
