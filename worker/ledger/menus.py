"""The menus of commands that Telegram was told last, and the job that tells it others.

Each function is part of its caller's transaction.
"""

from collections.abc import Collection

from worker.clocks import Wall
from worker.ledger.jobs import queue
from worker.ledger.jobs.jobs import Kind, MenusJob
from worker.ledger.storage import state
from worker.ledger.storage.database import Database
from worker.protocol import SetMenus
from worker.protocol.as_json import to_json

_NAME = "menus"


def want(db: Database, fingerprint: str, admins: Collection[int], wall: Wall) -> None:
    """Queue a job that tells Telegram the menus, if they are not those that it was told last."""
    queue.drop_menus(db, wall)
    told = state.document(db, _NAME)
    if told.get("fingerprint") != fingerprint:
        task = SetMenus(fingerprint, tuple(sorted(admins)), tuple(told.get("admins", ())))
        queue.add(db, Kind.MENUS, wall, payload=to_json(task))


def finish(db: Database, job: MenusJob, wall: Wall) -> None:
    """Note that Telegram was told the menus of a job."""
    queue.finish(db, job.id, wall)
    told = {"fingerprint": job.task.fingerprint, "admins": job.task.admins}
    state.put_document(db, _NAME, told)
