"""What came of a job, put into the ledger and into the log.

A link can be followed through the log: by its request's id from the update to the answer, and by
its download's id in between.
"""

import logging
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, assert_never

from worker import errors, logs
from worker.clocks import Monotonic, Wall
from worker.dispatch import outcomes
from worker.dispatch.disk_space import DiskSpace
from worker.dispatch.in_hand import JobsInHand
from worker.dispatch.reachability import Spell
from worker.dispatch.site_rules import SiteRules
from worker.dispatch.status.showing import Showing
from worker.ledger import (
    Answer,
    ButtonJob,
    CookiesJob,
    DeliverJob,
    DownloadJob,
    ExplainJob,
    GroupJob,
    Job,
    Ledger,
    MenusJob,
    PanelJob,
    Quota,
    ReplyJob,
    Request,
    RequestJob,
    StatusJob,
    SummaryJob,
    UpdateJob,
    Verdict,
)
from worker.ledger.batches import Room
from worker.pool.events import Event, Failed
from worker.processes.process_table import Identity
from worker.protocol import (
    DownloadUsage,
    Identified,
    Media,
    Outpaced,
    Progress,
    YtDlpStarted,
)
from worker.settings import Settings
from worker.site_cookies import CookiesTried
from worker.sites import site_of_link

log = logging.getLogger(__name__)

FEED_INTERVAL_S = 1.0
"""Between two looks at the lists that people have taken items of."""


class Recorder:
    """Records reports, results and failures. For the dispatcher's thread alone.

    Each call is one transaction of the ledger, or several that may be repeated: what raises
    LedgerBusy is to be called again.
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        in_hand: JobsInHand,
        showing: Showing,
        disk_space: DiskSpace,
        site_rules: SiteRules,
    ) -> None:
        self._own_secrets = settings.secrets
        self._quota = Quota(
            settings.user_max_waiting,
            settings.user_links_per_minute,
            settings.user_links_per_hour,
            settings.user_links_per_day,
        )
        # While one is fetched and another sent, the next is known.
        self._at_once = settings.user_max_running + 2
        self._feed_at = Monotonic(0.0)
        self._retries = outcomes.Retries(settings.job_max_attempts, settings.queue_retry_after_s)
        self._ledger = ledger
        self._in_hand = in_hand
        self._showing = showing
        self._disk_space = disk_space
        self._site_rules = site_rules
        self.cookies_that_work: dict[str, int | None] = {}
        """By their sites the times of the files whose cookies have worked in this run, and do."""

    @property
    def _secrets(self) -> tuple[str, ...]:
        return (*self._own_secrets, *self._site_rules.sites.secrets)

    # ------------------------------------------------------------------------- beginnings

    def may_try(self, job: Job) -> bool:
        """Whether a claimed job is within the attempts that it is allowed."""
        return job.attempts <= self._retries.max_attempts

    def log_begin(self, job: Job) -> None:
        """A worker has been given a job."""
        if isinstance(job, DownloadJob):
            log.info(
                "job %d: %s from %s begins, attempt %d.",
                job.id,
                job.kind,
                site_of_link(job.url),
                job.attempts,
            )

    def feed_batches(self, down: Mapping[str, float], now: Monotonic, wall: Wall) -> None:
        """Let the next items of lists begin, now and then.

        `down` are the sites that fail for everybody, and when each is tried again.
        """
        if now < self._feed_at:
            return
        self._feed_at = Monotonic(now + FEED_INTERVAL_S)
        if not self._ledger.has_open_batches():
            return
        tried = {site: now >= probe_at for site, probe_at in down.items()}
        room = Room(self._at_once, self._site_rules.full_lately, tried)
        for request in self._ledger.feed_batches(self._quota, room, wall):
            log.info(
                "request %d: item of batch %d (%s), %s.",
                request.id,
                request.batch_id,
                site_of_link(request.url),
                _source(request),
            )

    # ---------------------------------------------------------------------------- reports

    def take_report(self, job: DownloadJob, message: object, wall: Wall) -> None:
        """Record what a running download says of itself."""
        match message:
            case Progress():
                self._showing.put(job.id, message)
            case YtDlpStarted():
                self._ledger.remember_session(Identity(message.pid, message.started), job)
            case Identified():
                self._in_hand.stop(self._ledger.identify(job, message.media_key, wall))
            case CookiesTried():
                works = self._ledger.note_cookies(message, job.url, wall)
                self.cookies_that_work[message.site] = message.changed_ns if works else None
            case Outpaced():
                self._ledger.limit_download(job, message.done_bytes)
            case DownloadUsage():
                log_end = logs.redact(message.log, self._secrets)
                self._ledger.remember_usage(job, replace(message, log=log_end))

    # ---------------------------------------------------------------------------- results

    def take_result(self, job: Job, result: Any, took_s: float, wall: Wall) -> None:
        """Record what a job returned, which is what `worker.protocol` says of its task."""
        match job:
            case UpdateJob():
                self._finish_update(job, result, wall)
            case StatusJob():
                self._ledger.finish_status(job, result.message_id, wall)
            case SummaryJob():
                self._ledger.finish_summary(job, result.message_id, wall)
            case DownloadJob():
                self._ledger.finish_download(job, result, wall)
                log.info(
                    "job %d: %s from %s done: %s, in %.1f s, attempt %d.",
                    job.id,
                    job.kind,
                    site_of_link(job.url),
                    _describe(result),
                    took_s,
                    job.attempts,
                )
            case ExplainJob():
                self._ledger.finish_explanation(job, wall)
            case GroupJob() | DeliverJob() if result is None:
                # Its request was cancelled before it ran, and it has explained that.
                self._ledger.finish_explanation(job, wall)
            case GroupJob():
                self._ledger.finish_group(job, result, wall)
            case DeliverJob():
                self._ledger.finish_delivery(job, result, wall)
            case MenusJob():
                self._ledger.finish_menus(job, wall)
            case PanelJob():
                self._ledger.finish_panel(job, result.message_id, wall)
            case CookiesJob():
                self._ledger.finish_cookies(job, result, wall)
            case ReplyJob() | ButtonJob():
                self._ledger.finish(job, wall)
            case _:
                assert_never(job)

    def _finish_update(self, job: UpdateJob, effects: Any, wall: Wall) -> None:
        full_sites = self._site_rules.full_lately
        done = self._ledger.finish_update(job, effects, self._quota, wall, full_sites)
        self._in_hand.stop(done.job_ids_to_stop)
        update_id = job.update["update_id"]
        for request in done.opened:
            log.info(
                "request %d: link from update %d accepted (%s), %s.",
                request.id,
                update_id,
                site_of_link(request.url),
                _source(request),
            )
        for refusal in done.refused:
            log.info("update %d: a link is refused: %s.", update_id, refusal)

    def log_answers(self) -> None:
        """Write one line for each link that has come to its end."""
        for answer in self._ledger.take_answers():
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

    # --------------------------------------------------------------------------- failures

    def put_back(self, job: Job, wall: Wall) -> None:
        """Let a job wait that the bot's own end has interrupted; the attempt does not count."""
        self._ledger.put_back(job, 0, wall, refund=True)

    def call_now(self, answered: Spell, wall: Wall) -> None:
        """Telegram answers again, so nothing waits for that any more; see `Ledger.call_now`."""
        if waited := self._ledger.call_now(answered.began, answered.ended, wall):
            log.info("Telegram answers again: %d jobs that waited for it go on.", waited)

    def take_failure(self, job: Job, event: Event, wall: Wall, refused_s: float = 0.0) -> None:
        """Decide what becomes of a job that did not return, and do it.

        `refused_s` is for how long Telegram has not answered it while it answered others.
        """
        match outcomes.decide(job, event, self._retries, wall, refused_s):
            case outcomes.TryAgain(delay_s=delay_s) as again:
                blamed = again.may_be_to_blame
                self._ledger.put_back(
                    job, delay_s, wall, refund=again.refund, may_be_to_blame=blamed
                )
                self._showing.put(job.id, outcomes.waiting(job, event, again, self._retries))
                _log_again(job, job.attempts, event, delay_s)
            case outcomes.CallAgain(delay_s=delay_s, refused_s=refused_s):
                self._ledger.call_again(job, delay_s, refused_s, wall)
                _log_again(job, job.attempts + job.unanswered, event, delay_s)
            case outcomes.Fail(error=error, traceback=traceback):
                self.fail(job, error, traceback, wall)
            case outcomes.GiveUp():
                said = outcomes.describe(event)
                log.warning(
                    "job %d: the %s can reach nobody and is given up (%s).", job.id, job.kind, said
                )
                self._in_hand.stop(self._ledger.give_up(job, wall))
            case outcomes.GiveUpChat():
                log.warning(
                    "job %d: its chat is closed to the bot, so all jobs for that chat end.", job.id
                )
                self._in_hand.stop(self._ledger.give_up_chat(job, wall))
                self.sweep()
            case outcomes.PostAgain(job=answer):
                log.info(
                    "request %d: its status message is gone, another is posted.", answer.request.id
                )
                self._ledger.post_again(answer, wall)
            case outcomes.DownloadAgain(job=answer):
                log.warning(
                    "request %d: its media is gone, it is fetched again.", answer.request.id
                )
                self._ledger.download_again(answer, wall)
            case outcomes.Unwanted():
                log.info("job %d: the %s was stopped as unwanted.", job.id, job.kind)
                self._ledger.drop_stopped(job, wall)

    def fail(self, job: Job, error: errors.JobError, traceback: str, wall: Wall) -> None:
        """A job has failed for good; whoever waits for it is told."""
        error_id = secrets.token_hex(3)
        error.detail = logs.redact(error.detail, self._secrets)
        traceback = logs.redact(traceback, self._secrets)
        known_s = outcomes.known_s(error)
        self._in_hand.stop(
            self._ledger.fail(job, error, error_id, traceback, wall, known_s=known_s)
        )
        is_for_operator = error.fault is errors.Fault.OPERATOR
        log.log(
            logging.ERROR if is_for_operator else logging.WARNING,
            "job %d: the %s failed for good, error %s: %s%s",
            job.id,
            job.kind,
            error_id,
            error,
            f"\n{traceback}" if is_for_operator and traceback else "",
        )

    def heed_stops(self, wall: Wall) -> None:
        """End the downloads that the operator wants ended; whoever waits for them is told."""
        for job_id in self._ledger.stops():
            log.info("job %d: the operator ends it.", job_id)
            self._in_hand.stop(self._ledger.carry_out_stop(job_id, wall))

    # --------------------------------------------------------------------------- cleaning

    def clean_up(self, job: Job) -> None:
        """Remove what an ended job should have removed, and what its answer releases."""
        if isinstance(job, DownloadJob):
            self._ledger.forget_sessions(job)
            self.sweep(f"{job.id}-")
        elif isinstance(job, RequestJob) and job.request.comes_in_album:
            self.sweep()
        elif isinstance(job, RequestJob) and job.request.download_id:
            self.sweep(f"{job.request.download_id}-")

    def sweep(self, prefix: str = "") -> None:
        """Remove the download directories whose names begin so and that no job needs."""
        self._disk_space.sweep(prefix, self._ledger.live_directories())


def _log_again(job: Job, attempt: int, event: Event, delay_s: float) -> None:
    # What Telegram does to one call it does to all, and each comes again every few seconds.
    is_telegram = isinstance(event, Failed) and isinstance(event.error, errors.TelegramError)
    fact = {"fact": f"{job.kind} ended: {outcomes.describe(event)}"} if is_telegram else None
    log.info(
        "job %d: attempt %d of the %s ended (%s), next in %.0f s.",
        job.id,
        attempt,
        job.kind,
        outcomes.describe(event),
        delay_s,
        extra=fact,
    )


def _source(request: Request) -> str:
    """Where the media of a new request comes from, for the log."""
    if request.verdict is Verdict.SENTENCE:
        return f"known to have failed, error {request.error_id}"
    if request.download_id is None:
        return "Telegram has its media"
    return f"download job {request.download_id}"


def _fields(answer: Answer) -> Mapping[str, Any]:
    """The same for programs; the request's id is in front of the line."""
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
    """Files by their kinds and their size, a list by its length, or a look, for the log."""
    if media and media.look:
        return "what a look has found"
    if media and media.found_list:
        return f"a list with {len(media.found_list.items)} items"
    files = media.files if media else ()
    kinds = Counter(file.facts.kind.value for file in files)
    counts = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
    return f"{counts or 'nothing'} ({sum(file.size_bytes for file in files)} bytes)"
