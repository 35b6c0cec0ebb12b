"""One thread: jobs from the ledger to the pools, and what came of them back to the ledger.

It waits in one place, on its pools and a wake-up, at most `TICK_S`. In memory it keeps only
what a restart may forget: the jobs in hand and the progress that is on show.
"""

import collections
import contextlib
import logging
import os
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, assert_never

from worker import clocks, errors, logs, protocol
from worker.clocks import Monotonic, Wall
from worker.dispatch import outcomes
from worker.dispatch.circuit_breaker import CircuitBreaker, refusal
from worker.dispatch.disk_space import DiskSpace
from worker.dispatch.outcomes import decide
from worker.dispatch.rate_limits import RateLimits
from worker.dispatch.status.showing import Showing
from worker.dispatch.tasks import task_of, timeout_s
from worker.dispatch.ytdlp_upgrade import UpgradeWatch
from worker.ledger import (
    DOWNLOADS,
    TELEGRAM,
    ButtonJob,
    DeliverJob,
    DownloadJob,
    ExplainJob,
    GroupJob,
    Job,
    Ledger,
    LedgerBusy,
    Quota,
    ReplyJob,
    RequestJob,
    Share,
    StatusJob,
    UpdateJob,
    Words,
)
from worker.pool import Pool, PoolSpec
from worker.pool.channel import wait_ready
from worker.pool.events import Event, Failed, Finished, Reported
from worker.pool.watched_process import replace_fork_server
from worker.processes.process_table import Identity
from worker.settings import Settings
from worker.telegram import texts

log = logging.getLogger(__name__)

TICK_S = 1.0
LEDGER_PAUSE_S = 1.0
"""How long work waits after the ledger could not be written."""

STOP_PATIENCE_S = 4.0
"""From the end of the grace to the end of the pools: for sessions to be killed and cleaned."""

WORDS = Words(
    {outcome: texts.notice(texts.ENGLISH, outcome) for outcome in protocol.Cancelled},
    {refusal: texts.notice(texts.ENGLISH, refusal) for refusal in protocol.Refusal},
)


@dataclass
class InHand:
    """A job that a worker has."""

    job: Job
    pool: Pool


class Dispatcher:
    """See the module. `run` is the thread; the other public methods may come from any thread."""

    def __init__(
        self,
        settings: Settings,
        open_ledger: Callable[[], Ledger],
        make_pool: Callable[[PoolSpec], Pool],
        telegram: PoolSpec,
        downloads: PoolSpec,
    ) -> None:
        """Prepare everything; nothing is started or opened before `run`."""
        self._settings = settings
        self._open_ledger = open_ledger
        self._pools = {TELEGRAM: make_pool(telegram), DOWNLOADS: make_pool(downloads)}
        self._share = Share(settings.user_max_running, settings.chat_max_running)
        self._quota = Quota(
            settings.user_max_waiting,
            settings.user_links_per_minute,
            settings.user_links_per_hour,
            settings.user_links_per_day,
        )
        self._retries = outcomes.Retries(settings.job_max_attempts, settings.queue_retry_after_s)
        self._space = DiskSpace(settings.data_dir, settings.max_file_bytes * settings.most_parts)
        self._wakeup = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._in_hand: dict[int, InHand] = {}
        self._events: collections.deque[Event] = collections.deque()
        self._governor = RateLimits()
        self._circuits = CircuitBreaker()
        self._showing = Showing(
            self._pools[TELEGRAM], self._governor, settings.telegram_job_timeout_s
        )
        self._upgrade = UpgradeWatch()
        self._has_recovered = False
        self._paused_until = 0.0
        self._stop_at: float | None = None
        self._lock = threading.Lock()
        self.heartbeat = clocks.monotonic()
        self.token_refused = threading.Event()

    # ------------------------------------------------------------- from other threads

    def wake(self) -> None:
        """There may be new work."""
        os.eventfd_write(self._wakeup, 1)

    def stop(self, grace_s: float) -> None:
        """Claim nothing more, and end when the jobs in hand have, or after the grace."""
        stop_at = clocks.monotonic() + grace_s
        with self._lock:
            self._stop_at = stop_at if self._stop_at is None else min(self._stop_at, stop_at)
        self.wake()

    def stop_now(self) -> None:
        """Kill what is in hand and end; it is done again after the next start."""
        self.stop(-STOP_PATIENCE_S)

    @property
    def pids(self) -> list[int]:
        """The pids of the processes that the dispatcher has started."""
        workers = [pid for pool in self._pools.values() for pid in pool.pids]
        return workers + self._upgrade.pids

    @property
    def upgrade_trouble(self) -> str | None:
        """Why what is on disk is not what runs; None when it is, or soon will be."""
        return self._upgrade.trouble

    @property
    def pools(self) -> list[Pool]:
        """The pools, to be looked at."""
        return list(self._pools.values())

    @property
    def sites_down(self) -> Mapping[str, float]:
        """The sites that are not asked, with the monotonic time at which each is tried again."""
        return self._circuits.sites_down

    # ------------------------------------------------------------------------ the loop

    def run(self) -> None:
        """Work until `stop`, then leave no worker behind."""
        self.open()
        try:
            while not self.is_over(clocks.monotonic()):
                self.heartbeat = clocks.monotonic()
                self.step(clocks.monotonic(), clocks.wall_clock())
                self._wait()
        finally:
            self.close()

    def open(self) -> None:
        """Open the ledger; all that follows belongs to the same thread."""
        self._ledger = self._open_ledger()

    def step(self, now: Monotonic, wall: Wall) -> None:
        """Everything that is due at monotonic `now` and wall clock `wall`."""
        if self._upgrade.step(now):
            replace_fork_server()
            self._pools[DOWNLOADS].renew()
        for pool in self._pools.values():
            self._events += pool.step(now)
        if now < self._paused_until:
            return
        try:
            if not self._has_recovered:
                self._recover()
            while self._events:
                # It leaves the queue only when the ledger has it.
                self._take(self._events[0], now, wall)
                self._events.popleft()
            if self._stop_at is None:
                has_room = self._place(now, wall)
                self._showing.step(self._ledger, now, wall, has_room=has_room)
        except LedgerBusy as error:
            log.error("The ledger cannot be written, work waits: %s", error)
            self._paused_until = now + LEDGER_PAUSE_S

    def _recover(self) -> None:
        """Before all else, and again while a full disk or a locked ledger is in the way."""
        recovered = self._ledger.recover()
        self._sweep("")
        self._has_recovered = True
        log.info("The dispatcher starts; %d jobs of the last run wait again.", recovered)

    def _wait(self) -> None:
        now = clocks.monotonic()
        deadlines = [pool.next_deadline() for pool in self._pools.values()]
        readers = [reader for pool in self._pools.values() for reader in pool.readers]
        writers = [writer for pool in self._pools.values() for writer in pool.writers]
        deadlines += [now + TICK_S, self._governor.next_opening(now)]
        wait_s = 0.0 if self._has_work(now) else min(deadlines) - now
        wait_ready([self._wakeup, *readers], writers, wait_s)
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._wakeup)

    def _has_work(self, now: Monotonic) -> bool:
        """Whether events wait for nothing but the next step."""
        return bool(self._events) and now >= self._paused_until

    def is_over(self, now: Monotonic) -> bool:
        """Whether a stop is complete; once its grace is over, orders what is in hand to stop."""
        if self._stop_at is None:
            return False
        if not self._in_hand and not self._events:
            return True
        late_s = now - self._stop_at
        if late_s > 0:
            for job_id, hand in self._in_hand.items():
                # A download gets time to end its session; nothing else listens to the order.
                grace_s = STOP_PATIENCE_S if hand.job.kind.listens_to_stop else 0
                hand.pool.stop_job(job_id, grace_s)
        return late_s > STOP_PATIENCE_S

    def close(self) -> None:
        """End every worker, and put back what they had in hand."""
        self._upgrade.close()
        for pool in self._pools.values():
            pool.close()
        wall = clocks.wall_clock()
        try:
            for hand in self._in_hand.values():
                self._ledger.put_back(hand.job, 0, wall, refund=True)
            self._sweep("")
        except LedgerBusy as error:
            log.error("Jobs in hand are put back at the next start: %s", error)
        self._ledger.close()

    # ------------------------------------------------------------------- ledger to pools

    def _place(self, now: Monotonic, wall: Wall) -> bool:
        """Give jobs to the free workers. False when one of them waits for room on the disk."""
        for job in self._circuits.refused(self._ledger, now):
            self._fail(job, refusal(job), "", wall)
        self._place_in(TELEGRAM, now, wall)
        running = sum(hand.job.kind.is_download for hand in self._in_hand.values())
        if self._space.allows_one_beside(running):
            self._place_in(DOWNLOADS, now, wall)
            return True
        return not self._pools[DOWNLOADS].free

    def _place_in(self, name: str, now: Monotonic, wall: Wall) -> None:
        pool = self._pools[name]
        while pool.free:
            uploads = sum(hand.job.kind.is_upload for hand in self._in_hand.values())
            job = self._ledger.claim(
                name,
                wall,
                busy_request_ids=self._showing.busy_request_ids,
                closed_chat_ids=self._governor.closed_chats(now) if name == TELEGRAM else (),
                share=self._share,
                # One worker is kept for short calls, which never wait behind uploads.
                uploads=uploads < max(1, pool.spec.size - 1),
            )
            if job is None:
                return
            # From here on it is in hand, and what becomes of it is an event like any other:
            # one that the ledger cannot take now is offered to it again.
            self._in_hand[job.id] = InHand(job, pool)
            wait_s = self._circuits.wait_s(job, now)
            if job.attempts > self._retries.max_attempts:
                self._events.append(Failed(job.id, outcomes.exhausted(job), ""))
            elif isinstance(job, DownloadJob) and not self._circuits.admits(job, now):
                self._events.append(Failed(job.id, refusal(job), ""))
            elif (task := task_of(job, self._space.directory, self._settings, wait_s)) is None:
                self._events.append(Failed(job.id, outcomes.FileVanished(), ""))
            else:
                pool.submit(job.id, task, timeout_s(task, self._settings))
                self._showing.began(job.id, task, now)
                if name == TELEGRAM and job.chat_id is not None:
                    self._governor.spend(job.chat_id, now)

    # ------------------------------------------------------------------- pools to ledger

    def _take(self, event: Event, now: Monotonic, wall: Wall) -> None:
        if self._showing.take(event, now):
            return
        hand = self._in_hand.get(event.job_id)
        if hand is None:
            return
        if isinstance(event, Reported):
            if isinstance(hand.job, DownloadJob):
                self._take_report(hand.job, event.message, wall)
            return
        self._showing.forget(event.job_id)
        if isinstance(event, Finished):
            self._take_result(hand.job, event.result, wall)
        else:
            if isinstance(event, Failed):
                self._governor.heed(hand.job.chat_id, event.error, now)
            self._carry_out(hand.job, event, wall)
        del self._in_hand[event.job_id]
        self._circuits.take(hand.job, event, now)
        self._clean_up(hand.job)

    def _take_report(self, job: DownloadJob, message: object, wall: Wall) -> None:
        if isinstance(message, protocol.Progress):
            self._showing.put(job.id, message)
        elif isinstance(message, protocol.YtDlpStarted):
            self._ledger.remember_session(Identity(message.pid, message.started), job)
        elif isinstance(message, protocol.Identified):
            self._stop_jobs(self._ledger.identify(job, message.media_key, wall))
        elif isinstance(message, protocol.DownloadUsage):
            log_end = logs.redact(message.log, self._settings.secrets)
            self._ledger.remember_usage(job, replace(message, log=log_end))

    def _take_result(self, job: Job, result: Any, wall: Wall) -> None:
        """What a job returned, which is what `worker.protocol` says of its task."""
        match job:
            case UpdateJob():
                self._stop_jobs(self._ledger.finish_update(job, result, self._quota, WORDS, wall))
            case StatusJob():
                self._ledger.finish_status(job, result.message_id, wall)
            case DownloadJob():
                self._ledger.finish_download(job, result, wall)
            case GroupJob() | DeliverJob() if result is None:
                # Its request was cancelled before it ran, and it has explained that.
                self._ledger.finish_explanation(job, wall)
            case GroupJob():
                self._ledger.finish_group(job, result, wall)
            case DeliverJob():
                self._ledger.finish_delivery(job, result, wall)
                log.info("job %d: request %d has its media.", job.id, job.request.id)
            case ExplainJob():
                self._ledger.finish_explanation(job, wall)
            case ReplyJob() | ButtonJob():
                self._ledger.finish(job, wall)
            case _:
                assert_never(job)

    def _stop_jobs(self, job_ids: Iterable[int]) -> None:
        """Stop what nobody wants any more. Only a download listens, the rest is killed."""
        for job_id in job_ids:
            if hand := self._in_hand.get(job_id):
                hand.pool.stop_job(job_id, None if hand.job.kind.listens_to_stop else 0)

    def _carry_out(self, job: Job, event: Event, wall: Wall) -> None:
        """Do what was decided for a job that did not return."""
        if isinstance(event, Failed) and isinstance(event.error, errors.TelegramUnauthorized):
            self.token_refused.set()
        if self._stop_at is not None and not isinstance(event, Failed):
            self._ledger.put_back(job, 0, wall, refund=True)
            return
        match decide(job, event, self._retries, wall):
            case outcomes.TryAgain(delay_s=delay_s, refund=refund) as again:
                self._ledger.put_back(job, delay_s, wall, refund=refund)
                self._showing.put(job.id, outcomes.waiting(job, event, again, self._retries))
                log.info(
                    "job %d: attempt %d of the %s ended (%s), next in %.0f s.",
                    job.id,
                    job.attempts,
                    job.kind,
                    outcomes.describe(event),
                    delay_s,
                )
            case outcomes.Fail(error=error, traceback=traceback):
                self._fail(job, error, traceback, wall)
            case outcomes.GiveUp():
                log.warning("job %d: nobody is left to hear the %s.", job.id, job.kind)
                self._stop_jobs(self._ledger.give_up(job, wall))
            case outcomes.GiveUpChat():
                log.warning("job %d: its chat is closed, and all that waits for it ends.", job.id)
                self._stop_jobs(self._ledger.give_up_chat(job, wall))
                self._sweep("")
            case outcomes.PostAgain(job=answer):
                self._ledger.post_again(answer, wall)
            case outcomes.DownloadAgain(job=answer):
                log.warning("job %d: its media is gone and is downloaded again.", job.id)
                self._ledger.download_again(answer, wall)
            case outcomes.Unwanted():
                self._ledger.drop_stopped(job, wall)

    def _fail(self, job: Job, error: errors.JobError, traceback: str, wall: Wall) -> None:
        error_id, known = secrets.token_hex(3), self._settings.secrets
        error.detail, traceback = (logs.redact(text, known) for text in (error.detail, traceback))
        self._stop_jobs(self._ledger.fail(job, error, error_id, traceback, wall))
        log.log(
            logging.ERROR if error.fault is errors.Fault.OPERATOR else logging.WARNING,
            "job %d: the %s failed for good, error %s: %s%s",
            job.id,
            job.kind,
            error_id,
            error,
            f"\n{traceback}" if error.fault is errors.Fault.OPERATOR and traceback else "",
        )

    # ---------------------------------------------------------------------------- cleaning

    def _clean_up(self, job: Job) -> None:
        """The second look at what a job should have removed, and what an answer releases."""
        if isinstance(job, DownloadJob):
            self._ledger.forget_sessions(job)
            self._sweep(f"{job.id}-")
        elif isinstance(job, RequestJob) and job.request.download_id:
            self._sweep(f"{job.request.download_id}-")

    def _sweep(self, prefix: str) -> None:
        self._space.sweep(prefix, self._ledger.live_directories())
