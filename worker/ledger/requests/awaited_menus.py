"""The table `awaited_menus`: who has pressed a button and waits for a look.

Each function is part of its caller's transaction.
"""

import sqlite3

from worker.clocks import Wall
from worker.ledger.records import Request
from worker.ledger.storage.database import Database
from worker.protocol.effects import Press


def add(db: Database, job_id: int, request: Request, press: Press, wall: Wall) -> None:
    """Note that a press below the answer to a request waits for what a job finds."""
    db.insert(
        "awaited_menus",
        job_id=job_id,
        request_id=request.id,
        url=request.url,
        callback_id=press.callback_id,
        user_id=press.user_id,
        chat_id=press.chat_id,
        message_id=press.message_id,
        thread_id=request.thread_id,
        language=press.language,
        pressed_at=wall,
    )


def is_awaited(db: Database, job_id: int | None) -> bool:
    """Whether somebody waits for what a job finds."""
    return bool(db.value("SELECT 1 FROM awaited_menus WHERE job_id = ?", job_id))


def count_of(db: Database, user_id: int) -> int:
    """How many menus a person waits for."""
    count: int = db.value("SELECT count(*) FROM awaited_menus WHERE user_id = ?", user_id)
    return count


def forget_of(db: Database, user_id: int) -> list[int]:
    """Forget the menus that a person waits for. Returns the ids of the jobs that look for them."""
    query = "DELETE FROM awaited_menus WHERE user_id = ? RETURNING job_id"
    return sorted({row["job_id"] for row in db.execute(query, user_id).fetchall()})


def forget_below(db: Database, request_id: int) -> None:
    """Forget the menus that are awaited below the answer to a request."""
    db.execute("DELETE FROM awaited_menus WHERE request_id = ?", request_id)


def take(db: Database, job_id: int) -> list[sqlite3.Row]:
    """Remove and return those who wait for a job, in the order of their presses."""
    query = "DELETE FROM awaited_menus WHERE job_id = ? RETURNING *"
    return sorted(db.execute(query, job_id).fetchall(), key=lambda row: row["pressed_at"])
