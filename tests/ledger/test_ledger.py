"""The ledger: what survives, what is refused, and which job is claimed."""

import contextlib
import os
import shlex
import sqlite3
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.ledger_kit import ERROR, START, a_file, a_link, claim, post, send
from worker.clocks import Wall
from worker.file_owner import owner_name
from worker.form import SOUND
from worker.ledger import (
    TELEGRAM,
    DeliverJob,
    DownloadJob,
    Ledger,
    LedgerBusy,
    LedgerError,
    StatusJob,
    UpdateJob,
    check_access,
    check_file,
)
from worker.ledger.jobs.next_job import ClaimRules
from worker.ledger.jobs.queue import MAX_REFUNDS
from worker.ledger.storage import database
from worker.ledger.storage.schema import MIGRATIONS
from worker.ledger.upkeep.upkeep import Upkeep
from worker.processes.process_table import Identity

# ----------------------------------------------------------------------------------- the file


def test_offset_and_updates_survive(ledger_file: Path) -> None:
    ledger = Ledger(ledger_file)
    assert ledger.offset() == 0
    ledger.record_updates([{"update_id": 5}, {"update_id": 6}], START)
    ledger.close()
    again = Ledger(ledger_file)
    assert again.offset() == 7
    assert claim(again, UpdateJob).update == {"update_id": 5}
    again.close()


@pytest.mark.parametrize("slashes", ["", "/"])
def test_directory_of_the_ledger_may_have_any_name(tmp_path: Path, slashes: str) -> None:
    directory = tmp_path / "50% of #1?mode=ro ä"
    directory.mkdir()
    # Two slashes at the beginning come of a directory below one that is set to "/".
    ledger_file = Path(f"{slashes}{directory}/ledger.sqlite3")
    Ledger(ledger_file).close()
    check_file(ledger_file)
    assert (directory / "ledger.sqlite3").is_file()


def test_update_that_comes_twice_is_handled_once(ledger: Ledger) -> None:
    ledger.record_updates([{"update_id": 5}], START)
    ledger.record_updates([{"update_id": 5}, {"update_id": 4}], START)
    assert ledger.offset() == 6
    assert [claim(ledger, UpdateJob).update["update_id"] for _ in range(2)] == [5, 4]
    assert ledger.claim(TELEGRAM, START) is None


def test_offset_follows_ids_that_telegram_chooses_anew(ledger: Ledger) -> None:
    ledger.record_updates([{"update_id": 900}], START)
    ledger.record_updates([{"update_id": 31}, {"update_id": 30}], START)
    assert ledger.offset() == 32
    ledger.record_updates([], START)
    assert ledger.offset() == 32


def test_every_version_is_migrated_forward(ledger_file: Path) -> None:
    for version in range(len(MIGRATIONS)):
        ledger_file.unlink(missing_ok=True)
        connection = sqlite3.connect(ledger_file)
        connection.execute("PRAGMA synchronous = OFF")
        if version:
            connection.execute("PRAGMA application_id = 1179927113")
            connection.executescript("".join(MIGRATIONS[:version]))
            connection.execute(f"PRAGMA user_version = {version}")
        connection.close()
        ledger = Ledger(ledger_file)
        ledger.record_updates([{"update_id": 1}], START)
        ledger.close()


def test_ids_keep_their_rows_when_their_columns_are_renamed(ledger_file: Path) -> None:
    connection = sqlite3.connect(ledger_file)
    connection.execute("PRAGMA application_id = 1179927113")
    connection.executescript("".join(MIGRATIONS[:4]))
    connection.executescript(
        """
        INSERT INTO jobs (kind, pool, priority, state, payload, media_key, created_at,
            waits_since, not_before) VALUES ('download', 'downloads', 6, 'waiting',
            '{"url": "https://a.example/v", "sound_only": true, "fresh": false}', 'key', 0, 0, 0);
        INSERT INTO requests (chat_id, user_id, message_id, url, media_key, download, created_at)
            VALUES (7, 7, 1, 'https://a.example/v', 'key', 1, 0);
        INSERT INTO jobs (kind, pool, priority, request, created_at, waits_since, not_before)
            VALUES ('status', 'telegram', 5, 1, 0, 0, 0);
        INSERT INTO processes VALUES (100, 200, 1);
        INSERT INTO runs VALUES (1, 1, 2.0, 1.0, 3, '');
        PRAGMA user_version = 4;
        """
    )
    connection.close()
    ledger = Ledger(ledger_file)
    assert claim(ledger, StatusJob).request.download_id == 1
    download = claim(ledger, DownloadJob)
    assert (download.url, download.form) == ("https://a.example/v", SOUND)
    with contextlib.closing(Upkeep(ledger_file)) as upkeep:
        assert upkeep.sessions() == {Identity(100, 200): 1}
        ledger.forget_sessions(download)
        assert upkeep.sessions() == {}
        ledger.fail(download, ERROR, "abc123", "", START)
        (failed,) = upkeep.failed(limit=9)
        assert failed.run is not None
        upkeep.forget(failed)
        assert ledger._db.value("SELECT count(*) FROM runs") == 0
    ledger.close()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ("PRAGMA user_version = 999", "run the newer bot"),
        ("PRAGMA application_id = 1", "not a ledger of this bot"),
    ],
)
def test_ledger_of_another_kind_is_refused(ledger_file: Path, spoil: str, words: str) -> None:
    Ledger(ledger_file).close()
    connection = sqlite3.connect(ledger_file)
    connection.execute(spoil)
    connection.close()
    with pytest.raises(LedgerError, match=words):
        Ledger(ledger_file)


def test_damaged_ledger_is_noticed_and_kept(ledger_file: Path) -> None:
    ledger = Ledger(ledger_file)
    ledger.record_updates([{"update_id": n, "text": "x" * 2000} for n in range(50)], START)
    ledger.close()
    content = bytearray(ledger_file.read_bytes())
    content[8192:12288] = b"\xff" * 4096
    ledger_file.write_bytes(content)
    with pytest.raises(LedgerError, match=r"damaged|cannot be read"):
        check_file(ledger_file)
    assert ledger_file.read_bytes() == content


def test_locked_ledger_is_busy_and_unchanged(
    ledger: Ledger, ledger_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger._db.execute("PRAGMA busy_timeout = 1")
    lock = sqlite3.connect(ledger_file, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerBusy):
        ledger.record_updates([{"update_id": 5}], START)
    lock.execute("ROLLBACK")
    lock.close()
    assert ledger.offset() == 0
    ledger.record_updates([{"update_id": 5}], START)
    assert ledger.offset() == 6


def test_full_disk_is_busy_and_unchanged(ledger: Ledger) -> None:
    pages = ledger._db.value("PRAGMA page_count")
    ledger._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(LedgerBusy, match="full"):
        ledger.record_updates([{"update_id": 5, "text": "x" * 100_000}], START)
    ledger._db.execute("PRAGMA max_page_count = 1000000")
    assert ledger.offset() == 0
    ledger.record_updates([{"update_id": 5}], START)


def test_what_lies_beside_a_ledger_and_is_no_file_is_named(ledger_file: Path) -> None:
    Ledger(ledger_file).close()
    Path(f"{ledger_file}-wal").mkdir()
    with pytest.raises(LedgerError, match=r"-wal: Is a directory") as refused:
        Ledger(ledger_file)
    assert "move" not in str(refused.value), "the ledger is whole"
    assert "backup" not in str(refused.value)


@pytest.mark.parametrize("beside", ["", "-wal", "-shm"])
def test_ledger_of_another_user_is_named_with_its_owner(
    beside: str, ledger_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Ledger(ledger_file).close()
    foreign = Path(f"{ledger_file}{beside}")
    foreign.touch()
    check_access(ledger_file)
    monkeypatch.setattr(os, "geteuid", lambda: 65534)
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path) != foreign)
    with pytest.raises(LedgerError) as refused:
        check_access(ledger_file)
    assert str(refused.value).startswith(f"{foreign} belongs to {owner_name(os.getuid())}")
    assert str(refused.value).endswith(f"chown {owner_name(65534)} {shlex.quote(str(foreign))}")


def test_own_ledger_that_nobody_may_write_is_to_be_made_writable(
    ledger_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Ledger(ledger_file).close()
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    with pytest.raises(LedgerError, match=f"chmod 600 {ledger_file}"):
        check_access(ledger_file)


def test_ledger_on_a_read_only_disk_is_busy(
    ledger_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Ledger(ledger_file).close()
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    monkeypatch.setattr(os, "statvfs", lambda _path: SimpleNamespace(f_flag=os.ST_RDONLY))
    with pytest.raises(LedgerBusy, match="read-only"):
        check_access(ledger_file)


@pytest.mark.parametrize("sql", ["SELECT json('{')", "SELECT 1 FROM nothing", "BEGIN"])
def test_statement_that_never_works_is_not_waited_for(ledger: Ledger, sql: str) -> None:
    """Tried again each second, it would hold up all that comes after it."""
    with pytest.raises(LedgerError, match="cannot work"), ledger._db.transaction():
        ledger._db.execute(sql).fetchone()
    with pytest.raises(LedgerError, match="cannot work"), ledger._db.reading():
        ledger._db.execute(sql.replace("BEGIN", "COMMIT")).fetchone()
    ledger.record_updates([{"update_id": 1}], Wall(1.0))


def refusals_beside_a_transaction(ledger_file: Path, patience_s: float) -> list[LedgerBusy]:
    """How recording an update was refused while another thread was in a transaction.

    The transaction ends when the other thread has, or after `patience_s`.
    """
    holder = Ledger(ledger_file)
    refusals: list[LedgerBusy] = []

    def record() -> None:
        ledger = Ledger(ledger_file)
        ledger._db.execute("PRAGMA busy_timeout = 0")  # so SQLite itself waits for nobody
        opened.set()
        try:
            ledger.record_updates([{"update_id": 5}], START)
        except LedgerBusy as error:
            refusals.append(error)
        ledger.close()

    opened = threading.Event()
    thread = threading.Thread(target=record)
    with holder._db.transaction():
        thread.start()
        assert opened.wait(30)
        thread.join(patience_s)
    thread.join(30)
    assert refusals or holder.offset() == 6
    holder.close()
    return refusals


def test_threads_take_turns_and_do_not_count_on_sqlites_patience(ledger_file: Path) -> None:
    assert refusals_beside_a_transaction(ledger_file, patience_s=0.2) == []


@pytest.mark.negative
def test_without_turns_a_thread_is_refused(
    ledger_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_turn", contextlib.nullcontext())
    assert refusals_beside_a_transaction(ledger_file, patience_s=30)


# ---------------------------------------------------------------------------- claims, attempts


def test_attempt_that_ends_with_the_bot_is_given_back_ten_times(ledger: Ledger) -> None:
    ledger.record_updates([{"update_id": 1}], START)
    attempts = []
    for _ in range(MAX_REFUNDS + 3):
        attempts.append(claim(ledger, UpdateJob).attempts)
        ledger.recover(START)
    assert attempts == [1] * (MAX_REFUNDS + 1) + [2, 3]


@pytest.mark.parametrize(("refund", "attempts"), [(True, 1), (False, 2)])
def test_refunded_attempt_does_not_count(ledger: Ledger, refund: bool, attempts: int) -> None:
    ledger.record_updates([{"update_id": 1}], START)
    ledger.put_back(claim(ledger, UpdateJob), 0.0, START, refund=refund)
    assert claim(ledger, UpdateJob).attempts == attempts


def test_job_waits_for_its_time(ledger: Ledger) -> None:
    ledger.record_updates([{"update_id": 1}], Wall(1000.0))
    ledger.put_back(claim(ledger, UpdateJob, 1000.0), 120.0, Wall(1000.0), refund=False)
    assert ledger.claim(TELEGRAM, Wall(1119.0)) is None
    assert ledger.claim(TELEGRAM, Wall(1120.0)) is not None


def test_clock_that_is_set_back_holds_up_no_job(ledger: Ledger) -> None:
    ledger.record_updates([{"update_id": 1}], Wall(1000.0))
    ledger.put_back(claim(ledger, UpdateJob, 1000.0), 120.0, Wall(1000.0), refund=False)
    assert ledger.claim(TELEGRAM, Wall(999.0)) is not None


def test_short_calls_go_before_uploads(ledger: Ledger) -> None:
    send(ledger, a_link())
    post(ledger)
    ledger.finish_download(claim(ledger, DownloadJob), a_file(), START)
    ledger.record_updates([{"update_id": 2}], START)
    claim(ledger, UpdateJob)
    assert ledger.claim(TELEGRAM, START, ClaimRules(uploads=False)) is None
    claim(ledger, DeliverJob)


def test_busy_request_is_passed_over(ledger: Ledger) -> None:
    send(ledger, a_link())
    assert ledger.claim(TELEGRAM, START, ClaimRules(busy_request_ids=[1])) is None
    assert ledger.claim(TELEGRAM, START) is not None


def test_what_is_committed_is_on_the_disk(
    ledger_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    ledger = Ledger(ledger_file)
    assert ledger._db.value("PRAGMA synchronous") == 2, "FULL, and not as in the tests"
    ledger.close()
