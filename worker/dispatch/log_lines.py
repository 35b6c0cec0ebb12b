"""What the log says about links: each can be followed from its update to its answer.

The first and the last line about a link have its request's id and name its download. The lines in
between have the download's id.
"""

import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any

from worker import errors
from worker.dispatch import outcomes
from worker.ledger import Answer, DownloadJob, Job, Request, Verdict
from worker.pool.events import Event, Failed
from worker.protocol import Media
from worker.sites import site_of_link

log = logging.getLogger(__name__)


def accepted(request: Request, update_id: int) -> None:
    """Log that a person's link has become a request."""
    log.info(
        "request %d: link from update %d accepted (%s), %s.",
        request.id,
        update_id,
        site_of_link(request.url),
        _source(request),
    )


def item_opened(request: Request) -> None:
    """Log that an item that somebody has taken from a list has become a request."""
    log.info(
        "request %d: item of batch %d (%s), %s.",
        request.id,
        request.batch_id,
        site_of_link(request.url),
        _source(request),
    )


def download_begins(job: DownloadJob) -> None:
    """Log that a worker was given a download."""
    log.info(
        "job %d: %s from %s begins, attempt %d.",
        job.id,
        job.kind.noun,
        site_of_link(job.url),
        job.attempts,
    )


def download_done(job: DownloadJob, media: Media | None, took_s: float) -> None:
    """Log that a download has succeeded."""
    log.info(
        "job %d: %s from %s done: %s, in %.1f s, attempt %d.",
        job.id,
        job.kind.noun,
        site_of_link(job.url),
        _describe(media),
        took_s,
        job.attempts,
    )


def tried_again(job: Job, attempt: int, event: Event, delay_s: float) -> None:
    """Log that an attempt has ended, and when the next one comes."""
    # If Telegram fails one call it fails all of them, and each is repeated every few seconds.
    is_telegram = isinstance(event, Failed) and isinstance(event.error, errors.TelegramError)
    fact = {"fact": f"{job.kind} ended: {outcomes.describe(event)}"} if is_telegram else None
    log.info(
        "job %d: attempt %d of the %s ended (%s), next in %.0f s.",
        job.id,
        attempt,
        job.kind.noun,
        outcomes.describe(event),
        delay_s,
        extra=fact,
    )


def answered(answer: Answer) -> None:
    """Log the outcome of a link, with all its figures."""
    log.info(
        "request %d: %s; user %d, chat %d, %s, form %s, %d bytes,"
        " waited %.1f s, downloaded %.1f s, uploaded %.1f s, attempts %d%s.",
        answer.request_id,
        _outcome(answer),
        answer.user_id,
        answer.chat_id,
        answer.site,
        answer.form.code,
        answer.media_bytes,
        answer.waited_s,
        answer.downloaded_s,
        answer.uploaded_s,
        answer.attempts,
        f", job {answer.download_id}" if answer.download_id else "",
        extra={"fields": _fields(answer)},
    )


def _source(request: Request) -> str:
    """Where the media of a new request comes from."""
    if request.verdict is Verdict.SENTENCE:
        return f"known to have failed, error {request.error_id}"
    if request.download_id is None:
        return "Telegram has its media"
    return f"download job {request.download_id}"


def _fields(answer: Answer) -> Mapping[str, Any]:
    """The figures of `answered` as named values, for `LOG_FORMAT=logfmt` and `json`."""
    return {
        "user": answer.user_id,
        "chat": answer.chat_id,
        "site": answer.site,
        "form": answer.form.code,
        "outcome": answer.verdict,
        "reason": answer.reason,
        "error": answer.error_id,
        "remembered": answer.is_remembered,
        "bytes": answer.media_bytes,
        "waited_s": round(answer.waited_s, 3),
        "downloaded_s": round(answer.downloaded_s, 3),
        "uploaded_s": round(answer.uploaded_s, 3),
        "attempts": answer.attempts,
        "job": answer.download_id,
    }


def _outcome(answer: Answer) -> str:
    match answer.verdict:
        case Verdict.MEDIA:
            return "answered with media" + (" from memory" if answer.is_remembered else "")
        case Verdict.SENTENCE:
            return f"answered without media: {answer.reason}, error {answer.error_id or '-'}"
        case Verdict.CANCELLED:
            return "answered without media: cancelled"
        case Verdict.UNREACHABLE:
            return "given up, for nobody can be reached"


def _describe(media: Media | None) -> str:
    """Describe files by their kinds and sizes, a list by its length, and what a look found."""
    if media and media.look:
        return "what a look has found"
    if media and media.found_list:
        return f"a list with {len(media.found_list.items)} items"
    files = media.files if media else ()
    kinds = Counter(file.facts.kind.value for file in files)
    counts = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
    return f"{counts or 'nothing'} ({sum(file.size_bytes for file in files)} bytes)"
