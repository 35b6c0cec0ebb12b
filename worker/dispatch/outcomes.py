"""What becomes of a job that did not return: every failure has a decided outcome.

Pure: an error goes in, a decision comes out; the dispatcher carries it out.
"""

from dataclasses import dataclass
from typing import assert_never

from worker.clocks import Wall
from worker.errors import (
    ChatClosed,
    Fault,
    FileIdRefused,
    JobError,
    MessageGone,
    Reason,
    TelegramBusy,
    TelegramUnauthorized,
    TelegramUnreachable,
)
from worker.ledger import (
    ButtonJob,
    DeliverJob,
    DownloadJob,
    ExplainJob,
    GroupJob,
    Job,
    ReplyJob,
    RequestJob,
    StatusJob,
    UpdateJob,
)
from worker.pool.events import Event, Failed, Finished, Lost, Stopped, StopReason
from worker.protocol import Delivered, Effect, GroupSent, Media, Posted, Progress, Retry, Stage

TELEGRAM_RETRY_S = 5.0
"""The wait before a call is repeated that Telegram has not answered."""

GROUP_LONGEST_RETRY_S = 600.0
"""The longest such wait, for files that may have come already."""

BUTTON_MAX_AGE_S = 60.0
"""A pressed button stops spinning by itself by then, and an answer to it is refused."""


@dataclass(frozen=True)
class TryAgain:
    """The job waits for another attempt; a refunded one does not count."""

    delay_s: float
    refund: bool = False


@dataclass(frozen=True)
class Fail:
    """The job has failed for good, and whoever waits for it is told why."""

    error: JobError
    traceback: str = ""


class FileVanished(Exception):
    """The file that was to be delivered is not on disk any more."""


class GiveUp:
    """No message about this job can reach anybody."""


class GiveUpChat:
    """The chat is closed to the bot, so nothing more can be sent to it."""


@dataclass(frozen=True)
class PostAgain:
    """The status message is gone, and a new one takes its place."""

    job: RequestJob


@dataclass(frozen=True)
class DownloadAgain:
    """The media is gone: what Telegram was said to remember, or what lay on disk."""

    job: RequestJob


class Unwanted:
    """The job was stopped because nobody wants it any more."""


Decision = TryAgain | Fail | GiveUp | GiveUpChat | PostAgain | DownloadAgain | Unwanted


@dataclass(frozen=True)
class Retries:
    """How often a job is tried, and how long it waits in between."""

    max_attempts: int
    retry_after_s: float


def checked(job: Job, event: Event) -> Event:
    """The event, or a failure in its place if it is a result that no such job returns."""
    if not isinstance(event, Finished) or _is_result_of(job, event.result):
        return event
    detail = f"its worker returned {type(event.result).__name__}, which no {job.kind} does"
    return Failed(event.job_id, JobError(Reason.INTERNAL, Fault.OPERATOR, detail), "")


def _is_result_of(job: Job, result: object) -> bool:
    """Whether `worker.protocol` knows such a result of the job's task."""
    match job:
        case UpdateJob():
            return isinstance(result, tuple) and all(isinstance(each, Effect) for each in result)
        case StatusJob():
            return isinstance(result, Posted)
        case DownloadJob():
            return isinstance(result, Media)
        case GroupJob():
            return isinstance(result, GroupSent | None)
        case DeliverJob():
            return isinstance(result, Delivered | None)
        case ExplainJob() | ReplyJob() | ButtonJob():
            return result is None
        case _:
            assert_never(job)


def decide(job: Job, event: Event, retries: Retries, wall: Wall) -> Decision:
    """The decision for a job that failed, was stopped, or lost its worker."""
    match event:
        case Stopped(reason=StopReason.STOPPED):
            return Unwanted()
        case Stopped():
            return _decide_error(job, _retryable(Reason.TIMED_OUT), retries)
        case Lost(exitcode=exitcode):
            detail = f"its worker ended with exit code {exitcode}"
            return _decide_error(job, _retryable(Reason.CRASHED, detail), retries)
        case Failed(error=TelegramBusy() as busy):
            return TryAgain(busy.retry_after_s, refund=True)
        case Failed(error=TelegramUnreachable() | TelegramUnauthorized()):
            if isinstance(job, ButtonJob) and wall - job.created_at > BUTTON_MAX_AGE_S:
                return GiveUp()
            return TryAgain(_patience_s(job, wall), refund=True)
        case Failed(error=MessageGone()):
            if isinstance(job, RequestJob) and job.request.status_messages < retries.max_attempts:
                return PostAgain(job)
            return GiveUp()
        case Failed(error=ChatClosed()):
            return GiveUpChat()
        case Failed(error=FileIdRefused() | FileVanished()) if isinstance(job, RequestJob):
            if job.request.downloads >= retries.max_attempts:
                return Fail(JobError(Reason.INTERNAL, Fault.OPERATOR, "its files vanish"))
            return DownloadAgain(job)
        case Failed(error=JobError(reason=Reason.SITE_DOWN) as error):
            # It was not tried, nor would it be: who wants it is told when to ask again.
            return Fail(error)
        case Failed(error=JobError() as error, traceback=traceback):
            return _decide_error(job, error, retries, traceback)
        case Failed(error=MemoryError(), traceback=traceback):
            error = JobError(Reason.OUT_OF_MEMORY, Fault.PERMANENT, "the worker's own memory")
            return Fail(error, traceback)
        case Failed(error=error, traceback=traceback):
            return Fail(JobError(Reason.INTERNAL, Fault.OPERATOR, repr(error)), traceback)
        case _:
            raise TypeError(f"{event} needs no decision")


def waiting(job: Job, event: Event, again: TryAgain, retries: Retries) -> Progress:
    """What people are shown until a job is tried again."""
    match event:
        case Failed(error=JobError(reason=reason)):
            pass
        case Stopped():
            reason = Reason.TIMED_OUT
        case _:
            reason = Reason.CRASHED
    # A try that does not count comes once more under the same number.
    retry = Retry(reason, job.attempts + (not again.refund), retries.max_attempts)
    return Progress(Stage.RETRYING, eta_s=again.delay_s, retry=retry)


def describe(event: Event) -> str:
    """What happened, for the log. Only our own exceptions' texts are free of secrets."""
    match event:
        case Failed(error=JobError() as error):
            return str(error)
        case Failed(error=error):
            return type(error).__name__
        case _:
            return str(event)


def exhausted(job: Job) -> JobError:
    """The error of a job whose last attempt never came back, not even with an error."""
    return _retryable(Reason.CRASHED, f"{job.attempts - 1} attempts ended without an answer")


def _patience_s(job: Job, wall: Wall) -> float:
    """The wait before a call is repeated that Telegram has not answered.

    A group may have come all the same, and then comes once more: so each wait is as long as all
    before it together.
    """
    if not isinstance(job, GroupJob):
        return TELEGRAM_RETRY_S
    return min(max(TELEGRAM_RETRY_S, wall - job.created_at), GROUP_LONGEST_RETRY_S)


def _retryable(reason: Reason, detail: str = "") -> JobError:
    return JobError(reason, Fault.RETRYABLE, detail)


def _decide_error(job: Job, error: JobError, retries: Retries, traceback: str = "") -> Decision:
    if error.reason is Reason.DISK_FULL:
        return TryAgain(retries.retry_after_s, refund=True)
    if error.fault is not Fault.RETRYABLE or job.attempts >= retries.max_attempts:
        return Fail(error, traceback)
    least_s = retries.retry_after_s if job.kind.is_download else TELEGRAM_RETRY_S
    return TryAgain(max(least_s, error.retry_after_s or 0.0))
