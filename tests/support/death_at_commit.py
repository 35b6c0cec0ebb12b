"""Kills the main process at a commit of its choice.

DIE_AT_COMMIT=N is SIGKILL at the N-th commit of this life, and DIE_WHEN says at which moment of
it: before, within or after.
"""

import os
import signal
import sqlite3
import threading
from typing import Any, NoReturn

from worker.ledger.storage.database import Database


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def die_at_commit(number: int, moment: str) -> None:
    """Count the commits of all threads, and take part in one."""
    execute = Database.execute
    lock = threading.Lock()
    left = number

    def execute_or_die(
        database: Database, sql: str, *parameters: Any, **named: Any
    ) -> sqlite3.Cursor:
        nonlocal left
        if sql != "COMMIT":
            return execute(database, sql, *parameters, **named)
        with lock:
            left -= 1
            if left:
                return execute(database, sql)
            if moment == "before":
                die()
            if moment == "within":
                # Woken just before, it gets its turn when SQLite lets go of the interpreter to
                # write and to wait for the disk.
                now = threading.Event()
                threading.Thread(target=lambda: (now.wait(), die())).start()
                now.set()
            execute(database, sql)
            die()

    setattr(Database, "execute", execute_or_die)  # noqa: B010 - mypy would want its exact type


if number := os.environ.get("DIE_AT_COMMIT"):
    die_at_commit(int(number), os.environ["DIE_WHEN"])
