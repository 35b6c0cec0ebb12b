"""Pages of the menu below an answer: each closes by itself, unless another is opened before.

Each function is part of its caller's transaction.
"""

from dataclasses import replace

from worker.clocks import Wall
from worker.ledger.jobs import queue
from worker.ledger.jobs.jobs import ButtonJob, Kind
from worker.ledger.requests import requests
from worker.ledger.storage.database import Database
from worker.protocol import AnswerButton, as_json
from worker.protocol.choices import MENU_LIFE_S


def note(db: Database, request_id: int, closing: AnswerButton | None, wall: Wall) -> None:
    """Note that a page is about to be shown, and queue the answer `closing` that ends it.

    `closing` is None for the first page, which stays. A page that was to be shown before this one,
    and is not yet, is left out: it would only take its place.
    """
    old_job_id = db.value("SELECT menu_job_id FROM requests WHERE id = ?", request_id)
    queue.drop_button(db, old_job_id, wall)
    queue.show_no_menu(db, request_id)
    until = job_id = None
    if closing:
        until = Wall(wall + MENU_LIFE_S)
        payload = as_json.to_json(closing)
        job_id = queue.add(db, Kind.BUTTON, wall, payload=payload, not_before=until)
    requests.set_menu(db, request_id, until, job_id)


def without_late_menu(job: ButtonJob, wall: Wall) -> ButtonJob:
    """The job of a button, without its menu if the page should have closed by now."""
    if not job.answer.callback_id or wall < job.created_at + MENU_LIFE_S:
        return job
    return replace(job, answer=replace(job.answer, menu=None, list_menu=None))


def has_expired(db: Database, request_id: int, wall: Wall) -> bool:
    """Whether the page that was shown last should have closed by now."""
    ends_at: Wall | None = db.value("SELECT menu_ends_at FROM requests WHERE id = ?", request_id)
    return ends_at is not None and wall >= ends_at
