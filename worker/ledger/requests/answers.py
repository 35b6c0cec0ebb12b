"""What is known of a request once it is answered, and the tables `answer_counts`, `answer_times`.

The tables count for good what rows of `requests` say for a month.

Each function is part of its caller's transaction.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from worker.clocks import Wall
from worker.errors import Reason
from worker.form import Form
from worker.ledger.jobs.jobs import UPLOADS_SQL
from worker.ledger.records import Request, Verdict
from worker.ledger.requests import media_cache
from worker.ledger.storage.database import Database
from worker.sites import KNOWN_NAMES, site_of_link, site_of_url

MAX_SITES = 100
"""How many sites are counted apart, besides the well-known ones: anybody can make up more."""

OTHER_SITES = "other"
"""What all further sites are counted as."""

BOUNDS_S = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 3600.0, float("inf"))
"""The upper bounds, in seconds, between which durations are counted."""


@dataclass(frozen=True)
class Answer:
    """How a request came to its end, and what it took.

    `downloaded_s` is how long its download's last attempt ran for it, `uploaded_s` how long the
    jobs that sent its files took, and `waited_s` is the rest. `attempts` are its download's, 0
    without one. `is_remembered`: Telegram had the media, so none was fetched.
    """

    request_id: int
    user_id: int
    chat_id: int
    site: str
    form: Form
    verdict: Verdict
    reason: Reason | None
    error_id: str | None
    download_id: int | None
    is_remembered: bool
    media_bytes: int
    waited_s: float
    downloaded_s: float
    uploaded_s: float
    attempts: int


@dataclass(frozen=True)
class AnswerCount:
    """How many requests at a site ever ended in this way, and the size of all their media."""

    site: str
    verdict: str
    reason: str
    is_remembered: bool
    answers: int
    media_bytes: int


@dataclass(frozen=True)
class AnswerTimes:
    """How many answers took up to `at_most_s` in a step, but longer than the bound before it."""

    step: str
    at_most_s: float
    answers: int
    seconds: float


def facts_of(db: Database, request: Request, wall: Wall) -> Answer:
    """The facts of a request that is answered now."""
    verdict = request.verdict or Verdict.UNREACHABLE
    has_media = verdict is Verdict.MEDIA
    media = media_cache.media_of(db, request.media_key, request.download_id) if has_media else None
    since: Wall = db.value(
        "SELECT coalesce(reopened_at, created_at) FROM requests WHERE id = ?", request.id
    )
    # A clock that was set back makes no time negative.
    total_s = max(0.0, wall - since)
    downloaded_s, attempts = _download(db, request.download_id, since, wall)
    downloaded_s = min(downloaded_s, total_s)
    uploaded_s = min(_upload_s(db, request.id, since), total_s - downloaded_s)
    return Answer(
        request_id=request.id,
        user_id=request.user_id,
        chat_id=request.chat_id,
        site=site_of_link(request.url),
        form=request.form,
        verdict=verdict,
        reason=request.reason,
        error_id=request.error_id,
        download_id=request.download_id,
        is_remembered=has_media and request.download_id is None,
        media_bytes=sum(file.size_bytes for file in media.files) if media else 0,
        waited_s=total_s - downloaded_s - uploaded_s,
        downloaded_s=downloaded_s,
        uploaded_s=uploaded_s,
        attempts=attempts,
    )


def _download(db: Database, download_id: int | None, since: Wall, wall: Wall) -> tuple[float, int]:
    """For how long the download ran since then, and its attempts."""
    row = db.execute(
        "SELECT coalesce(finished_at, ?) - max(started_at, ?) AS run_s, attempts FROM jobs"
        " WHERE id = ?",
        wall,
        since,
        download_id,
    ).fetchone()
    return (max(0.0, row["run_s"] or 0.0), row["attempts"]) if row else (0.0, 0)


def _upload_s(db: Database, request_id: int, since: Wall) -> float:
    upload_s: float | None = db.value(
        "SELECT sum(finished_at - started_at) FROM jobs WHERE request_id = ?"  # noqa: S608
        f" AND kind IN {UPLOADS_SQL} AND state = 'done' AND started_at >= ?",
        request_id,
        since,
    )
    return max(0.0, upload_s or 0.0)


def add_to_counts(db: Database, answer: Answer, url: str) -> None:
    """Count an answer for good, without its person."""
    db.execute(
        "INSERT INTO answer_counts VALUES (?, ?, ?, ?, 1, ?) ON CONFLICT DO UPDATE"
        " SET answers = answers + 1, media_bytes = media_bytes + excluded.media_bytes",
        _counted_site(db, url),
        answer.verdict,
        answer.reason or "",
        answer.is_remembered,
        answer.media_bytes,
    )
    for step, seconds in _times(answer):
        db.execute(
            "INSERT INTO answer_times VALUES (?, ?, 1, ?) ON CONFLICT DO UPDATE"
            " SET answers = answers + 1, seconds = seconds + excluded.seconds",
            step,
            next(bound for bound in BOUNDS_S if seconds <= bound),
            seconds,
        )


def _counted_site(db: Database, url: str) -> str:
    site = site_of_url(url)
    if site in KNOWN_NAMES or db.value("SELECT 1 FROM answer_counts WHERE site = ?", site):
        return site
    known: int = db.value("SELECT count(DISTINCT site) FROM answer_counts")
    return site if known < MAX_SITES else OTHER_SITES


def _times(answer: Answer) -> Iterator[tuple[str, float]]:
    """How long each step of an answer took that somebody has waited for, in seconds."""
    if answer.verdict not in (Verdict.MEDIA, Verdict.SENTENCE):
        return
    yield "waiting", answer.waited_s
    if answer.attempts:
        yield "downloading", answer.downloaded_s
    if answer.verdict is Verdict.MEDIA and not answer.is_remembered:
        yield "uploading", answer.uploaded_s


def counts(db: Database) -> tuple[AnswerCount, ...]:
    """All counts since the first start."""
    rows = db.execute("SELECT * FROM answer_counts")
    return tuple(
        AnswerCount(**{**dict(row), "is_remembered": bool(row["is_remembered"])}) for row in rows
    )


def times(db: Database) -> tuple[AnswerTimes, ...]:
    """All durations since the first start, each step's in the order of their bounds."""
    rows = db.execute("SELECT * FROM answer_times ORDER BY step, at_most_s")
    return tuple(AnswerTimes(**dict(row)) for row in rows)
