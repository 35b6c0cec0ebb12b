"""The ledger: what survives, what is refused, and how a request comes to its one answer."""

import contextlib
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker import errors, jobs
from worker.jobs import Cancelled
from worker.ledger import (
    DOWNLOADS,
    TELEGRAM,
    Job,
    Kind,
    Ledger,
    LedgerBusy,
    LedgerError,
    Quota,
    Verdict,
    Words,
    database,
)
from worker.ledger.schema import MIGRATIONS

WORDS = Words(
    cancelled={outcome: outcome.value for outcome in Cancelled},
    refusals={refusal: refusal.value for refusal in jobs.Refusal},
)
QUOTA = Quota(waiting=100, a_minute=100, an_hour=100, a_day=100)
ERROR = errors.JobError(errors.Reason.NETWORK, errors.Fault.RETRYABLE)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    ledger = Ledger(path)
    yield ledger
    ledger.close()


def claim(ledger: Ledger, kind: Kind, now: float = 0.0) -> Job:
    job = ledger.claim(kind.pool, now)
    assert job is not None
    assert job.kind is kind
    return job


def send(ledger: Ledger, *effects: jobs.Effect, update_id: int = 1) -> list[int]:
    """Bring effects into the ledger as an update does. Returns jobs to be stopped."""
    ledger.record_updates([{"update_id": update_id}], 0.0)
    return ledger.finish_update(claim(ledger, Kind.UPDATE), effects, QUOTA, WORDS, 0.0)


def a_link(user_id: int = 7, key: str = "key") -> jobs.OpenRequest:
    return jobs.OpenRequest(user_id, user_id, 1, "https://example.org/v", key)


def files(*paths: str) -> jobs.Media:
    video, link = jobs.MediaKind.VIDEO, "https://example.org/v"
    return jobs.Media(tuple(jobs.MediaFile(path, video, 1000, "title", link) for path in paths))


def a_file(path: str = "/nowhere/media.mp4") -> jobs.Media:
    return files(path)


def post(ledger: Ledger, message_id: int = 2) -> None:
    ledger.finish_status(claim(ledger, Kind.STATUS), message_id, 0.0)


# ----------------------------------------------------------------------------------- the file


def test_offset_and_updates_survive(path: Path) -> None:
    ledger = Ledger(path)
    assert ledger.offset() == 0
    ledger.record_updates([{"update_id": 5}, {"update_id": 6}], 0.0)
    ledger.close()
    again = Ledger(path)
    assert again.offset() == 7
    assert claim(again, Kind.UPDATE).payload == {"update_id": 5}
    again.close()


def test_update_that_comes_twice_is_handled_once(ledger: Ledger) -> None:
    ledger.record_updates([{"update_id": 5}], 0.0)
    ledger.record_updates([{"update_id": 5}, {"update_id": 4}], 0.0)
    assert ledger.offset() == 6
    assert [claim(ledger, Kind.UPDATE).payload["update_id"] for _ in range(2)] == [5, 4]
    assert ledger.claim(TELEGRAM, 0.0) is None


def test_every_version_is_migrated_forward(path: Path) -> None:
    for version in range(len(MIGRATIONS)):
        path.unlink(missing_ok=True)
        connection = sqlite3.connect(path)
        if version:
            connection.execute("PRAGMA application_id = 1179927113")
            connection.executescript("".join(MIGRATIONS[:version]))
            connection.execute(f"PRAGMA user_version = {version}")
        connection.close()
        ledger = Ledger(path)
        ledger.record_updates([{"update_id": 1}], 0.0)
        ledger.close()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ("PRAGMA user_version = 999", "run the newer bot"),
        ("PRAGMA application_id = 1", "not a ledger of this bot"),
    ],
)
def test_ledger_of_another_kind_is_refused(path: Path, spoil: str, words: str) -> None:
    Ledger(path).close()
    connection = sqlite3.connect(path)
    connection.execute(spoil)
    connection.close()
    with pytest.raises(LedgerError, match=words):
        Ledger(path)


def test_damaged_ledger_is_noticed_and_kept(path: Path) -> None:
    ledger = Ledger(path)
    ledger.record_updates([{"update_id": n, "text": "x" * 2000} for n in range(50)], 0.0)
    ledger.close()
    content = bytearray(path.read_bytes())
    content[8192:12288] = b"\xff" * 4096
    path.write_bytes(content)
    with pytest.raises(LedgerError, match=r"damaged|cannot be read"):
        Ledger(path).check()
    assert path.read_bytes() == content


def test_locked_ledger_is_busy_and_unchanged(
    ledger: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger._db.execute("PRAGMA busy_timeout = 1")
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerBusy):
        ledger.record_updates([{"update_id": 5}], 0.0)
    lock.execute("ROLLBACK")
    lock.close()
    assert ledger.offset() == 0
    ledger.record_updates([{"update_id": 5}], 0.0)
    assert ledger.offset() == 6


def test_full_disk_is_busy_and_unchanged(ledger: Ledger) -> None:
    pages = ledger._db.value("PRAGMA page_count")
    ledger._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(LedgerBusy, match="full"):
        ledger.record_updates([{"update_id": 5, "text": "x" * 100_000}], 0.0)
    ledger._db.execute("PRAGMA max_page_count = 1000000")
    assert ledger.offset() == 0
    ledger.record_updates([{"update_id": 5}], 0.0)


def refusals_beside_a_transaction(path: Path, patience_s: float) -> list[LedgerBusy]:
    """How recording an update was refused while another thread was in a transaction.

    The transaction ends when the other thread has, or after `patience_s`.
    """
    holder = Ledger(path)
    refusals: list[LedgerBusy] = []

    def record() -> None:
        ledger = Ledger(path)
        ledger._db.execute("PRAGMA busy_timeout = 0")  # so SQLite itself waits for nobody
        opened.set()
        try:
            ledger.record_updates([{"update_id": 5}], 0.0)
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


def test_threads_take_turns_and_do_not_count_on_sqlites_patience(path: Path) -> None:
    assert refusals_beside_a_transaction(path, patience_s=0.2) == []


@pytest.mark.negative
def test_without_turns_a_thread_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_turn", contextlib.nullcontext())
    assert refusals_beside_a_transaction(path, patience_s=30)


# ---------------------------------------------------------------------------- claims, attempts


OPEN_WITHOUT_ROOM = """
import sys
from pathlib import Path
from tests.chaos.disk import Disk, enter_own_namespace
from worker.ledger import Ledger, LedgerBusy
try:
    enter_own_namespace()
    disk = Disk(Path(sys.argv[1]), 2_000_000)
except OSError as error:
    sys.exit(f"no disk of our own: {error}")
ledger = disk.path / "ledger.sqlite3"
Ledger(ledger).close()
disk.leave(0)
try:
    Ledger(ledger)
except LedgerBusy:
    print("busy", flush=True)
disk.release()
Ledger(ledger).close()
disk.unmount()
"""


def test_disk_without_room_for_the_index_is_busy(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OPEN_WITHOUT_ROOM, str(tmp_path / "disk")]
    root = Path(__file__).parents[1]
    done = subprocess.run(
        command, cwd=root, capture_output=True, text=True, timeout=50, check=False
    )
    if "no disk of our own" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert (done.returncode, done.stdout) == (0, "busy\n"), done.stderr


def test_attempts_count_when_claimed_and_survive_a_crash(ledger: Ledger) -> None:
    ledger.record_updates([{"update_id": 1}], 0.0)
    assert claim(ledger, Kind.UPDATE).attempts == 1
    ledger.recover()
    assert claim(ledger, Kind.UPDATE).attempts == 2


@pytest.mark.parametrize(("refund", "attempts"), [(True, 1), (False, 2)])
def test_refunded_attempt_does_not_count(ledger: Ledger, refund: bool, attempts: int) -> None:
    ledger.record_updates([{"update_id": 1}], 0.0)
    ledger.put_back(claim(ledger, Kind.UPDATE), 0.0, 0.0, refund=refund)
    assert claim(ledger, Kind.UPDATE).attempts == attempts


def test_job_waits_for_its_time(ledger: Ledger) -> None:
    ledger.record_updates([{"update_id": 1}], 1000.0)
    ledger.put_back(claim(ledger, Kind.UPDATE, 1000.0), 120.0, 1000.0, refund=False)
    assert ledger.claim(TELEGRAM, 1119.0) is None
    assert ledger.claim(TELEGRAM, 1120.0) is not None


def test_clock_that_is_set_back_holds_up_no_job(ledger: Ledger) -> None:
    ledger.record_updates([{"update_id": 1}], 1000.0)
    ledger.put_back(claim(ledger, Kind.UPDATE, 1000.0), 120.0, 1000.0, refund=False)
    assert ledger.claim(TELEGRAM, 999.0) is not None


def test_short_calls_go_before_uploads(ledger: Ledger) -> None:
    send(ledger, a_link())
    post(ledger)
    ledger.finish_download(claim(ledger, Kind.DOWNLOAD), a_file(), 0.0)
    ledger.record_updates([{"update_id": 2}], 0.0)
    claim(ledger, Kind.UPDATE)
    assert ledger.claim(TELEGRAM, 0.0, uploads=False) is None
    claim(ledger, Kind.DELIVER)


def test_busy_request_is_passed_over(ledger: Ledger) -> None:
    send(ledger, a_link())
    assert ledger.claim(TELEGRAM, 0.0, busy_requests=[1]) is None
    assert ledger.claim(TELEGRAM, 0.0) is not None


# -------------------------------------------------------------------------- a link's way


@pytest.mark.parametrize("posted_first", [True, False])
def test_answer_is_queued_once_both_sides_are_known(ledger: Ledger, posted_first: bool) -> None:
    send(ledger, a_link())
    download = claim(ledger, Kind.DOWNLOAD)
    if posted_first:
        post(ledger)
        assert ledger.claim(TELEGRAM, 0.0) is None
        ledger.finish_download(download, a_file(), 0.0)
    else:
        ledger.finish_download(download, a_file(), 0.0)
        post(ledger)
    job = claim(ledger, Kind.DELIVER)
    assert job.request is not None
    assert job.media == a_file()
    assert ledger.live_directories() == {f"{download.id}-1"}
    ledger.finish_delivery(job, jobs.Delivered("file id"), 0.0)
    assert ledger.claim(TELEGRAM, 0.0) is None
    assert ledger.live_directories() == set()


def test_one_download_serves_all_and_one_upload_goes_first(ledger: Ledger) -> None:
    send(ledger, a_link(1), update_id=1)
    send(ledger, a_link(2), update_id=2)
    post(ledger, 11)
    post(ledger, 12)
    ledger.finish_download(claim(ledger, Kind.DOWNLOAD), a_file(), 0.0)
    assert ledger.claim(DOWNLOADS, 0.0) is None
    send(ledger, a_link(3), update_id=3)
    first = claim(ledger, Kind.DELIVER)
    post(ledger, 13)
    assert ledger.claim(TELEGRAM, 0.0) is None
    ledger.finish_delivery(first, jobs.Delivered("file id", jobs.MediaKind.ANIMATION), 0.0)
    for _ in range(2):
        job = claim(ledger, Kind.DELIVER)
        assert job.media is not None
        (file,) = job.media.files
        assert (file.kind, file.file_id) == (jobs.MediaKind.ANIMATION, "file id")
        ledger.finish_delivery(job, jobs.Delivered("file id"), 0.0)
    assert ledger.live_directories() == set()


def test_failed_download_is_explained_to_everybody(ledger: Ledger) -> None:
    send(ledger, a_link(1), update_id=1)
    send(ledger, a_link(2), update_id=2)
    post(ledger, 11)
    post(ledger, 12)
    ledger.fail(claim(ledger, Kind.DOWNLOAD), ERROR, "abc123", "traceback", 0.0)
    for _ in range(2):
        job = claim(ledger, Kind.EXPLAIN)
        assert job.request is not None
        assert (job.request.reason, job.request.error_id) == (errors.Reason.NETWORK, "abc123")
        ledger.finish_explanation(job, 0.0)


def test_remembered_media_needs_no_download(ledger: Ledger) -> None:
    test_answer_is_queued_once_both_sides_are_known(ledger, True)
    send(ledger, a_link(), update_id=2)
    assert ledger.claim(DOWNLOADS, 0.0) is None
    post(ledger)
    claim(ledger, Kind.DELIVER)


def test_media_that_telegram_forgot_is_downloaded_again(ledger: Ledger) -> None:
    test_remembered_media_needs_no_download(ledger)
    ledger.recover()
    ledger.download_again(claim(ledger, Kind.DELIVER), 0.0)
    ledger.finish_download(claim(ledger, Kind.DOWNLOAD), a_file(), 0.0)
    claim(ledger, Kind.DELIVER)


def test_file_that_vanished_is_downloaded_once_for_all_who_wait(ledger: Ledger) -> None:
    send(ledger, a_link(1), update_id=1)
    send(ledger, a_link(2), update_id=2)
    post(ledger, 11)
    post(ledger, 12)
    ledger.finish_download(claim(ledger, Kind.DOWNLOAD), a_file(), 0.0)
    ledger.download_again(claim(ledger, Kind.DELIVER), 0.0)
    second = claim(ledger, Kind.DELIVER)
    assert second.media is None, "the vanished file is offered to nobody"
    ledger.download_again(second, 0.0)
    ledger.finish_download(claim(ledger, Kind.DOWNLOAD), a_file("/new"), 0.0)
    assert ledger.claim(DOWNLOADS, 0.0) is None
    assert claim(ledger, Kind.DELIVER).media == a_file("/new")


def test_lost_status_message_is_posted_anew(ledger: Ledger) -> None:
    send(ledger, a_link())
    post(ledger, 11)
    ledger.finish_download(claim(ledger, Kind.DOWNLOAD), a_file(), 0.0)
    ledger.post_again(claim(ledger, Kind.DELIVER), 0.0)
    post(ledger, 12)
    job = claim(ledger, Kind.DELIVER)
    assert job.request is not None
    assert (job.request.status_message_id, job.request.status_messages) == (12, 2)


def test_closed_chat_ends_the_request_and_its_download(ledger: Ledger) -> None:
    send(ledger, a_link())
    assert ledger.give_up(claim(ledger, Kind.STATUS), 0.0) == []
    assert ledger.claim(DOWNLOADS, 0.0) is None
    assert ledger.claim(TELEGRAM, 0.0) is None


def test_closed_chat_ends_all_its_requests_and_nobody_elses(ledger: Ledger) -> None:
    send(ledger, a_link(user_id=7, key="shared"), a_link(user_id=7, key="own"))
    send(ledger, a_link(user_id=8, key="shared"), update_id=2)
    shared = claim(ledger, Kind.DOWNLOAD)
    status = claim(ledger, Kind.STATUS)
    assert status.chat_id == 7
    assert ledger.give_up_chat(status, 0.0) == [], "the other person waits for what runs"
    assert ledger.claim(DOWNLOADS, 0.0) is None, "nobody waits for the other one"
    ledger.finish_download(shared, a_file(), 0.0)
    post(ledger)
    assert claim(ledger, Kind.DELIVER).chat_id == 8
    assert ledger.claim(TELEGRAM, 0.0) is None


# --------------------------------------------------------------------------------- cancel


def press(
    ledger: Ledger, user_id: int, request_id: int = 1, update_id: int = 9
) -> tuple[str, list[int]]:
    """Press Cancel: the notice that is shown, and the running jobs to be stopped."""
    effect = jobs.CancelRequest(request_id, user_id, "callback")
    to_stop = send(ledger, effect, update_id=update_id)
    job = claim(ledger, Kind.BUTTON)
    ledger.finish(job, 0.0)
    return str(job.payload["text"]), to_stop


def test_cancel_drops_the_download_and_is_explained(ledger: Ledger) -> None:
    send(ledger, a_link())
    post(ledger)
    assert press(ledger, 7) == ("done", [])
    assert ledger.claim(DOWNLOADS, 0.0) is None
    job = claim(ledger, Kind.EXPLAIN)
    assert job.request is not None
    assert job.request.verdict is Verdict.CANCELLED
    ledger.finish_explanation(job, 0.0)
    assert press(ledger, 7, update_id=10) == ("too late", [])


def test_cancel_is_for_the_requester_alone(ledger: Ledger) -> None:
    send(ledger, a_link())
    assert press(ledger, 8) == ("not yours", [])
    assert press(ledger, 8, request_id=99, update_id=10) == ("too late", [])
    assert ledger.claim(DOWNLOADS, 0.0) is not None


def test_cancel_of_one_leaves_the_download_to_the_others(ledger: Ledger) -> None:
    send(ledger, a_link(1), update_id=1)
    send(ledger, a_link(2), update_id=2)
    download = claim(ledger, Kind.DOWNLOAD)
    assert press(ledger, 1, request_id=1, update_id=3) == ("done", [])
    assert press(ledger, 2, request_id=2, update_id=4) == ("done", [download.id])


def test_link_sent_while_its_download_is_being_stopped_is_fetched(ledger: Ledger) -> None:
    send(ledger, a_link(1), update_id=1)
    download = claim(ledger, Kind.DOWNLOAD)
    assert press(ledger, 1) == ("done", [download.id])
    send(ledger, a_link(2), update_id=3)
    ledger.stopped(download, 0.0)
    assert claim(ledger, Kind.DOWNLOAD).attempts == 1


def test_running_delivery_is_stopped_before_the_cancel_is_explained(ledger: Ledger) -> None:
    send(ledger, a_link())
    post(ledger)
    ledger.finish_download(claim(ledger, Kind.DOWNLOAD), a_file(), 0.0)
    delivery = claim(ledger, Kind.DELIVER)
    assert press(ledger, 7) == ("done", [delivery.id])
    assert ledger.claim(TELEGRAM, 0.0) is None
    ledger.stopped(delivery, 0.0)
    claim(ledger, Kind.EXPLAIN)
