"""The ledger as maintenance uses it: questions, samples, alerts, and removal of old rows.

As with `Ledger`, each method is one transaction, a connection belongs to the thread that made it,
and what may pass by itself is raised as `LedgerBusy`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from worker import protocol
from worker.clocks import Wall, wall_clock
from worker.ledger import menus
from worker.ledger.jobs import job_lookups, queue, sessions
from worker.ledger.jobs.jobs import Kind
from worker.ledger.requests import admission
from worker.ledger.storage import retention, state
from worker.ledger.storage.database import Access, Database
from worker.ledger.upkeep import (
    admin_questions,
    failures,
    history,
    past,
    pause,
    site_cookies,
    statistics,
    stops,
)
from worker.ledger.upkeep.failures import ANY, FailedGroup, FailedJob, FailureFilter
from worker.ledger.upkeep.history import By, Group, PastRequest, RequestFilter
from worker.processes.process_table import Identity
from worker.protocol import as_json
from worker.protocol.admin_questions import Question
from worker.protocol.effects import Ban
from worker.protocol.notices import Notice, Topic


@dataclass(frozen=True)
class Sample:
    """Disk and memory at one moment.

    `memory_bytes` is that of all the bot's processes; `memory_share` is the share of its limit that
    the worker nearest to its limit uses.
    """

    taken_at: Wall
    disk_free_bytes: int
    disk_total_bytes: int
    memory_bytes: int
    memory_share: float


class Upkeep:
    """One connection to a ledger that a bot has made."""

    def __init__(self, path: Path, access: Access = Access.WRITE) -> None:
        """Open a ledger that is there. Raises LedgerError if none is, or one of another version."""
        self._db = Database(path, access)

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------------------ what is live

    def live_directories(self) -> set[str]:
        """The names of the download directories that are needed."""
        with self._db.reading():
            return job_lookups.live_directories(self._db)

    def sessions(self) -> dict[Identity, int]:
        """The leaders of the downloads' sessions, with their jobs."""
        with self._db.reading():
            return sessions.jobs_by_leader(self._db)

    def publish(self, name: str, value: Mapping[str, Any]) -> None:
        """Write down what only the bot's process knows, for commands to read."""
        with self._db.transaction():
            state.put_document(self._db, name, value)

    def published(self, name: str) -> dict[str, Any]:
        """What was published last under this name; empty if nothing was."""
        with self._db.reading():
            return state.document(self._db, name)

    def want_menus(self, fingerprint: str, admins: Collection[int], wall: Wall) -> None:
        with self._db.transaction():
            menus.want(self._db, fingerprint, admins, wall)

    # ------------------------------------------------------------------------------ pause

    def pause(self, wall: Wall) -> bool:
        with self._db.transaction():
            return pause.begin(self._db, wall)

    def resume(self) -> bool:
        with self._db.transaction():
            return pause.end(self._db)

    def order_stop(self, job_id: int) -> bool:
        with self._db.transaction():
            return stops.order(self._db, job_id)

    # --------------------------------------------------------------------------- failures

    def failed_groups(self, like: FailureFilter = ANY) -> list[FailedGroup]:
        with self._db.reading():
            return failures.groups(self._db, like)

    def failed(self, limit: int, like: FailureFilter = ANY) -> list[FailedJob]:
        with self._db.reading():
            return failures.newest(self._db, limit, like)

    def failed_ids(self, like: FailureFilter) -> list[int]:
        with self._db.reading():
            return failures.ids(self._db, like)

    def failed_job(self, name: str) -> FailedJob | None:
        """A failed job by its id or by its error's id."""
        with self._db.reading():
            return failures.find(self._db, name)

    def retry(self, job: FailedJob, wall: Wall) -> None:
        with self._db.transaction():
            failures.retry(self._db, job, wall)

    def forget(self, job: FailedJob) -> None:
        with self._db.transaction():
            failures.forget(self._db, job.id)

    # --------------------------------------------------------------------- links and people

    def past_requests(self, which: RequestFilter, limit: int) -> list[PastRequest]:
        with self._db.reading():
            return history.newest(self._db, which, limit)

    def count_requests(self, which: RequestFilter) -> int:
        with self._db.reading():
            return history.count(self._db, which)

    def answer_groups(self, by: By, which: RequestFilter) -> list[Group]:
        with self._db.reading():
            return history.groups(self._db, by, which)

    def bans(self, limit: int) -> dict[int, Wall]:
        with self._db.reading():
            return admission.bans(self._db, limit)

    def count_bans(self) -> int:
        with self._db.reading():
            return admission.count_bans(self._db)

    def ban(self, user_id: int, wall: Wall, *, is_banned: bool) -> bool:
        with self._db.transaction():
            return admission.ban(self._db, Ban(user_id, is_banned), wall)

    # -------------------------------------------------------------------- admins' questions

    def questions(self) -> list[Question]:
        """What admins have asked and nobody has answered, the oldest first."""
        with self._db.reading():
            return admin_questions.waiting(self._db)

    def answer(self, question: Question, text: str, wall: Wall) -> None:
        """Answer a question, once."""
        with self._db.transaction():
            if question in admin_questions.waiting(self._db):
                admin_questions.close(self._db, question)
                notice = Notice(Topic.VERBATIM, {"text": text})
                reply = protocol.Reply(question.reader, question.message_id, (notice,))
                self._add_reply(reply, wall)

    def tried_links(self, since: Wall, until: Wall = past.NO_END) -> past.TriedLinks:
        with self._db.reading():
            return past.tried(self._db, since, until)

    def past_links(self, since: Wall, until: Wall) -> past.PastAnswers:
        with self._db.reading():
            return past.read(self._db, since, until)

    def person(self, user_id: int, wall: Wall) -> past.Person:
        with self._db.reading():
            return past.about(self._db, user_id, wall)

    def tell(self, name: str, value: Mapping[str, Any], replies: Iterable[protocol.Reply]) -> None:
        """Queue messages, and write down under `name` that this was done."""
        with self._db.transaction():
            for reply in replies:
                self._add_reply(reply, wall_clock())
            state.put_document(self._db, name, value)

    # ------------------------------------------------------------------ health and alerts

    def statistics_at(self, wall: Wall, full_sites: Collection[str] = ()) -> statistics.Statistics:
        """What the rows say about the bot's health.

        `full_sites` are as in `fairness.RunningLimits`.
        """
        with self._db.reading():
            return statistics.read(self._db, wall, full_sites)

    def record_sample(self, sample: Sample) -> None:
        """Keep a sample."""
        with self._db.transaction():
            self._db.insert("samples", **asdict(sample))

    def refused_cookies(self) -> dict[str, site_cookies.RefusedCookies]:
        with self._db.reading():
            return site_cookies.refused(self._db)

    def memory_peak(self, since: Wall) -> float:
        """The greatest share of its memory limit that any worker was seen to use since then."""
        with self._db.reading():
            sql = "SELECT max(memory_share) FROM samples WHERE taken_at >= ?"
            return self._db.value(sql, since) or 0.0

    def oldest_sample(self) -> Wall | None:
        """When the first sample that is kept was taken; None without one."""
        with self._db.reading():
            found: Wall | None = self._db.value("SELECT min(taken_at) FROM samples")
        return found

    def save_alerts(
        self,
        alerts: Mapping[str, dict[str, Any]],
        messages: Mapping[str, Sequence[protocol.Reply]],
        outdated_ids: Iterable[int],
        wall: Wall,
    ) -> None:
        """Remember the state of each alert, and queue the messages that announce them.

        A new message's job is noted in its alert as one of `messages`. Those of `outdated_ids` that
        still wait are dropped.
        """
        with self._db.transaction():
            for job_id in outdated_ids:
                queue.drop_reply(self._db, job_id, wall)
            for name, replies in messages.items():
                job_ids = [self._add_reply(reply, wall) for reply in replies]
                if name in alerts:
                    alerts[name]["messages"] = job_ids
            state.put_document(self._db, "alerts", alerts)

    def _add_reply(self, reply: protocol.Reply, wall: Wall) -> int:
        payload = as_json.reply_to_json(reply)
        chat_id = reply.reader.chat_id
        return queue.add(self._db, Kind.REPLY, wall, chat_id=chat_id, payload=payload)

    # -------------------------------------------------------------------------- retention

    def remove_old(self, before: Wall) -> int:
        with self._db.transaction():
            return retention.remove_batch(self._db, before)

    def forget_samples(self, before: Wall, wall: Wall) -> None:
        """Remove samples older than `before`, and those from before the clock was set back."""
        with self._db.transaction():
            self._db.execute("DELETE FROM samples WHERE taken_at NOT BETWEEN ? AND ?", before, wall)

    def vacuum(self) -> bool:
        with self._db.transaction():
            return retention.vacuum_batch(self._db)
