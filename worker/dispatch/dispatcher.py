"""One thread: jobs from the ledger to the pools, and what came of them back to the ledger.

It waits in one place, on its pools and a wake-up, at most `TICK_S`. In memory it keeps only
what a restart may forget: which jobs run, and the progress that is on show.
"""

import collections
import contextlib
import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace

from worker import clocks
from worker.clocks import Monotonic, Wall
from worker.dispatch import log_lines, outcomes, results
from worker.dispatch.circuit_breaker import CircuitBreaker
from worker.dispatch.disk_space import DiskSpace
from worker.dispatch.rate_limits import RateLimits
from worker.dispatch.reachability import Reachability
from worker.dispatch.recorder import Recorder
from worker.dispatch.running_jobs import RunningJob, RunningJobs
from worker.dispatch.site_rules import SiteRules, switched_off
from worker.dispatch.status.showing import Showing
from worker.dispatch.tasks import is_edit, task_of, timeout_s
from worker.dispatch.work import Work
from worker.dispatch.ytdlp_takeover import YtDlpTakeover
from worker.downloads.judge.keeper import JudgeKeeper
from worker.ledger import DOWNLOADS, TELEGRAM, DownloadJob, Job, Ledger, LedgerBusy, RunningLimits
from worker.ledger.jobs.next_job import ClaimRules, PausedChats
from worker.pool import Pool, PoolSpec
from worker.pool.channel import wait_ready
from worker.pool.events import Event, Failed, Finished, Reported
from worker.protocol import Stage
from worker.settings import DEFAULT_SITES, Settings, Sites

log = logging.getLogger(__name__)

TICK_S = 1.0

LEDGER_PAUSE_S = 1.0
"""How long work waits after the ledger could not be written."""

STOP_PATIENCE_S = 4.0
"""The time after the grace for sessions to be killed and cleaned, before the pools are closed."""

PAUSE_PATIENCE_S = 2.0
"""How long a stop waits, once no job runs, until people are told that their links are paused."""


class Dispatcher:
    """Gives jobs to workers and records what comes of them, until it is told to stop.

    `run` is the thread. Its parts (`open`, `step`, `step_stop`, `close`) belong to that thread too;
    `wake`, `stop`, `stop_now` and the properties may be used by any.
    """

    def __init__(
        self,
        settings: Settings,
        open_ledger: Callable[[], Ledger],
        make_pool: Callable[[PoolSpec], Pool],
        telegram: PoolSpec,
        downloads: PoolSpec,
        judge: JudgeKeeper,
        sites: Sites = DEFAULT_SITES,
    ) -> None:
        """Prepare everything; nothing is started or opened before `open`."""
        self._settings = settings
        self._open_ledger = open_ledger
        self._pools = {TELEGRAM: make_pool(telegram), DOWNLOADS: make_pool(downloads)}
        self._judge = judge
        self._limits = RunningLimits(settings.user_max_running, settings.chat_max_running)
        self._disk_space = DiskSpace(settings.data_dir, settings.answer_bytes)
        self._wakeup = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._running = RunningJobs()
        self._events: collections.deque[Event] = collections.deque()
        self._rate_limits = RateLimits()
        self.reachability = Reachability()
        self._circuit_breaker = CircuitBreaker()
        self._site_rules = SiteRules(sites, self._running)
        self._showing = Showing(
            self._pools[TELEGRAM], self._rate_limits, settings.telegram_job_timeout_s
        )
        self._ytdlp = YtDlpTakeover(self._pools[DOWNLOADS])
        self._ended: Job | None = None
        self._has_recovered = False
        self._paused_until = Monotonic(0.0)
        self._stop_at: Monotonic | None = None
        self._idle_since: Monotonic | None = None
        self._lock = threading.Lock()
        self.heartbeat = clocks.monotonic()

    # ------------------------------------------------------------- from other threads

    def wake(self) -> None:
        """Look for new work now."""
        os.eventfd_write(self._wakeup, 1)

    def stop(self, grace_s: float) -> None:
        """Claim nothing more, and end when the running jobs have, or after the grace."""
        stop_at = Monotonic(clocks.monotonic() + grace_s)
        with self._lock:
            self._stop_at = stop_at if self._stop_at is None else min(self._stop_at, stop_at)
        self.wake()

    def stop_now(self) -> None:
        """Kill all running jobs and end; they are done again after the next start."""
        self.stop(-STOP_PATIENCE_S)

    def use_sites(self, sites: Sites) -> None:
        """Keep to these settings of the sites from now on."""
        self._site_rules.change(sites)
        self.wake()

    @property
    def pids(self) -> list[int]:
        """The pids of the processes that the dispatcher has started."""
        workers = [pid for pool in self._pools.values() for pid in pool.pids]
        return workers + self._judge.pids + self._ytdlp.pids

    @property
    def ytdlp(self) -> YtDlpTakeover:
        """The yt-dlp that downloads use, for maintenance to read."""
        return self._ytdlp

    @property
    def judge(self) -> JudgeKeeper:
        """The keeper of the judge, for maintenance to read."""
        return self._judge

    @property
    def pools(self) -> list[Pool]:
        """The pools, for maintenance to read."""
        return list(self._pools.values())

    @property
    def sites_down(self) -> Mapping[str, Monotonic]:
        """The sites that are not asked, with the monotonic time at which each is tried again."""
        return self._circuit_breaker.sites_down

    @property
    def sites_full(self) -> Mapping[str, str]:
        """The sites at their limit, each with the key of `sites.toml` that sets it."""
        return self._site_rules.full_lately

    @property
    def no_room_at(self) -> Wall | None:
        """When a job last found no room on the disk, unless a download has found some since."""
        return self._disk_space.no_room_at

    @property
    def work(self) -> list[Work]:
        """The jobs that workers have, and how far they are."""
        return self._running.work(self._showing.downloads)

    # ------------------------------------------------------------------------ the loop

    def run(self) -> None:
        """Work until `stop`, then leave no worker behind."""
        self.open()
        try:
            while not self.step_stop(clocks.monotonic()):
                self.heartbeat = clocks.monotonic()
                self.step(clocks.monotonic(), clocks.wall_clock())
                self._wait()
        except BaseException:
            # A running job may be what ended this thread. The next start finds it running, and
            # counts that.
            self.close(puts_back=False)
            raise
        self.close()

    def open(self) -> None:
        """Open the ledger; everything after this is called by the same thread."""
        self._ledger = self._open_ledger()
        self._recorder = Recorder(
            self._settings,
            self._ledger,
            self._running,
            self._showing,
            self._disk_space,
            self._site_rules,
        )

    def step(self, now: Monotonic, wall: Wall) -> None:
        """Do everything that is due at monotonic `now` and wall clock `wall`."""
        self._ytdlp.step(now)
        self._judge.step(now)
        if self._stop_at is not None:
            self._showing.begin_pause()
        for pool in self._pools.values():
            self._events += pool.step(now)
        if now < self._paused_until:
            return
        try:
            if not self._has_recovered:
                self._recover(wall)
            if self._site_rules.step(self._ledger, now, wall):
                self._circuit_breaker.probe_now(now)
            self._take_events(now, wall)
            if self._ytdlp.is_new:
                self._ledger.forget_failures()
                self._circuit_breaker.probe_now(now)
                self._ytdlp.acknowledge()
            if self.reachability.has_returned:
                self._recorder.call_now(self.reachability.period_before(now, wall), wall)
                self.reachability.acknowledge()
            self._recorder.heed_stops(wall)
            self._forget_some()
            if self._stop_at is None:
                self._recorder.feed_batches(self.sites_down, now, wall)
                obstacle = self._place(now, wall)
                if self._ytdlp.is_broken or self._judge.trouble:
                    obstacle = Stage.OUT_OF_ORDER
                self._site_rules.update_full_sites(now)
                line = self._site_rules.line(obstacle, now)
                line = replace(line, may_record=self._may_record)
                self._showing.step(self._ledger, now, wall, line)
            else:
                # What was recorded until now is sent after the next start.
                self._running.stop(self._running.recording_ids)
                self._showing.pause(self._ledger, self._running.request_ids, now)
        except LedgerBusy as error:
            log.error("The ledger cannot be written, so work waits: %s", error)
            self._paused_until = Monotonic(now + LEDGER_PAUSE_S)
        self._recorder.take_answers()

    def _forget_some(self) -> None:
        """Delete some of what people want forgotten.

        If there is more, the next step comes at once.
        """
        if self._ledger.has_to_forget():
            self._ledger.forget_some()
            self.wake()

    def _recover(self, wall: Wall) -> None:
        """Recover the jobs of the last run; again while the disk is full or the ledger locked."""
        recovered = self._ledger.recover(wall)
        self._recorder.sweep()
        self._has_recovered = True
        log.info("The dispatcher starts; %d jobs of the last run wait again.", recovered)

    def _wait(self) -> None:
        now = clocks.monotonic()
        deadlines = [pool.next_deadline() for pool in self._pools.values()]
        readers = [each for pool in self._pools.values() for each in pool.readers]
        writers = [writer for pool in self._pools.values() for writer in pool.writers]
        deadlines += [
            self._judge.next_deadline(),
            Monotonic(now + TICK_S),
            self._rate_limits.next_opening(now),
        ]
        wait_s = 0.0 if self._has_work(now) else min(deadlines) - now
        wait_ready([self._wakeup, *self._judge.readers, *readers], writers, wait_s)
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._wakeup)

    def _has_work(self, now: Monotonic) -> bool:
        """Whether there are events that the next step can take now."""
        return bool(self._events) and now >= self._paused_until

    def step_stop(self, now: Monotonic) -> bool:
        """Go on with a stop that was asked for. True once it is complete.

        Once its grace is over, the running jobs are told to stop.
        """
        if self._stop_at is None:
            return False
        late_s = now - self._stop_at
        if late_s > 0:
            # Jobs that listen to a stop get time to end their sessions.
            self._running.stop_all(STOP_PATIENCE_S)
        return late_s > STOP_PATIENCE_S or self._settle(now)

    def _settle(self, now: Monotonic) -> bool:
        """Wait for the messages that can say "Paused". True once they do and no job runs."""
        if self._running or self._events:
            return False
        if self._idle_since is None:
            self._idle_since = now
        return self._showing.has_paused or now >= self._idle_since + PAUSE_PATIENCE_S

    def close(self, *, puts_back: bool = True) -> None:
        """End every worker; put back their jobs, unless one of them may be to blame."""
        try:
            self._ytdlp.close()
            for pool in self._pools.values():
                self._events += pool.close()
            self._judge.close()
            if puts_back:
                self._put_back(clocks.monotonic(), clocks.wall_clock())
        except LedgerBusy as error:
            log.error("Running jobs are put back at the next start: %s", error)
        finally:
            self._ledger.close()

    def _put_back(self, now: Monotonic, wall: Wall) -> None:
        # What has ended in the last moment is not done a second time.
        self._take_events(now, wall)
        for job in self._running.jobs:
            self._recorder.put_back(job, wall)
        self._recorder.sweep()

    # ------------------------------------------------------------------- ledger to pools

    def _place(self, now: Monotonic, wall: Wall) -> Stage | None:
        """Give jobs to the free workers. Returns what keeps all downloads from them, if any."""
        self._rate_limits.step(now)
        self._circuit_breaker.forget_old(now)
        self._recorder.refuse_waiting(self._circuit_breaker, now, wall)
        self._place_in(TELEGRAM, now, wall)
        if self._ledger.is_paused():
            return Stage.MAINTENANCE
        if not self._judge.is_up:
            return None
        if self._disk_space.allows_one_beside(self._running.downloads):
            self._place_in(DOWNLOADS, now, wall)
            return None
        return Stage.NO_ROOM if self._pools[DOWNLOADS].free else None

    def _place_in(self, name: str, now: Monotonic, wall: Wall) -> None:
        pool = self._pools[name]
        while pool.free:
            job = self._ledger.claim(name, wall, self._claim_rules(name, now))
            if job is None:
                return
            # From here on it runs, and what becomes of it is an event like any other: one that the
            # ledger cannot take now is offered to it again.
            self._running.add(job, pool, now)
            if error := self._begin(job, pool, now):
                self._events.append(Failed(job.id, error, ""))

    def _claim_rules(self, name: str, now: Monotonic) -> ClaimRules:
        """Which jobs the pool of this name may be given now."""
        full_sites = self._site_rules.update_full_sites(now)
        return ClaimRules(
            # Also those whose call is on its way: a move of their group has dropped it.
            busy_request_ids=[*self._showing.busy_request_ids, *self._running.request_ids],
            request_ids_in_doubt=self._showing.request_ids_in_doubt(now),
            closed_chat_ids=self._rate_limits.closed_chats(now) if name == TELEGRAM else (),
            paused=self._paused(now),
            # One worker is kept for short calls, which never wait behind uploads.
            uploads=self._running.uploads < max(1, self._pools[name].spec.size - 1),
            recordings=self._may_record,
            limits=replace(self._limits, full_sites=full_sites),
        )

    @property
    def _may_record(self) -> bool:
        """Whether one more recording leaves a worker for downloads, which take less long."""
        # A bot with one worker may record nothing, but still makes files of what was recorded
        # before.
        return len(self._running.recording_ids) < max(1, self._pools[DOWNLOADS].spec.size - 1)

    def _paused(self, now: Monotonic) -> PausedChats:
        edits = self._rate_limits.paused_chats(now, edits=True)
        sends = self._rate_limits.paused_chats(now, edits=False)
        return PausedChats(edits, sends, outcomes.MAX_REFUSED_S)

    def _begin(self, job: Job, pool: Pool, now: Monotonic) -> Exception | None:
        """Give a job to a worker. Returns why that is not possible, if it is not."""
        if not self._recorder.may_try(job):
            return outcomes.exhausted(job)
        if isinstance(job, DownloadJob):
            if self._site_rules.refuses(job):
                return switched_off()
            if not self._circuit_breaker.admit(job, now):
                return self._circuit_breaker.refusal(job)
            self._site_rules.begin(job, now)
        site_wait_s = self._circuit_breaker.wait_s(job, now)
        directory = self._disk_space.directory
        task = task_of(
            job,
            directory,
            self._settings,
            site_wait_s,
            self._site_rules.sites,
            self._recorder.cookies_that_work,
        )
        if task is None:
            return outcomes.FileVanished()
        pool.submit(job.id, task, timeout_s(task, self._settings))
        if is_edit(task):
            self._running.begin_edit(job.id)
        if isinstance(job, DownloadJob):
            log_lines.download_begins(job)
        self._showing.began(job.id, task, now)
        if not job.kind.is_download and job.chat_id is not None:
            self._rate_limits.spend(job.chat_id, now)
        return None

    # ------------------------------------------------------------------- pools to ledger

    def _take_events(self, now: Monotonic, wall: Wall) -> None:
        self._clean_up()
        while self._events:
            # It leaves the queue only when the ledger has it.
            self._take(self._events[0], now, wall)
            self._events.popleft()
            self._clean_up()

    def _clean_up(self) -> None:
        """Clean up after the job that has ended last, or again if the ledger was busy then."""
        if self._ended:
            self._recorder.clean_up(self._ended)
            self._ended = None

    def _take(self, event: Event, now: Monotonic, wall: Wall) -> None:
        if self._showing.take(event, now):
            self.reachability.learn(event, now)
            return
        running = self._running.get(event.job_id)
        if running is None:
            return
        if running.job.kind.is_call:
            self.reachability.learn(event, now)
        if isinstance(event, Reported):
            if isinstance(running.job, DownloadJob):
                self._recorder.take_report(running.job, event.message, wall)
            return
        self._showing.forget(event.job_id)
        event = results.checked(running.job, event)
        self._take_end(running, event, now, wall)
        self._running.remove(event.job_id)
        self._circuit_breaker.learn(running.claimed, event, now)
        self._ended = running.job

    def _take_end(self, running: RunningJob, event: Event, now: Monotonic, wall: Wall) -> None:
        match event:
            case Finished(result=result):
                self._recorder.take_result(running.job, result, now - running.since, wall)
            case Failed(error=error):
                self._rate_limits.heed(running.job.chat_id, error, now, edits=running.is_edit)
                self._take_failure(running.job, event, now, wall)
            case _ if self._stop_at is not None:
                self._recorder.put_back(running.job, wall)
            case _:
                self._take_failure(running.job, event, now, wall)

    def _take_failure(self, job: Job, event: Event, now: Monotonic, wall: Wall) -> None:
        refused_s = self.reachability.refused_s(job, now, wall)
        self._recorder.take_failure(job, event, wall, refused_s)
