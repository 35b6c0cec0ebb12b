"""Builders for tests of the ledger: updates and links brought in, jobs claimed, media made."""

import functools
import tempfile
from pathlib import Path
from typing import TypeVar

from worker import errors, protocol
from worker.clocks import Wall
from worker.form import WHOLE
from worker.ledger import (
    ButtonJob,
    DeliverJob,
    DownloadJob,
    ExplainJob,
    Ledger,
    Quota,
    Request,
    StatusJob,
    UpdateJob,
)
from worker.ledger.jobs.jobs import ClaimedJob
from worker.ledger.records import Batch
from worker.protocol import effects, notices
from worker.protocol.lists import Hold

QUOTA = Quota(waiting=100, a_minute=100, an_hour=100, a_day=100)
AnyJob = TypeVar("AnyJob", bound=ClaimedJob)

START = Wall(0.0)
"""When most of a test happens, for nothing in it is waited for."""

ERROR = errors.JobError(errors.Reason.NETWORK, errors.Fault.RETRYABLE)


def make_empty_ledger(path: Path) -> None:
    """Put a ledger of the newest version at `path`, unless there is one: a copy, for its speed."""
    if not path.exists():
        path.write_bytes(_empty_ledger())


@functools.cache
def _empty_ledger() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "ledger.sqlite3")
        Ledger(path).close()
        return path.read_bytes()


def claim(ledger: Ledger, job_type: type[AnyJob], now: float = 0.0) -> AnyJob:
    """The next job, which is one of this type."""
    job = ledger.claim(job_type.kind.pool, Wall(now))
    assert isinstance(job, job_type), job
    return job


def send(ledger: Ledger, *effects: effects.Effect, update_id: int = 1) -> list[int]:
    """Bring effects into the ledger as an update does. Returns jobs to be stopped."""
    ledger.record_updates([{"update_id": update_id}], START)
    outcome = ledger.finish_update(claim(ledger, UpdateJob), effects, QUOTA, START)
    return list(outcome.job_ids_to_stop)


def a_link(user_id: int = 7, key: str = "key") -> effects.OpenRequest:
    return effects.OpenRequest(user_id, user_id, 1, "https://example.org/v", key)


def a_request(
    *, status_message_id: int | None = 2, status_messages: int = 1, downloads: int = 1
) -> Request:
    """A request for `a_link` that is still open."""
    link = a_link()
    return Request(
        id=1,
        chat_id=link.chat_id,
        user_id=link.user_id,
        message_id=link.message_id,
        url=link.url,
        media_key=link.media_key,
        download_id=1,
        downloads=downloads,
        status_message_id=status_message_id,
        status_messages=status_messages,
        verdict=None,
        reason=None,
        error_id=None,
        turn=0,
        answered_at=None,
    )


def a_batch() -> Batch:
    """What somebody has taken of a list that was the answer to `a_request`."""
    return Batch(
        id=1,
        request_id=1,
        chat_id=7,
        user_id=7,
        message_id=2,
        thread_id=None,
        language="en",
        form=WHOLE,
        fresh=False,
        title="A list",
        summary_message_id=None,
        shown=None,
        shown_at=None,
        lost=0,
        held=Hold.NONE,
        tried_again=False,
        ended_at=None,
    )


def files(*paths: str) -> protocol.Media:
    facts = protocol.MediaFacts(protocol.MediaKind.VIDEO, "title")
    return protocol.Media(
        tuple(protocol.MediaFile(path, 1000, "https://example.org/v", facts) for path in paths)
    )


def a_file(path: str = "/nowhere/media.mp4") -> protocol.Media:
    return files(path)


def post(ledger: Ledger, message_id: int = 2) -> None:
    ledger.finish_status(claim(ledger, StatusJob), message_id, START)


def press(
    ledger: Ledger,
    user_id: int,
    request_id: int = 1,
    update_id: int = 9,
    chat_id: int | None = None,
) -> tuple[notices.About, list[int]]:
    """Press Cancel: what the notice is about, and the running jobs to be stopped."""
    effect = effects.CancelRequest(request_id, user_id, "callback", chat_id=chat_id)
    to_stop = send(ledger, effect, update_id=update_id)
    job = claim(ledger, ButtonJob)
    ledger.finish(job, START)
    assert job.answer.notice
    return job.answer.notice.about, to_stop


def fail_a_download(ledger: Ledger, *, is_told: bool = True) -> int:
    """A link whose download fails for good; its requester is told."""
    send(ledger, a_link(), update_id=1)
    post(ledger)
    download = claim(ledger, DownloadJob)
    ledger.fail(download, ERROR, "abc123", "Traceback: \x1b[31mhere", Wall(50.0))
    if is_told:
        ledger.finish_explanation(claim(ledger, ExplainJob), Wall(60.0))
    return download.id


def known_ids(ledger: Ledger) -> list[str | None]:
    """What the next delivery may send by Telegram's own names."""
    media = claim(ledger, DeliverJob).media
    assert media is not None
    return [file.file_id for file in media.files]
