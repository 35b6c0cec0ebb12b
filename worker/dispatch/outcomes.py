"""What becomes of a job that did not return: every failure has a decided outcome.

Pure: an error goes in, a decision comes out; the dispatcher carries it out.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from worker.clocks import Wall
from worker.errors import (
    ChatClosed,
    ChatMoved,
    Fault,
    FileIdRefused,
    JobError,
    JudgeLost,
    MessageDeleted,
    MessageGone,
    Reason,
    TelegramBusy,
    TelegramError,
    TelegramUnauthorized,
    TelegramUnreachable,
    TopicClosed,
)
from worker.ledger import (
    ButtonJob,
    DeliverJob,
    ExplainJob,
    GroupJob,
    Job,
    LookJob,
    MenusJob,
    RecordingJob,
    RemovalJob,
    RequestJob,
)
from worker.ledger.jobs.jobs import ClaimedJob
from worker.pool.events import Event, Failed, Lost, Stopped, StopReason
from worker.protocol import Progress, Retry, Stage

TELEGRAM_RETRY_S = 5.0
"""The wait before a call that Telegram has not answered is repeated. It doubles each time: what was
sent may have arrived all the same, and then arrives once more."""

LONGEST_RETRY_S = 600.0
"""The longest such wait. It is cut short when Telegram answers again after a silence."""

MAX_REFUSED_S = 1200.0
"""For how long a call is repeated while Telegram answers others. An answer may take that long
twice: as media and then as a sentence."""

MAX_DELETED = 4
"""How often a new message may be deleted right away before it is given up: people saw each one."""

MAX_STATUS_MESSAGES = 3
"""How many status messages a request gets, since people delete some. The last one is not replaced:
otherwise a bot that deletes them all would get new ones for ever."""

JUDGE_RETRY_S = 1.0
"""The wait before a download that has lost the judge is tried again."""

AWAITED_S = 86_400.0
"""How long the bot waits for a live stream to start, counted from when somebody last asked."""

LEAST_AWAITED_S, MOST_AWAITED_S = 60.0, 1800.0
"""The shortest and the longest wait between two looks at whether the stream has started."""

AWAITED_SHARE = 0.1
"""The wait before the next look, as a share of the time since somebody asked to be told."""

LOOK_RETRY_S = 20.0
"""The longest wait before a look is tried again: somebody is waiting for it."""

OTHER_WAY_WAIT_S = 30.0
"""The wait before another way is tried: longer than the long poll, so it is known after one try
whether Telegram answers others meanwhile."""

BUTTON_MAX_AGE_S = 60.0
"""How old the press of a button may be to be answered: later, Telegram refuses that, and the button
has stopped spinning by itself."""


# For how long a failure answers everybody who sends the same link: the less likely it is to change,
# the longer. Left out are failures after which people are told to send the link again, and those
# that are the bot's or the site's fault.
_KNOWN_S: Mapping[Reason, float] = {
    # The media itself does not change; settings, cookies and yt-dlp may.
    Reason.DRM: 3600.0,
    Reason.NO_SOUND: 3600.0,
    Reason.BEYOND_END: 3600.0,
    Reason.NOT_CUT: 3600.0,
    Reason.TOO_LARGE: 3600.0,
    Reason.TOO_LONG: 3600.0,
    # The owner of the media or of the bot may change that, but seldom does.
    Reason.AGE_RESTRICTED: 1800.0,
    Reason.GEO_BLOCKED: 1800.0,
    Reason.PRIVATE: 1800.0,
    Reason.NOT_FOUND: 1800.0,
    Reason.UNSUPPORTED: 1800.0,
    Reason.NO_COVER: 1800.0,
    Reason.NO_SUBTITLES: 1800.0,
    Reason.NO_SUCH_SUBTITLES: 1800.0,
    Reason.NO_SUCH_LANGUAGE: 1800.0,
    # Pages change, and sites also say this to clients that they want to be rid of for a while.
    Reason.NO_MEDIA: 900.0,
    Reason.LOGIN_NEEDED: 900.0,
    Reason.HUGE_PAGE: 900.0,
    Reason.LEADS_NOWHERE: 900.0,
    Reason.FORBIDDEN: 600.0,
    # A file may still be on its way to the site, a name may get another address.
    Reason.EMPTY_FILE: 300.0,
    Reason.BROKEN_FILE: 300.0,
    Reason.REFUSED_ADDRESS: 300.0,
}


@dataclass(frozen=True)
class TryAgain:
    """The job waits for another attempt; with `refund` the last one does not count.

    `may_be_to_blame`: the job may be why the attempt failed, so only so many are refunded.
    """

    delay_s: float
    refund: bool = False
    may_be_to_blame: bool = False


@dataclass(frozen=True)
class CallAgain:
    """The call is repeated: Telegram has given no usable answer; see `ClaimedJob.refused_s`."""

    delay_s: float
    refused_s: float


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
class MoveChat:
    """The group has become a supergroup, `chat_id`, in which all that waits for it goes on."""

    chat_id: int


@dataclass(frozen=True)
class PostAgain:
    """The status message is gone, and a new one takes its place."""

    job: RequestJob


@dataclass(frozen=True)
class DownloadAgain:
    """The media is gone: what Telegram was said to remember, or what lay on disk.

    `is_refused`: Telegram has said so.
    """

    job: RequestJob
    is_refused: bool


class Unwanted:
    """The job was stopped because nobody wants it any more."""


Decision = (
    TryAgain
    | CallAgain
    | Fail
    | GiveUp
    | GiveUpChat
    | MoveChat
    | PostAgain
    | DownloadAgain
    | Unwanted
)


@dataclass(frozen=True)
class Retries:
    """How often a job is tried, and how long it waits in between."""

    max_attempts: int
    retry_after_s: float


def _was_recorded(job: Job) -> bool:
    """Whether a job is about a moment that will not come again."""
    return isinstance(job, RequestJob) and job.request.form.is_recording


def decide(
    job: Job, event: Event, retries: Retries, wall: Wall, refused_s: float = 0.0
) -> Decision:
    """The decision for a job that failed, was stopped, or lost its worker.

    `refused_s` is for how long Telegram has not answered it while it answered others.
    """
    match event:
        case Stopped(reason=StopReason.STOPPED):
            return Unwanted()
        case Stopped() if job.kind.is_call:
            return _decide_unanswered(
                job, TelegramUnreachable("no answer in time"), refused_s, wall
            )
        case Stopped():
            return _decide_no_answer(job, _retryable(Reason.TIMED_OUT), retries, wall)
        case Lost(exitcode=exitcode):
            detail = f"its worker ended with exit code {exitcode}"
            return _decide_no_answer(job, _retryable(Reason.CRASHED, detail), retries, wall)
        case Failed(error=TelegramBusy() as busy):
            return TryAgain(busy.retry_after_s, refund=True)
        case Failed(error=(TelegramUnreachable() | TelegramUnauthorized()) as error):
            return _decide_unanswered(job, error, refused_s, wall)
        case Failed(error=MessageGone()):
            if isinstance(job, RequestJob) and job.request.status_messages < MAX_STATUS_MESSAGES:
                return PostAgain(job)
            return GiveUp()
        case Failed(error=TopicClosed() as error):
            if isinstance(job, GroupJob | DeliverJob):
                # The status message may still be turned into a sentence without a button.
                return Fail(JobError(Reason.TOPIC_CLOSED, Fault.PERMANENT, str(error)))
            return GiveUp()
        case Failed(error=JobError()) if isinstance(job, MenusJob | RemovalJob):
            # Nobody waits for a menu, or for a message to go.
            return GiveUp()
        case Failed(error=ChatMoved(chat_id=chat_id)) if job.chat_id not in (None, chat_id):
            return MoveChat(chat_id)
        case Failed(error=ChatClosed()):
            return GiveUpChat()
        case Failed(error=FileIdRefused() | FileVanished()) if _was_recorded(job):
            return Fail(JobError(Reason.INTERNAL, Fault.OPERATOR, "what was recorded is gone"))
        case Failed(error=FileIdRefused() | FileVanished() as gone) if isinstance(job, RequestJob):
            if job.request.downloads >= retries.max_attempts:
                return Fail(JobError(Reason.INTERNAL, Fault.OPERATOR, "its files vanish"))
            return DownloadAgain(job, is_refused=isinstance(gone, FileIdRefused))
        case Failed(error=JobError() as error) if _may_start_later(job, error, retries, wall):
            return TryAgain(_next_look_s(job, error, wall), refund=True)
        case Failed(error=JobError(reason=Reason.SITE_DOWN) as error):
            # It was not tried, nor would another attempt be: people are told when to ask again.
            return Fail(error)
        case Failed(error=JudgeLost()):
            # It waits until there is another judge.
            return TryAgain(JUDGE_RETRY_S, refund=True, may_be_to_blame=True)
        case Failed(error=JobError() as error, traceback=traceback):
            return _decide_error(job, error, retries, traceback)
        case Failed(error=MemoryError(), traceback=traceback):
            error = JobError(Reason.OUT_OF_MEMORY, Fault.PERMANENT, "the worker's own memory")
            return Fail(error, traceback)
        case Failed(error=error, traceback=traceback):
            return Fail(JobError(Reason.INTERNAL, Fault.OPERATOR, repr(error)), traceback)
        case _:
            raise TypeError(f"{event} needs no decision")


def _may_start_later(job: Job, error: JobError, retries: Retries, wall: Wall) -> bool:
    """Whether a job waits for a live stream to start, and is to go on waiting."""
    if not isinstance(job, LookJob) or not job.form.awaits_start:
        return False
    passes = error.reason is Reason.NOT_STARTED or error.fault is Fault.RETRYABLE
    return passes and not is_exhausted(job, retries) and wall - job.created_at < AWAITED_S


def _next_look_s(job: Job, error: JobError, wall: Wall) -> float:
    """How long to wait before the next look whether a live stream has started.

    The wait grows with the time already waited, unless the site tells when the stream will start.
    """
    awaited_s = wall - job.created_at
    wait_s = awaited_s * AWAITED_SHARE if error.retry_after_s is None else error.retry_after_s
    return min(max(wait_s, LEAST_AWAITED_S), MOST_AWAITED_S, max(0.0, AWAITED_S - awaited_s))


def waiting(job: Job, event: Event, again: TryAgain, retries: Retries) -> Progress:
    """What people are shown until a job is tried again."""
    if isinstance(job, LookJob) and job.form.awaits_start:
        return Progress(Stage.AWAITING_START)
    match event:
        case Failed(error=JobError(reason=reason)):
            pass
        case Stopped():
            reason = Reason.TIMED_OUT
        case _:
            reason = Reason.CRASHED
    # After a try that does not count, the next one has the same number.
    retry = Retry(reason, job.attempts + (not again.refund), retries.max_attempts)
    return Progress(Stage.RETRYING, eta_s=again.delay_s, retry=retry)


def describe(event: Event) -> str:
    """What happened, for the log. Only our own exceptions' texts are free of secrets."""
    match event:
        case Failed(error=JobError() as error):
            return str(error)
        case Failed(error=TelegramError() as error):
            return f"{type(error).__name__}: {error}"
        case Failed(error=error):
            return type(error).__name__
        case _:
            return str(event)


def is_out_of_room(event: Event) -> bool:
    """Whether a job has ended because there was no room on the disk for it."""
    match event:
        case Failed(error=JobError(reason=Reason.DISK_FULL)):
            return True
        case _:
            return False


def known_s(error: JobError) -> float:
    """For how many seconds a download's failure need not be found out again."""
    return _KNOWN_S.get(error.reason, 0.0) if error.fault is Fault.PERMANENT else 0.0


def is_exhausted(job: Job, retries: Retries) -> bool:
    """Whether a claimed job is beyond the attempts that it is allowed."""
    return job.attempts > retries.max_attempts


def exhausted(job: Job) -> JobError:
    """The error of a job whose last attempt never came back, not even with an error."""
    return _retryable(Reason.CRASHED, f"{job.attempts - 1} attempts ended without an answer")


def goes_another_way(job: ClaimedJob) -> bool:
    """Whether an answer that no message could be turned into is sent as a message of its own."""
    return isinstance(job, DeliverJob | ExplainJob) and job.refused_s >= MAX_REFUSED_S


def _decide_unanswered(job: Job, error: TelegramError, refused_s: float, wall: Wall) -> Decision:
    """Repeat a call, try another way, or give it up, by how long others were answered."""
    # A page that closes by itself answers no press, and was queued long before it was due.
    is_press = isinstance(job, ButtonJob) and bool(job.answer.callback_id)
    if is_press and wall - job.created_at > BUTTON_MAX_AGE_S:
        return GiveUp()
    is_refused = refused_s >= MAX_REFUSED_S
    if is_refused and isinstance(job, MenusJob | RemovalJob):
        return GiveUp()
    if is_refused and refused_s > job.refused_s:
        if isinstance(job, DeliverJob | ExplainJob) and not goes_another_way(job):
            return CallAgain(OTHER_WAY_WAIT_S, refused_s)
        return _give_up_call(error)
    if isinstance(error, MessageDeleted) and job.unanswered + 1 >= MAX_DELETED:
        return _give_up_call(error)
    delay_s = min(TELEGRAM_RETRY_S * 2.0 ** min(job.unanswered, 10), LONGEST_RETRY_S)
    if not is_refused:
        # The last wait is cut short, so that the call ends in time.
        delay_s = min(delay_s, max(TELEGRAM_RETRY_S, MAX_REFUSED_S - refused_s))
    return CallAgain(delay_s, refused_s)


def _give_up_call(error: TelegramError) -> Fail:
    return Fail(
        JobError(Reason.TELEGRAM_FAILS, Fault.RETRYABLE, f"{type(error).__name__}: {error}")
    )


def _retryable(reason: Reason, detail: str = "") -> JobError:
    return JobError(reason, Fault.RETRYABLE, detail)


def _decide_no_answer(job: Job, error: JobError, retries: Retries, wall: Wall) -> Decision:
    """Decide on an attempt that was lost with its worker, or hung; the job may be why."""
    if _may_start_later(job, error, retries, wall):
        return TryAgain(_next_look_s(job, error, wall), refund=True, may_be_to_blame=True)
    return _decide_error(job, error, retries)


def _decide_error(job: Job, error: JobError, retries: Retries, traceback: str = "") -> Decision:
    if error.reason is Reason.DISK_FULL:
        return TryAgain(retries.retry_after_s, refund=True)
    # What was recorded cannot be recorded again, so attempts are refunded as long as that is
    # allowed.
    is_recorded = isinstance(job, RecordingJob) and job.has_begun
    is_last = is_exhausted(job, retries) if is_recorded else job.attempts >= retries.max_attempts
    if error.fault is not Fault.RETRYABLE or is_last:
        return Fail(error, traceback)
    least_s = retries.retry_after_s if job.kind.is_download else TELEGRAM_RETRY_S
    if isinstance(job, LookJob):
        least_s = min(least_s, LOOK_RETRY_S)
    delay_s = max(least_s, error.retry_after_s or 0.0)
    return TryAgain(delay_s, refund=is_recorded, may_be_to_blame=is_recorded)
