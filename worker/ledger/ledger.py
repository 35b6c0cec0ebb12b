"""One connection to the ledger, for the bot's own threads.

Each method of `Ledger` is one transaction. Times are seconds of the wall clock, given by the
caller. A problem that may pass (a full disk, a locked file) is raised as `LedgerBusy`, and nothing
is changed: the same call may be made again.
"""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from worker import errors, protocol
from worker.clocks import Wall
from worker.ledger import forgetting, moving, preferences, unreadable, updates
from worker.ledger.choices import looks, open_pages
from worker.ledger.completions import Completions
from worker.ledger.jobs import job_lookups, next_job, queue, sessions
from worker.ledger.jobs.job_rows import read_job
from worker.ledger.jobs.jobs import (
    ButtonJob,
    CookiesJob,
    DeliverJob,
    DownloadJob,
    GroupJob,
    Job,
    Kind,
    PanelJob,
    RecordingJob,
    ReplyJob,
    RequestJob,
    SummaryJob,
    UpdateJob,
)
from worker.ledger.jobs.next_job import ANY_JOB, ClaimRules
from worker.ledger.lists import batch_lookups, batches
from worker.ledger.panels import panels
from worker.ledger.requests import (
    admission,
    known_failures,
    request_lookups,
    requests,
)
from worker.ledger.requests.admission import Quota
from worker.ledger.requests.answers import Answer
from worker.ledger.requests.requests import Resolution
from worker.ledger.storage import state
from worker.ledger.storage.database import Database
from worker.ledger.updates import UpdateOutcome
from worker.ledger.upkeep import failures, site_cookies, stops
from worker.ledger.upkeep.failures import LastAttempt
from worker.processes.process_table import Identity
from worker.protocol import effects
from worker.protocol.effects import GroupMoved
from worker.protocol.site_cookies import CookiesTried, not_kept


def ledger_path(data_dir: Path) -> Path:
    """Where a bot keeps its ledger."""
    return data_dir / "ledger.sqlite3"


class Ledger(Completions):
    """One connection to the ledger.

        ledger = Ledger(ledger_path(data_dir))
        ledger.record_updates(updates, wall_clock())
        job = ledger.claim(TELEGRAM, wall_clock())
        if isinstance(job, UpdateJob):
            ledger.finish_update(job, handle(job.update), quota, wall_clock())

    A claimed job counts as running until one of the methods has recorded its outcome; after a
    crash, `recover` lets it wait again.
    """

    def __init__(self, path: Path) -> None:
        """Open the file and migrate it. Raises LedgerError, and never overwrites what is there."""
        self._db = Database(path)

    def close(self) -> None:
        """Close the connection. Any thread may, once the one that made it no longer uses it."""
        self._db.close()

    # ------------------------------------------------------------------------- updates

    def offset(self) -> int:
        """The update id to poll from; 0 before the first."""
        with self._db.reading():
            return state.number(self._db, "offset")

    def record_updates(self, updates: Sequence[Mapping[str, Any]], wall: Wall) -> None:
        """Put updates on disk, together with the offset that confirms them at Telegram.

        An update that is there already is not recorded a second time. The offset may become lower:
        each Bot API server has ids of its own, and after a week without any update the next one is
        chosen at random (Bot API 10.1, Update). A server that does not know an offset gives out the
        oldest updates that are not confirmed.
        """
        with self._db.transaction():
            for update in updates:
                if not queue.has_update(self._db, update["update_id"]):
                    queue.add_update(self._db, update, wall)
            if updates:
                highest = max(update["update_id"] for update in updates)
                state.put_number(self._db, "offset", highest + 1)

    def finish_update(
        self,
        job: UpdateJob,
        asked: Sequence[effects.Effect],
        quota: Quota,
        wall: Wall,
        full_sites: Collection[str] = (),
    ) -> UpdateOutcome:
        """Record what an update asked for, together with its completion.

        Links beyond the person's quota are refused. `full_sites` are as in
        `fairness.RunningLimits`. An update about something that cannot be read fails, and nothing
        else of it is recorded.
        """
        try:
            with self._db.transaction():
                outcome = updates.record(self._db, asked, quota, wall, full_sites)
                queue.finish(self._db, job.id, wall)
        except unreadable.ERRORS as error:
            with self._db.transaction():
                unreadable.fail_update(self._db, job.id, asked, error, wall)
            return UpdateOutcome()
        return outcome

    # ------------------------------------------------------------------ jobs, in general

    def claim(self, pool: str, wall: Wall, rules: ClaimRules = ANY_JOB) -> Job | None:
        """Take the next job that is due; None when none is, or when it cannot be read.

        The attempt is counted at once, so that it counts even if the job takes the whole bot down.
        Where nothing is due at all, as in most of a quiet bot's steps, this only reads and waits
        for nobody's transaction.
        """
        with self._db.reading():
            if not next_job.has_due(self._db, pool, wall):
                return None
        with self._db.transaction():
            waiting = next_job.find(self._db, pool, wall, rules)
            if waiting is None:
                return None
            try:
                return self._begin(waiting, wall)
            except unreadable.ERRORS as error:
                unreadable.set_aside(self._db, waiting, error, wall)
                return None

    def _begin(self, waiting: sqlite3.Row, wall: Wall) -> Job:
        """Begin the job of a row. Raises one of `unreadable.ERRORS`."""
        row = queue.begin(self._db, waiting, wall)
        shown = panels.take(self._db, row, wall) if Kind(row["kind"]).is_panel else None
        request = request_lookups.find(self._db, row["request_id"])
        media = None
        if request:
            media = request_lookups.media_of(self._db, request)
        batch = batch_lookups.of_job(self._db, row)
        job = read_job(row, request, media, shown, batch)
        if isinstance(job, UpdateJob):
            return replace(job, language=preferences.language_for(self._db, job.update))
        if isinstance(job, ButtonJob):
            return open_pages.without_late_menu(job, wall)
        return job

    def recover(self, wall: Wall) -> int:
        """Let every job that ran when the last run ended wait again. Returns their number.

        Downloads that nobody waits for are dropped: they were cancelled, but not stopped before the
        last run ended.
        """
        with self._db.transaction():
            sessions.forget_all(self._db)
            known_failures.forget_all(self._db)
            unreadable.set_aside_all(self._db, wall)
            for download_id in job_lookups.ids_under_way(self._db):
                requests.drop_unawaited(self._db, download_id, wall)
            return queue.recover(self._db)

    def forget_failures(self) -> None:
        """Let everything that has failed be fetched again: settings or yt-dlp are new."""
        with self._db.transaction():
            known_failures.forget_all(self._db)

    def put_back(
        self,
        job: Job,
        delay_s: float,
        wall: Wall,
        *,
        refund: bool,
        may_be_to_blame: bool = False,
    ) -> bool:
        """Let a claimed job wait for another attempt; `refund` when this one does not count.

        One that `may_be_to_blame` gets at most `MAX_REFUNDS` attempts back. A download that nobody
        waits for any more is dropped instead. Returns whether the job waits.
        """
        with self._db.transaction():
            if isinstance(job, DownloadJob) and requests.drop_unawaited(self._db, job.id, wall):
                return False
            if may_be_to_blame:
                refund = queue.note_refund(self._db, job.id)
            queue.wait_again(self._db, job.id, delay_s, wall, refund=refund)
        return True

    def call_again(self, job: Job, delay_s: float, refused_s: float, wall: Wall) -> None:
        """Let a claimed job wait that got no usable answer from Telegram."""
        with self._db.transaction():
            queue.call_again(self._db, job.id, delay_s, refused_s, wall)

    def call_now(self, answered_from: Wall, answered_until: Wall, wall: Wall) -> int:
        """Let calls that got no usable answer from Telegram wait no longer. Returns how many."""
        with self._db.transaction():
            return queue.call_now(self._db, answered_from, answered_until, wall)

    def finish(self, job: Job, wall: Wall) -> None:
        """End a job from which nothing follows."""
        with self._db.transaction():
            queue.finish(self._db, job.id, wall)

    def fail(
        self,
        job: Job,
        error: errors.JobError,
        error_id: str,
        traceback: str,
        wall: Wall,
        *,
        known_s: float = 0.0,
    ) -> list[int]:
        """End a job that has failed for good; the people who wait for it will be told.

        So will people who ask for the same media within `known_s` seconds. If even
        that is impossible, the request ends here: returns the ids of its running jobs, to stop.
        """
        failure = known_failures.KnownFailure(error.reason, error_id, error.languages)
        decision = Resolution.of_failure(failure)
        with self._db.transaction():
            queue.fail(self._db, job.id, error, error_id, traceback, wall)
            match job:
                case DownloadJob():
                    requests.decide_all(self._db, job.id, decision, wall)
                    looks.say_why_not(self._db, job.id, error.reason, error_id, wall)
                    if known_s:
                        # It may have turned out since the claim which media it is.
                        key = job_lookups.media_key_of(self._db, job.id) or job.media_key
                        known_failures.remember(self._db, key, failure, known_s, wall)
                case GroupJob() | DeliverJob():
                    requests.decide(self._db, job.request.id, decision, wall)
                case SummaryJob():
                    batches.lose_summary(self._db, job.batch.id)
                case CookiesJob():
                    admission.reply(self._db, not_kept(job.sent, error.reason), wall)
                case PanelJob():
                    panels.close(self._db, job.panel.id)
                case RequestJob():
                    return requests.give_up(self._db, job.request, wall)
        return []

    def drop_stopped(self, job: Job, wall: Wall) -> None:
        """Drop a job that was stopped as unwanted, unless somebody has come to want it since."""
        if isinstance(job, DownloadJob):
            self.put_back(job, 0, wall, refund=True)
            return
        with self._db.transaction():
            queue.drop(self._db, job.id, wall)
            if isinstance(job, RequestJob):
                requests.settle(self._db, job.request.id, wall)

    def carry_out_stop(self, job_id: int, wall: Wall) -> list[int]:
        with self._db.transaction():
            return stops.carry_out(self._db, job_id, wall)

    # ----------------------------------------------------------------------------- links

    def note_media_key(self, job: DownloadJob, media_key: str, wall: Wall) -> list[int]:
        with self._db.transaction():
            return requests.note_media_key(self._db, job.id, media_key, wall)

    def note_cookies(self, tried: CookiesTried, url: str, wall: Wall) -> bool:
        with self._db.transaction():
            return site_cookies.note(self._db, tried, url, wall)

    def limit_download(self, job: DownloadJob, max_bytes: int) -> None:
        with self._db.transaction():
            queue.limit_download(self._db, job.id, max_bytes)

    def begin_recording(self, job: RecordingJob) -> None:
        with self._db.transaction():
            queue.begin_recording(self._db, job.id)

    def take_answers(self) -> list[Answer]:
        """Take the answers that were given since the last call."""
        taken, self._db.news = self._db.news, []
        return taken

    def forget_some(self) -> None:
        with self._db.transaction():
            forgetting.step(self._db)

    def feed_batches(
        self, quota: Quota, limits: batches.BatchLimits, wall: Wall
    ) -> batches.BatchOutcome:
        with self._db.transaction():
            return batches.step(self._db, quota, limits, wall)

    def give_up(self, job: Job, wall: Wall) -> list[int]:
        """Drop a job that can reach nobody, with its request. Returns the ids of jobs to stop."""
        with self._db.transaction():
            queue.drop(self._db, job.id, wall)
            if isinstance(job, RequestJob):
                return requests.give_up(self._db, job.request, wall)
            if isinstance(job, PanelJob):
                panels.close(self._db, job.panel.id)
            if isinstance(job, SummaryJob):
                batches.lose_summary(self._db, job.batch.id)
        return []

    def give_up_chat(self, job: Job, wall: Wall) -> list[int]:
        """End all that waits for the chat of this job. Returns the ids of running jobs to stop."""
        with self._db.transaction():
            queue.drop(self._db, job.id, wall)
            queue.drop_replies(self._db, job.chat_id, wall)
            panels.close_in(self._db, job.chat_id)
            batches.end_in_chat(self._db, job.chat_id, wall)
            waiting = request_lookups.unanswered_in(self._db, job.chat_id)
            return [job_id for each in waiting for job_id in requests.give_up(self._db, each, wall)]

    def move_chat(self, job: Job, new_chat_id: int, wall: Wall) -> None:
        """Let all that waits for the group of this job go on in the supergroup that it is now."""
        with self._db.transaction():
            if job.chat_id is not None:
                moving.move(self._db, GroupMoved(job.chat_id, new_chat_id), wall)
            if isinstance(job, ReplyJob):
                refund = queue.note_refund(self._db, job.id)
                queue.wait_again(self._db, job.id, 0, wall, refund=refund)
            else:
                queue.drop(self._db, job.id, wall)

    # ------------------------------------------------------------------- downloads' processes

    def remember_session(self, leader: Identity, job: DownloadJob) -> None:
        """Note the leader of a session that was started for a job."""
        with self._db.transaction():
            sessions.remember(self._db, leader, job.id)

    def forget_sessions(self, job: DownloadJob) -> None:
        """Forget the sessions of a job, which have ended."""
        with self._db.transaction():
            sessions.forget(self._db, job.id)

    def remember_usage(self, job: DownloadJob, usage: protocol.DownloadUsage) -> None:
        """Keep what a failed attempt has used."""
        run = LastAttempt(
            attempt=job.attempts,
            run_s=usage.run_s,
            cpu_s=usage.cpu_s,
            peak_bytes=usage.peak_bytes,
            log=usage.log,
            passed_bytes=usage.passed_bytes,
        )
        with self._db.transaction():
            failures.remember_run(self._db, job.id, run)
