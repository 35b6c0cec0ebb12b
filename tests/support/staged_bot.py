"""The real `bot.py`, with its workers' start method and the moment of its death to choose.

START_METHOD is multiprocessing's word. HOSTILE names a module that the main process and its fork
server import first. DIE_AT_COMMIT=N is SIGKILL at the N-th commit of this
life, and DIE_WHEN says at which moment of it: before, within or after.
"""

import importlib
import multiprocessing
import os
import signal
import sqlite3
import sys
import threading
from typing import Any, NoReturn

import bot
from worker.ledger.database import Database


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


if __name__ == "__main__":
    context = multiprocessing.get_context(os.environ["START_METHOD"])
    vars(multiprocessing)["get_context"] = lambda _method: context
    if hostile := os.environ.get("HOSTILE"):
        importlib.import_module(hostile)
        bot.PRELOAD = [hostile]
    if number := os.environ.get("DIE_AT_COMMIT"):
        die_at_commit(int(number), os.environ["DIE_WHEN"])
    sys.exit(bot.main(sys.argv[1:]))
