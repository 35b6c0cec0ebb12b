"""The running bot's part in updates: daily ones, those that admins ask for, and their trial.

No step waits: updates run in the background, and each step looks whether one is done. An update is
on trial from when the bot uses it until `watch` decides to keep it or take it back.
"""

import logging
from collections.abc import Callable, Mapping

from maintenance import answers
from maintenance.updates import watch
from maintenance.updates.background import Background, Order
from maintenance.updates.situation import STATE, read_situation
from maintenance.updates.updater import Busy, Outcome, Updater, UpdateResult
from maintenance.updates.watch import TrialVerdict
from worker import clocks
from worker.clocks import Monotonic, Wall
from worker.dispatch.dispatcher import Dispatcher
from worker.downloads.ytdlp.packages import copies
from worker.downloads.ytdlp.packages.copies import YtDlpChoice
from worker.ledger import DOWNLOADS
from worker.ledger.upkeep.upkeep import Upkeep
from worker.logs import redact
from worker.protocol.admin_questions import Asked
from worker.settings import Settings, YtDlpUpdates

log = logging.getLogger(__name__)

EVERY_S = 86_400.0
AGAIN_S = 3600.0
"""When to try again if no index was found, another update was running, or none could start."""

_TRIED_AGAIN = (UpdateResult.OFFLINE, UpdateResult.BUSY, UpdateResult.NOT_STARTED)
_FAILURES = (UpdateResult.REFUSED, UpdateResult.NOT_STARTED)

WATCH_EVERY_S = 5.0

START_PATIENCE_S = 300.0
"""How long workers may fail to start with a new yt-dlp: enough time for several starts."""

SWEEP_EVERY_S = 86_400.0

ORDERS: Mapping[Asked, Order] = {
    Asked.UPDATE: Order.CHECK,
    Asked.UPDATE_NOW: Order.UPDATE,
    Asked.UPDATE_BACK: Order.BACK,
}
"""What the background process is told to do for each question of an admin."""


class UpdateKeeper:
    """Looks after updates; `step` is called about once a second, by one thread."""

    def __init__(
        self, settings: Settings, dispatcher: Dispatcher, open_ledger: Callable[[], Upkeep]
    ) -> None:
        self._settings = settings
        self._dispatcher = dispatcher
        self._open_ledger = open_ledger
        self._background = Background(settings)
        self._done: tuple[Order, Outcome] | None = None
        self._updater = Updater(settings.data_dir, settings.download_memory_mib, {})
        self._file = copies.directory_of(settings.data_dir) / copies.CHOICE
        self._cannot_start_since: Monotonic | None = None
        self._watch_at = Monotonic(0.0)
        self._sweep_at = Monotonic(0.0)

    @property
    def pids(self) -> list[int]:
        """The pid of the process that updates in the background, if there is one."""
        return self._background.pids

    def step(self) -> None:
        """Record the update that is done, watch the one on trial, and start the one that is due."""
        now, wall = clocks.monotonic(), clocks.wall_clock()
        if done := self._done or self._background.poll(now):
            self._take(*done, wall)
        if not self._background.is_at_work and now >= self._sweep_at:
            self._sweep_at = Monotonic(now + SWEEP_EVERY_S)
            self._patiently(self._updater.sweep)
        if now >= self._watch_at:
            self._watch_at = Monotonic(now + WATCH_EVERY_S)
            self._patiently(lambda: self._watch(now, wall))
        if not self._background.is_at_work and (order := self._take_due_order(wall)):
            try:
                self._background.start(order, now)
            except OSError as error:
                self._take(order, self._not_started(error), wall)

    # ------------------------------------------------------------------------- background

    def _take_due_order(self, wall: Wall) -> Order | None:
        """What is to be done now, if anything; the next daily update is put a day off."""
        with self._open_ledger() as ledger:
            for question in ledger.questions():
                if order := ORDERS.get(question.about):
                    return order
            if self._settings.ytdlp_update is YtDlpUpdates.OFF:
                return None
            state = ledger.published(STATE)
            due_at = state.get("due_at")
            if due_at is None:
                # Not right after the start, when there is enough to do; from then on at this hour.
                ledger.publish(STATE, {"due_at": wall + AGAIN_S})
            # A clock that was set back must not put it off for long.
            elif wall >= due_at or due_at > wall + EVERY_S:
                ledger.publish(STATE, {**state, "due_at": wall + EVERY_S})
                return Order.UPDATE
        return None

    def _take(self, order: Order, outcome: Outcome, wall: Wall) -> None:
        """Answer the admins who asked for an update, and log its outcome."""
        # While the ledger is busy nobody can be told, and the same must not be done again.
        self._done = order, outcome
        self._record(order, outcome, wall)
        self._done = None
        level = logging.WARNING if outcome.result in _FAILURES else logging.INFO
        log.log(level, "Update of yt-dlp (%s): %s", order, outcome.text)

    def _record(self, order: Order, outcome: Outcome, wall: Wall) -> None:
        situation = read_situation(self._settings.data_dir)
        with self._open_ledger() as ledger:
            asked = [each for each in ledger.questions() if ORDERS.get(each.about) is order]
            for question in asked:
                ledger.answer(question, redact(answers.update(outcome, situation)), wall)
            state = ledger.published(STATE)
            if asked:
                # Whoever has asked knows it now. What made a daily update fail may be over.
                if outcome.result in (UpdateResult.UPDATED, UpdateResult.CURRENT):
                    ledger.publish(STATE, {**state, "refused": None})
                return
            if outcome.result in _TRIED_AGAIN:
                state["due_at"] = wall + AGAIN_S
            else:
                state["refused"] = outcome.text if outcome.result is UpdateResult.REFUSED else None
                state["refused_for"] = situation.version
            ledger.publish(STATE, state)

    def _not_started(self, error: OSError) -> Outcome:
        text = f"Nothing was changed: the update cannot be started here ({error.strerror})."
        return Outcome(UpdateResult.NOT_STARTED, None, None, text)

    # ------------------------------------------------------------------------------ trial

    def _watch(self, now: Monotonic, wall: Wall) -> None:
        """Begin the trial of an update, or end it by keeping the update or taking it back."""
        start_trouble = self._note_start_trouble(now)
        try:
            choice = copies.read(self._file)
        except copies.Unusable:
            return  # `health` says so.
        if choice is None or choice.trial is None or not copies.is_for_this(choice):
            return
        version, in_use = choice.chosen.version, self._dispatcher.ytdlp.in_use
        if in_use == version and not choice.trial:
            self._updater.begin_trial(wall)
            log.info("yt-dlp %s is on trial: links are compared with those of before.", version)
        elif in_use == version:
            self._decide(choice, choice.trial, wall)
        elif (trouble := self._dispatcher.ytdlp.trouble) and version in trouble:
            self._go_back(trouble)
        elif start_trouble and abs(wall - choice.since) >= START_PATIENCE_S:
            self._go_back(f"no downloads worker can be started with it: {start_trouble}")

    def _note_start_trouble(self, now: Monotonic) -> str | None:
        """Note whether downloads workers start. Returns why none has for long, or None."""
        pools = (pool for pool in self._dispatcher.pools if pool.spec.name == DOWNLOADS)
        trouble: str | None = next((pool.trouble for pool in pools), None)
        if trouble is None:
            self._cannot_start_since = None
            return None
        if self._cannot_start_since is None:
            self._cannot_start_since = now
        return trouble if now >= self._cannot_start_since + START_PATIENCE_S else None

    def _decide(self, choice: YtDlpChoice, since: Wall, wall: Wall) -> None:
        with self._open_ledger() as ledger:
            before = ledger.tried_links(Wall(choice.since - watch.BEFORE_S), choice.since)
            after = ledger.tried_links(since)
        match watch.decide(before, after, abs(wall - since)):
            case TrialVerdict.GO_BACK:
                self._go_back(watch.why(before, after))
            case TrialVerdict.KEEP:
                self._updater.end_trial()
                log.info("yt-dlp %s is kept: %s.", choice.chosen.version, watch.why(before, after))
            case TrialVerdict.WATCH:
                pass

    def _go_back(self, why: str) -> None:
        outcome = self._updater.roll_back(why)
        if outcome.result is UpdateResult.BUSY:
            return  # Looked at again when the other update is done.
        if outcome.result is UpdateResult.NOTHING:
            self._updater.end_trial()  # Otherwise each look would try to go back again.
            log.error("The update of yt-dlp cannot be taken back (%s): %s", why, outcome.text)
        else:
            log.error("The update of yt-dlp was taken back: %s", outcome.text)

    def _patiently(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Busy:
            pass  # It is looked at again when the other update is done.
        except OSError as error:
            log.error("The update of yt-dlp cannot be watched or tidied up: %s", error)
