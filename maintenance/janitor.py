"""The maintenance thread: a schedule of steps. A step that fails does not stop the others."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from maintenance import alerts, answers, health, measures, published, summary, zombies
from maintenance.cpu import CpuMeter
from maintenance.findings import DAILY_S, Finding
from maintenance.measures import Measures
from maintenance.orphans import find_orphans
from maintenance.ownership import Instance
from maintenance.sites_watch import SitesWatch
from maintenance.strays import StrayReaper
from maintenance.updates.keeper import UpdateKeeper
from maintenance.zombies import Problem, Zombie
from worker import clocks, data_directory, logs
from worker.clocks import Monotonic, Wall
from worker.dispatch.dispatcher import Dispatcher
from worker.dispatch.work import Work
from worker.downloads import workspace
from worker.ledger import ledger_path
from worker.ledger.storage import earlier, lost_file
from worker.ledger.storage.retention import KEPT_S
from worker.ledger.upkeep.upkeep import Upkeep
from worker.logs import redact
from worker.processes import process_table
from worker.processes.process_table import Identity
from worker.protocol import Reader, Reply
from worker.protocol.admin_questions import Asked, Question
from worker.protocol.notices import Notice, Topic
from worker.settings import Settings

log = logging.getLogger(__name__)

TICK_S = 1.0
SITES_S = 2.0
PUBLISH_S = 2.0
SAMPLE_S = 15.0
PUBLISH_AGAIN_S = SAMPLE_S / 2
"""How often unchanged facts are published again.

More often than samples are taken: after the wall clock was set, at most one sample sees a time from
before, and one alone raises no alert.
"""

ZOMBIES_S = 60.0
COUNTS_S = 60.0
ORPHANS_S = 3600.0
RETENTION_S = 86_400.0

SAMPLES_KEPT_S = 2 * 86_400.0
SETTLED_S = 72_000.0
"""How old the oldest sample must be before old rows are removed, lest the clock was just set."""

PAUSE_S = 0.05
"""The pause between two batches of the retention, in which others can write to the ledger."""

_AT_ONCE = Monotonic(0.0)


@dataclass
class Step:
    """Something that is done at intervals."""

    name: str
    run: Callable[[], object]
    every_s: float
    due_at: Monotonic = _AT_ONCE


class Janitor:
    """Runs its steps until stopped. Each step opens the ledger, which must exist, for itself."""

    def __init__(
        self,
        settings: Settings,
        dispatcher: Dispatcher,
        polled_at: Callable[[], Monotonic | None],
        sites_watch: SitesWatch,
        note: Callable[[Measures, Sequence[Finding], Monotonic], None] = lambda *_: None,
    ) -> None:
        """`polled_at` returns when Telegram last answered a poll.

        `note` gets each sample with its findings and its time.
        """
        self._settings = settings
        self._dispatcher = dispatcher
        self._polled_at = polled_at
        self._sites_watch = sites_watch
        self._note = note
        self._strays = StrayReaper()
        self._cpu = CpuMeter()
        self._left: list[Identity] = []
        self._published: tuple[dict[str, Any], float | None, dict[str, Monotonic]] | None = None
        self._publish_again_at = _AT_ONCE
        self._work: list[Work] = []
        self._stopped = threading.Event()
        self.heartbeat = clocks.monotonic()
        self.ledger_lost = threading.Event()
        """Set when the ledger's file was replaced or removed, which only a restart can mend."""
        self._updates = UpdateKeeper(settings, dispatcher, self._open)
        self._steps = [
            Step("strays", self.sweep_strays, TICK_S),
            Step("directory", self.renew_directory, TICK_S),
            Step("zombies", self.sweep_zombies, ZOMBIES_S),
            Step("sites", self.apply_sites, SITES_S),
            Step("report", self.publish, PUBLISH_S),
            Step("work", self.publish_work, PUBLISH_S),
            Step("log", logs.write_counts, COUNTS_S),
            Step("sample", self.sample, SAMPLE_S),
            Step("questions", self.answer_questions, TICK_S),
            Step("summary", self.summarise, COUNTS_S),
            Step("updates", self._updates.step, TICK_S),
            Step("orphans", self.sweep_orphans, ORPHANS_S),
            Step("retention", self.forget_old, RETENTION_S),
        ]

    def stop(self) -> None:
        """End the thread after the step that is running."""
        self._stopped.set()

    def run(self) -> None:
        """Run what is due every second, until `stop`."""
        while not self._stopped.wait(TICK_S):
            self.step(clocks.monotonic())

    def step(self, now: Monotonic) -> None:
        """Run what is due at monotonic `now`."""
        for step in self._steps:
            self.heartbeat = clocks.monotonic()
            if now >= step.due_at:
                step.due_at = Monotonic(now + step.every_s)
                try:
                    step.run()
                except Exception:
                    log.exception("Maintenance step %s failed; it is tried again.", step.name)

    def _open(self) -> Upkeep:
        return Upkeep(ledger_path(self._settings.data_dir))

    # --------------------------------------------------------------------------- the steps

    def sweep_strays(self) -> None:
        """End and reap processes that lost their parent and became our children."""
        self._strays.sweep([*self._dispatcher.pids, *self._updates.pids])

    def renew_directory(self) -> None:
        """Restore what somebody has removed from the data directory and the bot needs."""
        if lost_file.is_lost(ledger_path(self._settings.data_dir)):
            # The directory may be another one by now, whose lock is not ours to take.
            self.ledger_lost.set()
            return
        if data_directory.renew_lock(self._settings.data_dir):
            log.warning("Somebody has removed the file that locks DATA_DIR; it is there again.")
        data_directory.renew_temporary_files(self._settings.data_dir)

    def sweep_zombies(self) -> None:
        """End processes of this bot that should not be there; continue stopped ones."""
        with self._open() as ledger:
            instance = Instance.of(self._settings, ledger.sessions())
        found = zombies.find(instance)
        for zombie in found:
            _log_zombie(zombie)
        # A stopped process may be in the middle of a job, which would be lost if it were ended.
        zombies.resume(found)
        left = zombies.end(instance, found, _log_zombie, spared={Problem.STOPPED})
        for zombie in left:
            process = zombie.process
            log.error("Process %d is still there: %s.", process.pid, zombie.reason)
        self._left = [zombie.process.identity for zombie in left]

    def apply_sites(self) -> None:
        """Apply changed site settings, and keep their secrets out of the log."""
        if sites := self._sites_watch.check():
            logs.replace_secrets((*self._settings.secrets, *sites.secrets))
            self._dispatcher.use_sites(sites)

    def publish(self) -> None:
        """Publish what only this process knows, if it has changed or was published long ago."""
        polled_at = self._polled_at()
        sites = dict(self._dispatcher.sites_down)
        described = published.describe_bot(self._dispatcher)
        described["sites_trouble"] = self._sites_watch.trouble
        described["sites_named"] = sorted(self._sites_watch.sites.named)
        facts = described, polled_at, sites
        now = clocks.monotonic()
        if facts != self._published or now >= self._publish_again_at:
            wall = clocks.wall_clock()
            clocks_apart_s = wall - now
            document = {
                **facts[0],
                "at": wall,
                "polled_at": None if polled_at is None else polled_at + clocks_apart_s,
                "sites_down": {site: at + clocks_apart_s for site, at in sites.items()},
            }
            with self._open() as ledger:
                ledger.publish(published.BOT, document)
            self._published = facts
            self._publish_again_at = Monotonic(now + PUBLISH_AGAIN_S)

    def publish_work(self) -> None:
        """Publish which jobs the workers have and their progress, if that has changed."""
        work = list(self._dispatcher.work)
        if work != self._work:
            wall, now = clocks.wall_clock(), clocks.monotonic()
            with self._open() as ledger:
                ledger.publish(published.WORK, published.describe_work(work, wall, now))
            self._work = work

    def sample(self) -> None:
        """Measure, keep the sample, and raise or clear alerts."""
        use = self._cpu.sample(self._workers(), clocks.monotonic())
        with self._open() as ledger:
            # Only those that are still there: some may have ended since they were found.
            left = sum(process_table.identify(one.pid) == one for one in self._left)
            taken = measures.take(self._settings, ledger, left)
            findings = health.assess(taken)
            # First, since this works even if the ledger cannot be written.
            self._note(taken, findings, clocks.monotonic())
            if use:
                ledger.publish(published.CPU, published.describe_cpu(use, clocks.wall_clock()))
            ledger.record_sample(measures.sample_of(taken))
            alerts.step(ledger, findings, self._settings.admins, taken.taken_at)

    def answer_questions(self) -> None:
        """Answer what admins have asked in the chat."""
        with self._open() as ledger:
            for question in ledger.questions():
                wall = clocks.wall_clock()
                if text := self._answer_to(question, ledger, wall):
                    ledger.answer(question, redact(text), wall)

    def _answer_to(self, question: Question, ledger: Upkeep, wall: Wall) -> str | None:
        """The answer; None for a question about updates, which `UpdateKeeper` answers later."""
        match question.about:
            case Asked.STATUS:
                taken = measures.take(self._settings, ledger, len(self._left))
                return answers.status(health.assess(taken))
            case Asked.FAILED:
                return answers.failed(ledger.past_links(Wall(wall - DAILY_S), wall))
            case Asked.WHO:
                user_id = question.user_id or 0
                person = ledger.person(user_id, wall)
                return answers.who(user_id, person, is_admin=user_id in self._settings.admins)
            case Asked.UPDATE | Asked.UPDATE_NOW | Asked.UPDATE_BACK:
                return None

    def summarise(self) -> None:
        """Send the admins a summary of the last day, once a day."""
        if not (self._settings.daily_summary and self._settings.admins):
            return
        wall = clocks.wall_clock()
        with self._open() as ledger:
            day = summary.day_due(ledger.published(summary.STATE).get("day"), wall)
            if day is None:
                return
            taken = measures.take(self._settings, ledger, len(self._left))
            past = ledger.past_links(summary.since(wall), wall)
            notice = Notice(
                Topic.VERBATIM, {"text": redact(summary.text(past, health.assess(taken)))}
            )
            replies = [Reply(Reader(admin), None, (notice,)) for admin in self._settings.admins]
            # A summary with nothing to say is not sent, but its day is done.
            ledger.tell(summary.STATE, {"day": day}, replies if past.links else ())

    def _workers(self) -> list[Identity]:
        pids = [worker.pid for pool in self._dispatcher.pools for worker in pool.workers]
        return [identity for pid in pids if (identity := process_table.identify(pid))]

    def sweep_orphans(self) -> None:
        """Remove download directories that no live job uses."""
        downloads = self._settings.data_dir / "downloads"
        with self._open() as ledger:
            max_age_s = self._settings.orphan_max_age_s
            orphans = find_orphans(downloads, ledger.live_directories, max_age_s)
        for orphan in orphans:
            self.heartbeat = clocks.monotonic()
            try:
                workspace.remove(orphan.path)
            except OSError as error:
                log.error("%s belongs to no job and cannot be removed: %s", orphan.path, error)
            else:
                log.info("%s belonged to no job and was removed.", orphan.path)

    def forget_old(self) -> None:
        """Remove old rows from the ledger, and give their space back to the disk."""
        wall = clocks.wall_clock()
        removed = 0
        with self._open() as ledger:
            ledger.forget_samples(Wall(wall - SAMPLES_KEPT_S), wall)
            oldest = ledger.oldest_sample()
            # A clock that was just set forward must not make everything look old, not even after
            # a restart.
            is_settled = oldest is None or wall - oldest >= SETTLED_S
            while is_settled and (rows := ledger.remove_old(Wall(wall - KEPT_S))):
                removed += rows
                if self._rest():
                    return
            while ledger.vacuum():
                if self._rest():
                    return
        if is_settled:
            path = ledger_path(self._settings.data_dir)
            for copy in earlier.remove_old(path, Wall(wall - earlier.KEPT_S)):
                log.info("%s, a copy of the ledger from before a new version, was removed.", copy)
        if removed:
            days = KEPT_S / DAILY_S
            log.info("%d rows older than %.0f days were removed from the ledger.", removed, days)

    def _rest(self) -> bool:
        """Let others write to the ledger. True when it is time to stop."""
        self.heartbeat = clocks.monotonic()
        return self._stopped.wait(PAUSE_S)


def _log_zombie(zombie: Zombie) -> None:
    log.warning("Process %d (%s): %s.", zombie.process.pid, zombie.command, zombie.reason)
