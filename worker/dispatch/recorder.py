"""What became of a job, recorded in the ledger and in the log."""

import contextlib
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, assert_never

from worker import errors, logs
from worker.clocks import Monotonic, Wall
from worker.dispatch import log_lines, outcomes
from worker.dispatch.circuit_breaker import CircuitBreaker
from worker.dispatch.disk_space import DiskSpace
from worker.dispatch.reachability import AnsweringPeriod
from worker.dispatch.running_jobs import RunningJobs
from worker.dispatch.site_rules import SiteRules, switched_off
from worker.dispatch.status.showing import Showing
from worker.ledger import (
    ButtonJob,
    CookiesJob,
    DeliverJob,
    DownloadJob,
    ExplainJob,
    GroupJob,
    Job,
    Ledger,
    LedgerBusy,
    MenusJob,
    PanelJob,
    Quota,
    RecordingJob,
    RemovalJob,
    ReplyJob,
    StatusJob,
    SummaryJob,
    UpdateJob,
)
from worker.ledger.lists.batches import BatchLimits
from worker.pool.events import Event
from worker.processes.process_table import Identity
from worker.protocol import (
    DownloadUsage,
    Identified,
    Outpaced,
    Progress,
    SentApart,
    Stage,
    YtDlpStarted,
)
from worker.protocol.site_cookies import CookiesTried
from worker.settings import Settings

log = logging.getLogger(__name__)

FEED_INTERVAL_S = 1.0
"""How often the lists that people have taken items from are looked at."""

REFUSE_INTERVAL_S = 1.0
"""How often the downloads that wait are looked through while a site is switched off or down."""


class Recorder:
    """Records reports, results and failures. For the dispatcher's thread alone.

    Each call is one transaction of the ledger, or several that may be repeated: what raises
    LedgerBusy is to be called again.
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        running: RunningJobs,
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
        # While one is fetched and another one sent, the next is ready.
        self._at_once = settings.user_max_running + 2
        self._feed_at = self._refuse_at = Monotonic(0.0)
        self._retries = outcomes.Retries(settings.job_max_attempts, settings.queue_retry_after_s)
        self._ledger = ledger
        self._running = running
        self._showing = showing
        self._disk_space = disk_space
        self._site_rules = site_rules
        self.cookies_that_work: dict[str, int | None] = {}
        """By site, the time of the file whose cookies have worked in this run and still do."""

    @property
    def _secrets(self) -> tuple[str, ...]:
        return (*self._own_secrets, *self._site_rules.sites.secrets)

    # ------------------------------------------------------------------------- beginnings

    def may_try(self, job: Job) -> bool:
        """Whether a claimed job is within the attempts that it is allowed."""
        return not outcomes.is_exhausted(job, self._retries)

    def feed_batches(self, sites_down: Mapping[str, Monotonic], now: Monotonic, wall: Wall) -> None:
        """Open requests for the next items of lists, every `FEED_INTERVAL_S`.

        `sites_down` are the sites that fail for everybody, and when each is tried again.
        """
        if now < self._feed_at:
            return
        self._feed_at = Monotonic(now + FEED_INTERVAL_S)
        if not self._ledger.has_open_batches():
            return
        may_be_tried = {site: now >= probe_at for site, probe_at in sites_down.items()}
        limits = BatchLimits(self._at_once, self._site_rules.full_lately, may_be_tried)
        outcome = self._ledger.feed_batches(self._quota, limits, wall)
        self._running.stop(outcome.job_ids_to_stop)
        for request in outcome.opened:
            log_lines.item_opened(request)

    def refuse_waiting(self, circuits: CircuitBreaker, now: Monotonic, wall: Wall) -> None:
        """Fail the waiting downloads whose sites are not asked now, every `REFUSE_INTERVAL_S`."""
        is_any_refused = self._site_rules.sites.any_is_off or circuits.refuses_any(now)
        if now < self._refuse_at or not is_any_refused:
            return
        self._refuse_at = Monotonic(now + REFUSE_INTERVAL_S)
        for job in self._ledger.waiting_downloads():
            if self._site_rules.refuses(job):
                self.fail(job, switched_off(), "", wall)
            elif circuits.refuses(job, now):
                self.fail(job, circuits.refusal(job), "", wall)

    # ---------------------------------------------------------------------------- reports

    def take_report(self, job: DownloadJob, message: object, wall: Wall) -> None:
        """Record what a running download reports."""
        match message:
            case Progress():
                if message.stage is Stage.RECORDING:
                    self._begin_recording(job)
                self._showing.put(job.id, message)
            case YtDlpStarted():
                self._ledger.remember_session(Identity(message.pid, message.started), job)
            case Identified():
                self._running.stop(self._ledger.note_media_key(job, message.media_key, wall))
            case CookiesTried():
                works = self._ledger.note_cookies(message, job.url, wall)
                self.cookies_that_work[message.site] = message.changed_ns if works else None
            case Outpaced():
                self._ledger.limit_download(job, message.done_bytes)
            case DownloadUsage():
                log_end = logs.redact(message.log, self._secrets)
                self._ledger.remember_usage(job, replace(message, log=log_end))

    def _begin_recording(self, job: DownloadJob) -> None:
        """Note with the first such report that something of a live stream lies on disk."""
        if isinstance(job, RecordingJob) and not job.has_begun:
            self._ledger.begin_recording(job)
            self._running.begin_recording(job)

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
                # A look, which has no files, does not show that there is room for some.
                if result.files:
                    self._disk_space.no_room_at = None
                log_lines.download_done(job, result, took_s)
            case ExplainJob():
                self._ledger.finish_explanation(job, wall, result)
            case GroupJob() | DeliverJob() if isinstance(result, SentApart | None):
                # Its request was cancelled before it ran, and it has explained that.
                self._ledger.finish_explanation(job, wall, result)
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
            case ReplyJob() | ButtonJob() | RemovalJob():
                self._ledger.finish(job, wall)
            case _:
                assert_never(job)

    def _finish_update(self, job: UpdateJob, effects: Any, wall: Wall) -> None:
        full_sites = self._site_rules.full_lately
        done = self._ledger.finish_update(job, effects, self._quota, wall, full_sites)
        self._running.stop(done.job_ids_to_stop)
        for request in done.opened:
            log_lines.accepted(request, job.update["update_id"])
        for refusal in done.refused:
            log.info("update %d: a link was refused: %s.", job.update["update_id"], refusal)

    def take_answers(self) -> None:
        """Write one line for each link that has come to its end, and remove what that releases."""
        answers = self._ledger.take_answers()
        for answer in answers:
            log_lines.answered(answer)
        # What cannot be removed now is an orphan, which maintenance removes.
        with contextlib.suppress(LedgerBusy):
            self._sweep_of(*(answer.download_id for answer in answers))

    # --------------------------------------------------------------------------- failures

    def put_back(self, job: Job, wall: Wall) -> None:
        """Let a job wait that the bot's own end has interrupted; the attempt does not count."""
        self._ledger.put_back(job, 0, wall, refund=True)

    def call_now(self, answered: AnsweringPeriod, wall: Wall) -> None:
        """Let what waits for Telegram wait no longer, since it answers again."""
        if waited := self._ledger.call_now(Wall(answered.began), Wall(answered.ended), wall):
            log.info("Telegram answers again: %d jobs that waited for it go on.", waited)

    def take_failure(self, job: Job, event: Event, wall: Wall, refused_s: float = 0.0) -> None:
        """Decide what becomes of a job that did not return, and do it.

        `refused_s` is for how long Telegram has not answered it while it answered others.
        """
        if outcomes.is_out_of_room(event):
            self._disk_space.no_room_at = wall
        match outcomes.decide(job, event, self._retries, wall, refused_s):
            case outcomes.TryAgain() as again:
                self._try_again(job, event, again, wall)
            case outcomes.CallAgain(delay_s=delay_s, refused_s=refused_s):
                self._ledger.call_again(job, delay_s, refused_s, wall)
                log_lines.tried_again(job, job.attempts + job.unanswered, event, delay_s)
            case outcomes.Fail(error=error, traceback=traceback):
                self.fail(job, error, traceback, wall)
            case outcomes.GiveUp():
                log.warning(
                    "job %d: nobody can be reached, so the %s is given up (%s).",
                    job.id,
                    job.kind.noun,
                    outcomes.describe(event),
                )
                self._running.stop(self._ledger.give_up(job, wall))
            case outcomes.GiveUpChat():
                log.warning(
                    "job %d: its chat is closed to the bot, so all jobs for that chat end.", job.id
                )
                self._running.stop(self._ledger.give_up_chat(job, wall))
            case outcomes.MoveChat(chat_id=chat_id):
                log.info(
                    "job %d: its group is a supergroup now, and what waits goes on there.", job.id
                )
                self._ledger.move_chat(job, chat_id, wall)
            case outcomes.PostAgain(job=answer):
                log.info(
                    "request %d: its status message is gone; another is posted.", answer.request.id
                )
                self._ledger.post_again(answer, wall)
            case outcomes.DownloadAgain(job=answer, is_refused=is_refused):
                log.warning(
                    "request %d: its media is gone; it is fetched again.", answer.request.id
                )
                self._ledger.download_again(answer, wall, is_refused=is_refused)
                self._sweep_of(answer.request.download_id)
            case outcomes.Unwanted():
                log.info("job %d: the %s was stopped as unwanted.", job.id, job.kind.noun)
                self._ledger.drop_stopped(job, wall)

    def _try_again(self, job: Job, event: Event, again: outcomes.TryAgain, wall: Wall) -> None:
        waits = self._ledger.put_back(
            job,
            again.delay_s,
            wall,
            refund=again.refund,
            may_be_to_blame=again.may_be_to_blame,
        )
        if waits:
            self._showing.put(job.id, outcomes.waiting(job, event, again, self._retries))
            log_lines.tried_again(job, job.attempts, event, again.delay_s)
        else:
            log.info("job %d: nobody waits for the %s any more.", job.id, job.kind.noun)

    def fail(self, job: Job, error: errors.JobError, traceback: str, wall: Wall) -> None:
        """Record that a job has failed for good; whoever waits for it is told."""
        error_id = errors.new_error_id()
        error.detail = logs.redact(error.detail, self._secrets)
        traceback = logs.redact(traceback, self._secrets)
        known_s = outcomes.known_s(error)
        self._running.stop(
            self._ledger.fail(job, error, error_id, traceback, wall, known_s=known_s)
        )
        is_for_operator = error.fault is errors.Fault.OPERATOR
        log.log(
            logging.ERROR if is_for_operator else logging.WARNING,
            "job %d: the %s failed for good, error %s: %s%s",
            job.id,
            job.kind.noun,
            error_id,
            error,
            f"\n{traceback}" if is_for_operator and traceback else "",
        )

    def heed_stops(self, wall: Wall) -> None:
        """End the downloads that the operator wants ended; whoever waits for them is told."""
        for job_id in self._ledger.stops():
            log.info("job %d: the operator ends it.", job_id)
            self._running.stop(self._ledger.carry_out_stop(job_id, wall))

    # --------------------------------------------------------------------------- cleaning

    def clean_up(self, job: Job) -> None:
        """Remove what an ended download should have removed."""
        if isinstance(job, DownloadJob):
            self._ledger.forget_sessions(job)
            self._sweep_of(job.id)

    def sweep(self) -> None:
        """Remove the download directories that no job needs."""
        self._disk_space.sweep(self._ledger.live_directories(), "")

    def _sweep_of(self, *download_ids: int | None) -> None:
        prefixes = [f"{download_id}-" for download_id in download_ids if download_id is not None]
        if prefixes:
            self._disk_space.sweep(self._ledger.live_directories(), *prefixes)
