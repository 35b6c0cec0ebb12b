"""The file behind the ledger: opened, checked, migrated, and changed in transactions."""

import contextlib
import errno
import os
import shlex
import shutil
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import quote

from worker.clocks import Wall
from worker.errors import PASSING_ERRNOS
from worker.file_owner import account_name, give_to_owner, owner_name
from worker.ledger.storage import earlier, write_ahead_log
from worker.ledger.storage.schema import APPLICATION_ID, MIGRATIONS
from worker.settings import MEBIBYTE
from worker.sites import site_of_link, site_of_url
from worker.whole_files import new_file_beside, reach_disk

SYNCHRONOUS = "FULL"
"""A confirmed update must survive a power cut, so each commit reaches the disk."""

BUSY_S = 5.0
"""How long one connection waits for another's transaction."""

_GIVEN_IDS = "SELECT name, seq FROM sqlite_sequence"

_turn = threading.Lock()
"""Held by the thread of this process that is in a transaction. SQLite would let the others sleep,
up to a tenth of a second at a time, and a thread with many short transactions would overtake them
again and again: updates would wait at Telegram while the dispatcher works."""

_opening = threading.Lock()
_open_databases: "weakref.WeakSet[Database]" = weakref.WeakSet()
"""The open databases of this process, changed by the thread that holds `_opening`."""

# A longer-lived lock, and a machine without room or a working disk, say nothing about the
# file. These are primary codes; the extended ones have more bits (sqlite.org/rescode.html).
_PASSING = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
)

# For a file that is intact, but cannot be opened, or can be opened and not written.
_NOT_OPENED = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


class LedgerError(Exception):
    """The file cannot be used as it is. The text says why, and what to do."""


class LedgerBusy(Exception):
    """The file is locked, or the disk is full. Nothing was changed; try again later."""


class Access(StrEnum):
    """What a connection may do to the file."""

    OWNER = "owner"  # make it and bring it up to date
    WRITE = "write"  # change what is there
    READ = "read"
    COPY = "copy"  # copy all of it, also what an earlier version made


class Database:
    """One connection, for the thread that made it."""

    def __init__(self, path: Path, access: Access = Access.OWNER) -> None:
        """Open, and migrate as the owner. Raises LedgerError or LedgerBusy.

        Nothing is ever overwritten, and only the owner makes a file.
        """
        self.path = path
        self.news: list[Any] = []
        """What transactions have reported. One that is rolled back leaves nothing here."""
        if access is not Access.OWNER and not path.is_file():
            raise LedgerError(f"there is no ledger at {path}; the bot makes one when it starts")
        # A reader too opens it for writing: after a crash it must take over the last commits.
        mode = "rwc" if access is Access.OWNER else "rw"
        with file_errors(path):
            with _opening:
                _refuse_foreign_log(path)
                if any(each.path == path and not each.is_in_place() for each in _open_databases):
                    raise LedgerBusy(_displacement(path))
                self._connection = _connect(path, mode)
                self._file = path.stat()
                _open_databases.add(self)
            try:
                self._set_up(access)
            except BaseException:
                self.close()
                raise

    def _set_up(self, access: Access) -> None:
        self._recognise()
        if access is Access.OWNER:
            self._migrate()
        elif access is not Access.COPY:
            self._refuse_other_versions()
        self.execute(f"PRAGMA synchronous = {SYNCHRONOUS}")
        if access is Access.READ:
            self.execute("PRAGMA query_only = ON")

    def _recognise(self) -> None:
        version = self.value("PRAGMA user_version")
        tables = self.value("SELECT count(*) FROM sqlite_master")
        if tables and self.value("PRAGMA application_id") != APPLICATION_ID:
            raise LedgerError(f"{self.path} is an SQLite file, but not a ledger of this bot")
        if version > len(MIGRATIONS):
            raise LedgerError(
                f"the ledger {self.path} has version {version}, and this bot knows versions up "
                f"to {len(MIGRATIONS)}: run the newer bot that made it, "
                f"{earlier.how_to_go_back(self.path, len(MIGRATIONS))}"
            )

    def _refuse_other_versions(self) -> None:
        version = self.value("PRAGMA user_version")
        if version < len(MIGRATIONS):
            raise LedgerError(
                f"the ledger {self.path} has version {version}, and this program needs "
                f"{len(MIGRATIONS)}: start this version's bot, which brings it up to date"
            )

    def _migrate(self) -> None:
        version = self.value("PRAGMA user_version")
        if not version:
            self.execute("PRAGMA auto_vacuum = INCREMENTAL")
        self.execute("PRAGMA journal_mode = WAL")
        if 0 < version < len(MIGRATIONS):
            self._keep_earlier(version)
        for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
            self._connection.executescript(
                f"BEGIN IMMEDIATE; PRAGMA application_id = {APPLICATION_ID}; {script};"
                f"PRAGMA user_version = {number}; COMMIT;"
            )

    def _keep_earlier(self, version: int) -> None:
        """Keep the ledger as it is before it steps forward, for a bot that goes back."""
        self._require_room()
        path = earlier.path_of(self.path, version)
        with new_file_beside(path) as new:
            self.copy_to(new)
            give_to_owner(new)
            reach_disk(new)
            os.replace(new, path)
            reach_disk(path.parent)
        earlier.remove_old(self.path, before=Wall(0))

    def _require_room(self) -> None:
        """Raise LedgerBusy where a copy would fill the disk, on which others may write as well."""
        pages = self.value("PRAGMA page_count") - self.value("PRAGMA freelist_count")
        needed = pages * self.value("PRAGMA page_size")
        free = shutil.disk_usage(self.path.parent).free
        if free < needed:
            raise LedgerBusy(
                f"{-(-needed // MEBIBYTE)} MB have to be free for a copy of it before this version"
                f" brings it up to date, and {free // MEBIBYTE} MB are"
            )

    def close(self) -> None:
        """Close the connection. Closing the last one merges the log into the file."""
        with _opening:
            self._connection.close()
            _open_databases.discard(self)

    def is_same_file(self, status: os.stat_result) -> bool:
        """Whether a file is the one that was opened, wherever it is now."""
        return os.path.samestat(self._file, status)

    def is_in_place(self) -> bool:
        """Whether the file is still at its path, as far as the disk can say."""
        try:
            return self.is_same_file(self.path.stat())
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            return error.errno != errno.ESTALE

    def copy_to(self, new: Path) -> None:
        """Fill an empty file with all that is there, even if this file has lost its name."""
        with _turn:
            self.execute("VACUUM INTO ?", _uri(new))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit all of the block or nothing.

        Raises LedgerBusy for what may pass by itself, LedgerError for a statement that never works.
        """
        with _turn:
            told = len(self.news)
            if not self.is_in_place():
                # What is written to a file that the next start does not find would be lost.
                raise LedgerBusy(_displacement(self.path))
            try:
                self.execute("BEGIN IMMEDIATE")
                yield
                self.execute("COMMIT")
            except sqlite3.OperationalError as error:
                self._roll_back(told)
                raise _failure(error) from error
            except BaseException:
                self._roll_back(told)
                raise

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read without a transaction, and so without waiting for anybody else's."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise _failure(error) from error

    def _roll_back(self, told: int) -> None:
        del self.news[told:]
        # SQLite has rolled back by itself after some errors, for example a full disk.
        if self._connection.in_transaction:
            self.execute("ROLLBACK")

    def execute(self, sql: str, *parameters: Any, **named: Any) -> sqlite3.Cursor:
        """Run one statement, with parameters for its `?`, or for its `:names`."""
        return self._connection.execute(sql, named or parameters)

    def insert(self, table: str, **values: Any) -> int:
        """Insert a row and return its id. Names are words of the code, never a person's."""
        columns, marks = ", ".join(values), ", ".join("?" * len(values))
        cursor = self.execute(
            f"INSERT INTO {table} ({columns}) VALUES ({marks})",  # noqa: S608 - see above
            *values.values(),
        )
        return cursor.lastrowid or 0

    def value(self, sql: str, *parameters: Any, **named: Any) -> Any:
        """The first column of the first row, or None."""
        row = self.execute(sql, *parameters, **named).fetchone()
        return row and row[0]


def displaced(path: Path) -> list[Database]:
    """The databases that this process has opened at `path`, if their file is no longer there."""
    with _opening:
        opened = [each for each in _open_databases if each.path == path]
    return [each for each in opened if not each.is_in_place()]


def _displacement(path: Path) -> str:
    return f"somebody has replaced or removed {path} while it was open"


def _failure(error: sqlite3.OperationalError) -> LedgerBusy | LedgerError:
    """The error for a failed statement. SQLite's general code means that it fails each time."""
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:
        return LedgerError(f"a statement of the bot cannot work: {error}")
    return LedgerBusy(str(error))


def check_access(path: Path) -> None:
    """Raise LedgerError if this user may not write the ledger, and say who may.

    Raises LedgerBusy for a disk that is read-only, as one is after errors.
    """
    for file in (path, *write_ahead_log.log_files(path)):
        if not file.exists() or os.access(file, os.R_OK | os.W_OK):
            continue
        if os.statvfs(file).f_flag & os.ST_RDONLY:
            raise LedgerBusy(f"{file} is on a file system that is read-only")
        owner, user = file.stat().st_uid, os.geteuid()
        opening = "chmod 600" if owner == user else f"chown {account_name(user) or user}"
        raise LedgerError(
            f"{file} belongs to {owner_name(owner)}, and {owner_name(user)} cannot read and write "
            f"it: {opening} {shlex.quote(str(file))}"
        )


def check_file(path: Path) -> None:
    """Check the whole ledger, without changing it. Raises LedgerError if it is damaged.

    It is opened for reading alone: a connection that may write takes the log into the file when
    it is closed, and a log that belongs to another ledger would damage a backup for good.
    """
    if not path.exists():
        return
    # A log of another ledger may fit well enough for all but a comparison with the indexes.
    # Without a log nothing is made beside the file, for which a full disk may have no room.
    has_log = write_ahead_log.has_log(path)
    mode, pragma = ("ro", "integrity_check") if has_log else ("ro&immutable=1", "quick_check")
    with file_errors(path):
        _refuse_foreign_log(path)
        connection = _connect(path, mode)
        try:
            (damage,) = connection.execute(f"PRAGMA {pragma}(1)").fetchone()
        finally:
            connection.close()
    if damage != "ok":
        raise LedgerError(
            f"the ledger {path} is damaged ({damage}), and nothing was changed: {_help(path)}"
        )


def given_ids(path: Path) -> dict[str, int]:
    """The highest id that each table has given, of a ledger of any version.

    Raises LedgerError or LedgerBusy.
    """
    with file_errors(path):
        _refuse_foreign_log(path)
        with contextlib.closing(_connect(path, "rw")) as connection:
            return dict(connection.execute(_GIVEN_IDS))


def _refuse_foreign_log(path: Path) -> None:
    # To close a file releases all locks that this process has on it (fcntl(2)), SQLite's too. So
    # it is read only while no connection is open, which is also when it matters.
    if not _open_databases and path.exists() and write_ahead_log.has_foreign_log(path):
        raise LedgerError(
            f"the log beside the ledger {path} is that of another one, and nothing was changed: "
            f"{write_ahead_log.how_to_remove(path)}"
        )


def _uri(path: Path) -> str:
    # Its bytes, whatever the locale takes them for: SQLite would want UTF-8. The third slash ends
    # an empty authority, since the path itself may begin with two.
    return f"file://{quote(os.fsencode(path.absolute()))}"


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{_uri(path)}?mode={mode}",
        timeout=BUSY_S,
        # Transactions are begun and ended by statements of this module.
        isolation_level=None,
        # Only `close` is called by another thread, at a stop.
        check_same_thread=False,
        uri=True,
    )
    connection.row_factory = sqlite3.Row
    # Which hosts are one site may change with a new version, so no table says it.
    connection.create_function("site_of_url", 1, site_of_url, deterministic=True)
    connection.create_function("site_of_link", 1, site_of_link, deterministic=True)
    return connection


@contextmanager
def file_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors about a file into LedgerBusy or LedgerError."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _PASSING:
            raise LedgerBusy(f"{error}{_room_left(path)}") from None
        if code in _NOT_OPENED:
            raise _not_opened(path, error) from None
        raise LedgerError(f"the ledger {path} cannot be read ({error}): {_help(path)}") from None


def _room_left(path: Path) -> str:
    """How much room the disk has, if so little that SQLite's error may come from that."""
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(path.parent).free
        if free < MEBIBYTE:
            return f"; the disk has {free // 1024} KB left"
    return ""


def _help(path: Path) -> str:
    if write_ahead_log.has_log(path):
        return f"{write_ahead_log.how_to_remove(path)}; otherwise restore a backup"
    return "restore a backup, or move it away to start afresh"


def _not_opened(path: Path, error: sqlite3.DatabaseError) -> LedgerBusy | LedgerError:
    """The error for a ledger that SQLite cannot open, with the cause, which it does not tell."""
    # If it is open, it was opened a moment ago, and closing it would release the others' locks.
    trouble = None if _open_databases else _trouble_beside(path)
    if trouble is None:
        return LedgerBusy(str(error))
    if trouble.errno in PASSING_ERRNOS:
        return LedgerBusy(f"{error}: {trouble.strerror}{_room_left(path)}")
    return LedgerError(
        f"the ledger {path} cannot be opened, and nothing was changed: "
        f"{trouble.filename}: {trouble.strerror}"
    )


def _trouble_beside(path: Path) -> OSError | None:
    """Why the ledger and its log cannot be opened, or no file can be made beside them."""
    try:
        for file in filter(os.path.lexists, (path, *write_ahead_log.log_files(path))):
            os.close(os.open(file, os.O_RDWR | os.O_CLOEXEC))
        with new_file_beside(path):
            return None
    except OSError as error:
        return error
