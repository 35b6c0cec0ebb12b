"""One connection to the journal, for the bot's own threads.

Each method of `Ledger` is one transaction. Times are seconds of the wall clock, given by the
caller. What may fail for a while (a full disk, a locked file) leaves as `LedgerBusy`, with
nothing changed: the same call may be made again.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worker import errors, protocol
from worker.ledger import admission, media_cache, queue, queue_position, requests
from worker.ledger.admission import Quota
from worker.ledger.database import Database
from worker.ledger.fairness import NO_LIMIT, Share
from worker.ledger.jobs import (
    DOWNLOADS,
    AnswerJob,
    DeliverJob,
    DownloadJob,
    GroupJob,
    Job,
    Kind,
    RequestJob,
    StatusJob,
    UpdateJob,
    read_download,
    read_job,
)
from worker.ledger.records import Request, Verdict
from worker.ledger.requests import Resolution
from worker.processes.process_table import Identity


def ledger_path(data_dir: Path) -> Path:
    """Where a bot keeps its ledger."""
    return data_dir / "ledger.sqlite3"


@dataclass(frozen=True)
class Words:
    """What people are told when the ledger is the one who knows."""

    cancelled: Mapping[protocol.Cancelled, str]
    refusals: Mapping[protocol.Refusal, str]


class Ledger:
    """One connection to the journal."""

    def __init__(self, path: Path) -> None:
        """Open and migrate. Raises LedgerError, and never overwrites what is there."""
        self._db = Database(path)

    def check(self) -> None:
        """Look through the whole file. Raises LedgerError when it is damaged."""
        self._db.check()

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    # ------------------------------------------------------------------------- updates

    def offset(self) -> int:
        """The update id to poll from; 0 before the first."""
        with self._db.reading():
            return self._db.value("SELECT value FROM state WHERE name = 'offset'") or 0

    def record_updates(self, updates: Sequence[Mapping[str, Any]], now: float) -> None:
        """Put updates and the offset that confirms them on disk, together.

        An update that came before is not taken a second time.
        """
        with self._db.transaction():
            for update in updates:
                update_id = update["update_id"]
                if not self._db.value("SELECT 1 FROM jobs WHERE update_id = ?", update_id):
                    queue.add(self._db, Kind.UPDATE, now, update_id=update_id, payload=update)
                self._db.execute(
                    "INSERT INTO state VALUES ('offset', ?)"
                    " ON CONFLICT DO UPDATE SET value = max(value, excluded.value)",
                    update_id + 1,
                )

    def finish_update(
        self,
        job: UpdateJob,
        effects: Iterable[protocol.Effect],
        quota: Quota,
        words: Words,
        now: float,
    ) -> list[int]:
        """Record what an update asked for, together with its completion.

        Links beyond the person's quota are refused. Returns running jobs to be stopped.
        """
        to_stop: list[int] = []
        with self._db.transaction():
            for effect in effects:
                match effect:
                    case protocol.OpenRequest():
                        if refusal := admission.refuse(self._db, effect, quota, now):
                            admission.say_no(self._db, effect, refusal, words.refusals, now)
                        else:
                            requests.open_request(self._db, effect, now)
                    case protocol.CancelRequest():
                        outcome, stop = requests.cancel(self._db, effect, now)
                        to_stop += stop
                        answer = protocol.AnswerButton(effect.callback_id, words.cancelled[outcome])
                        queue.add(self._db, Kind.BUTTON, now, payload=protocol.to_json(answer))
                    case protocol.Ban():
                        admission.ban(self._db, effect, now)
                    case protocol.Reply():
                        admission.reply(self._db, effect, now)
                    case protocol.AnswerButton():
                        queue.add(self._db, Kind.BUTTON, now, payload=protocol.to_json(effect))
            queue.close(self._db, job.id, "done", now)
        return to_stop

    # ------------------------------------------------------------------ jobs, in general

    def claim(
        self,
        pool: str,
        now: float,
        *,
        busy_requests: Sequence[int] = (),
        closed_chats: Sequence[int] | None = (),
        uploads: bool = True,
        share: Share = NO_LIMIT,
    ) -> Job | None:
        """Take the next job that is due; None when none is.

        The attempt is counted now, so that a job which takes the whole bot down has counted
        as well. What is passed over is told in `worker.ledger.queue.take`.
        """
        with self._db.transaction():
            job = queue.take(
                self._db,
                pool,
                now,
                busy_requests=busy_requests,
                closed_chats=closed_chats,
                uploads=uploads,
                share=share,
            )
            if job is None:
                return None
            row = self._db.execute("SELECT * FROM jobs WHERE id = ?", job).fetchone()
            request = requests.get(self._db, row["request"]) if row["request"] else None
            media = None
            if request:
                media = media_cache.media_of(self._db, request.media_key, request.download)
            return read_job(row, request, media)

    def recover(self) -> int:
        """After a start: every job that was in hand waits again. Returns how many did."""
        with self._db.transaction():
            self._db.execute("DELETE FROM processes")
            return self._db.execute(
                "UPDATE jobs SET state = 'waiting' WHERE state = 'running'"
            ).rowcount

    def put_back(self, job: Job, delay_s: float, now: float, *, refund: bool) -> None:
        """Let a claimed job wait for another attempt; `refund` when this one does not count."""
        with self._db.transaction():
            queue.wait_again(self._db, job.id, delay_s, now, refund=refund)

    def finish(self, job: Job, now: float) -> None:
        """A job with no further consequences is done."""
        with self._db.transaction():
            queue.close(self._db, job.id, "done", now)

    def fail(
        self, job: Job, error: errors.JobError, error_id: str, traceback: str, now: float
    ) -> list[int]:
        """A job has failed for good; whoever waits for it will be told.

        Returns running jobs to be stopped: who cannot be told waits for nothing more.
        """
        decision = Resolution(Verdict.SENTENCE, error.reason, error_id)
        with self._db.transaction():
            queue.close(self._db, job.id, "failed", now)
            self._db.execute(
                "UPDATE jobs SET reason = ?, fault = ?, detail = ?, error_id = ? WHERE id = ?",
                error.reason,
                error.fault,
                f"{error}\n{traceback}".strip(),
                error_id,
                job.id,
            )
            match job:
                case DownloadJob():
                    requests.decide_all(self._db, job.id, decision, now)
                case GroupJob() | DeliverJob():
                    requests.decide(self._db, job.request.id, decision, now)
                case RequestJob():
                    return requests.give_up(self._db, job.request, now)
        return []

    def stopped(self, job: Job, now: float) -> None:
        """A job was stopped because nobody wanted it. Who wants it since gets it after all."""
        with self._db.transaction():
            if requests.undecided(self._db, job.id):
                queue.wait_again(self._db, job.id, 0, now, refund=True)
                return
            queue.close(self._db, job.id, "dropped", now)
            if isinstance(job, RequestJob):
                requests.settle(self._db, job.request.id, now)

    # -------------------------------------------------------------- steps of a link's way

    def finish_status(self, job: StatusJob, message_id: int, now: float) -> None:
        """The status message of a request stands in the chat."""
        request = job.request
        with self._db.transaction():
            self._db.execute(
                "UPDATE requests SET status_message_id = ?,"
                " status_messages = status_messages + 1 WHERE id = ?",
                message_id,
                request.id,
            )
            queue.close(self._db, job.id, "done", now)
            requests.settle(self._db, request.id, now)

    def identify(self, job: DownloadJob, media_key: str, now: float) -> list[int]:
        """See `requests.identify`."""
        with self._db.transaction():
            return requests.identify(self._db, job.id, media_key, now)

    def finish_download(self, job: DownloadJob, media: protocol.Media, now: float) -> None:
        """The media lies on disk for everybody who waits for it."""
        with self._db.transaction():
            queue.close(self._db, job.id, "done", now)
            self._db.execute(
                "UPDATE jobs SET result = ? WHERE id = ?",
                json.dumps(protocol.to_json(media)),
                job.id,
            )
            requests.decide_all(self._db, job.id, Resolution(Verdict.MEDIA), now)

    def finish_group(self, job: GroupJob, group: protocol.GroupSent, now: float) -> None:
        """Files that belong to the answer stand beside it; what is left goes on from there."""
        request = job.request
        sent = [protocol.to_json(delivered) for delivered in (*request.sent, *group.sent)]
        with self._db.transaction():
            queue.close(self._db, job.id, "done", now)
            self._db.execute(
                "UPDATE requests SET sent = ? WHERE id = ?", json.dumps(sent), request.id
            )
            requests.settle(self._db, request.id, now)

    def finish_delivery(self, job: DeliverJob, delivered: protocol.Delivered, now: float) -> None:
        """A request has its media. What was uploaded is remembered as what Telegram made of it."""
        request = job.request
        sent = (delivered, *request.sent)
        with self._db.transaction():
            queue.close(self._db, job.id, "done", now)
            requests.mark_answered(self._db, request.id, now)
            if job.media and len(sent) == len(job.media.files):
                media_cache.remember(self._db, request.media_key, job.media, sent, now)

    def finish_explanation(self, job: AnswerJob, now: float) -> None:
        """A request has its sentence."""
        with self._db.transaction():
            queue.close(self._db, job.id, "done", now)
            requests.mark_answered(self._db, job.request.id, now)

    def post_again(self, job: RequestJob, now: float) -> None:
        """The status message is gone: a new one is posted, and becomes the answer then."""
        request = job.request
        with self._db.transaction():
            queue.close(self._db, job.id, "dropped", now)
            self._db.execute(
                "UPDATE requests SET status_message_id = NULL WHERE id = ?", request.id
            )
            queue.add(self._db, Kind.STATUS, now, request=request)

    def download_again(self, job: RequestJob, now: float) -> None:
        """What was remembered or downloaded for a request is of no use any more."""
        request = job.request
        with self._db.transaction():
            queue.close(self._db, job.id, "dropped", now)
            media_cache.forget(self._db, request.media_key)
            if request.download:
                # Others who wait for it shall not be given it again, either.
                queue.close(self._db, request.download, "dropped", now)
            requests.provide(self._db, request.id, now)

    def give_up(self, job: Job, now: float) -> list[int]:
        """There is no way to tell anybody of this job. Returns running jobs to be stopped."""
        with self._db.transaction():
            queue.close(self._db, job.id, "dropped", now)
            if isinstance(job, RequestJob):
                return requests.give_up(self._db, job.request, now)
        return []

    def give_up_chat(self, job: Job, now: float) -> list[int]:
        """The chat of this job is closed: end all that waits for it. Returns jobs to be stopped."""
        with self._db.transaction():
            queue.close(self._db, job.id, "dropped", now)
            queue.drop_messages(self._db, job.chat_id, now)
            waiting = requests.unanswered_in(self._db, job.chat_id)
            return [job_id for each in waiting for job_id in requests.give_up(self._db, each, now)]

    # ------------------------------------------------------------------------- questions

    def watchers(self, download: int) -> list[Request]:
        """Who waits for a download, and has a status message to show progress in."""
        with self._db.reading():
            waiting = requests.undecided(self._db, download)
        return [request for request in waiting if request.status_message_id is not None]

    def waiting_downloads(self) -> list[DownloadJob]:
        """All downloads that wait, due or not."""
        with self._db.reading():
            rows = self._db.execute(
                "SELECT * FROM jobs WHERE pool = ? AND state = 'waiting'", DOWNLOADS
            )
            return [read_download(row) for row in rows]

    def line(self, now: float, waited_s: float) -> list[tuple[Request, int]]:
        """Who waits in line for a download, with the number of downloads that are before it.

        Only those that have waited for so long and have a status message to show it in.
        """
        with self._db.reading():
            return queue_position.places(self._db, now, waited_s)

    def request(self, request: int) -> Request | None:
        """A request as it is now."""
        with self._db.reading():
            return requests.find(self._db, request)

    def live_directories(self) -> set[str]:
        """The names of the download directories that are needed, see `download_directory`."""
        with self._db.reading():
            return queue.live_directories(self._db)

    # ------------------------------------------------------------------------- processes

    def remember_process(self, identity: Identity, job: DownloadJob) -> None:
        """A session was started for a job."""
        with self._db.transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO processes VALUES (?, ?, ?)",
                identity.pid,
                identity.started,
                job.id,
            )

    def remember_usage(self, job: DownloadJob, usage: protocol.DownloadUsage) -> None:
        """An attempt has come to nothing, and this is what it used."""
        with self._db.transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?)",
                job.id,
                job.attempts,
                usage.run_s,
                usage.cpu_s,
                usage.peak_bytes,
                usage.log,
            )

    def forget_processes(self, job: DownloadJob) -> None:
        """The sessions of a job have ended."""
        with self._db.transaction():
            self._db.execute("DELETE FROM processes WHERE job = ?", job.id)
