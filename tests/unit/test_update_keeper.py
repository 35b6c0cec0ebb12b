"""The bot's part in updates of yt-dlp: when they are due, who is answered, what trials come to."""

import errno
import itertools
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from maintenance import health, measures
from maintenance.findings import ONCE_S, Level
from maintenance.updates.background import Order
from maintenance.updates.keeper import AGAIN_S, EVERY_S, START_PATIENCE_S, UpdateKeeper
from maintenance.updates.situation import STATE, look
from maintenance.updates.updater import Outcome, UpdateResult
from maintenance.updates.watch import LONGEST_S, TRIAL_S
from tests.support.ledger_kit import a_link, send
from tests.support.updates import ADMIN
from worker import clocks
from worker.admin_questions import Asked, Question
from worker.clocks import Monotonic, Wall
from worker.downloads.ytdlp import copies
from worker.downloads.ytdlp.copies import Installed, YtDlpChoice
from worker.errors import Reason
from worker.ledger import DOWNLOADS, Ledger, LedgerBusy, admin_questions, ledger_path
from worker.ledger.upkeep import Upkeep
from worker.protocol import Reader
from worker.settings import Settings, YtDlpUpdates

NOW = 1_800_000_000.0
OLD, NEW = "2098.1.1", "2099.1.1"


class FakeBackground:
    """Takes orders, and is done with each when the test says so."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.pids: list[int] = []
        self.is_at_work = False
        self.outcome = Outcome(UpdateResult.CURRENT, OLD, OLD, f"{OLD} is the newest.")
        self.is_done = False
        self.trouble: OSError | None = None

    def start(self, order: Order, _now: Monotonic) -> None:
        assert not self.is_at_work
        if self.trouble:
            raise self.trouble
        self.orders.append(order)
        self.is_at_work = True

    def look(self, _now: Monotonic) -> tuple[Order, Outcome] | None:
        if not self.is_done:
            return None
        self.is_done = self.is_at_work = False
        return self.orders[-1], self.outcome


class Bot:
    """A ledger, and the keeper of a bot whose clocks the test moves."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch, every: str) -> None:
        self.now: float = 100.0
        copies.tell(directory)
        monkeypatch.setattr(clocks, "monotonic", lambda: Monotonic(self.now))
        monkeypatch.setattr(clocks, "wall_clock", lambda: Wall(NOW + self.now))
        self.downloads = SimpleNamespace(spec=SimpleNamespace(name=DOWNLOADS), trouble=None)
        self.dispatcher = SimpleNamespace(
            ytdlp=SimpleNamespace(in_use=OLD, trouble=None), pools=[self.downloads]
        )
        self.ledger = Ledger(ledger_path(directory))
        self.directory = directory
        self.settings = Settings(bot_token="", data_dir=directory, ytdlp_update=YtDlpUpdates(every))
        self.keeper = UpdateKeeper(
            self.settings, self.dispatcher, lambda: Upkeep(ledger_path(directory))
        )
        self.background = FakeBackground()
        vars(self.keeper)["_background"] = self.background
        self._links = 0

    def step(self, after_s: float = 1.0) -> None:
        self.now += after_s
        self.keeper.step()

    def ask(self, about: Asked) -> None:
        with self.ledger._db.transaction():
            question = Question(about, Reader(ADMIN), 7)
            admin_questions.ask(self.ledger._db, question)

    @property
    def told(self) -> list[str]:
        rows = self.ledger._db.execute("SELECT payload FROM jobs WHERE kind = 'reply' ORDER BY id")
        return [str(row["payload"]) for row in rows]

    def choose(self, **changes: object) -> None:
        place = copies.directory_of(self.directory)
        place.mkdir(mode=0o700, exist_ok=True)
        for version in (OLD, NEW):
            (place / f"{version}-1/yt_dlp").mkdir(mode=0o700, parents=True, exist_ok=True)
            (place / f"{version}-1").chmod(0o700)
            (place / f"{version}-1/yt_dlp/version.py").write_text(f"__version__ = '{version}'\n")
        fields: dict[str, object] = {
            "chosen": Installed(NEW, f"{NEW}-1"),
            "own": copies.own_state(),
            "python": copies.PYTHON,
            "since": NOW,
            "before": Installed(OLD, f"{OLD}-1"),
            "trial": 0.0,
        }
        copies.save(place / copies.CHOICE, YtDlpChoice(**{**fields, **changes}))  # type: ignore[arg-type]

    @property
    def refused(self) -> list[str]:
        """What health says of daily updates."""
        with Upkeep(ledger_path(self.directory)) as ledger:
            taken = measures.take(self.settings, ledger, zombies=0)
        found = health.assess(taken)
        return [each.text for each in found if each.name == "daily update"]

    @property
    def choice(self) -> YtDlpChoice:
        choice = copies.read(copies.directory_of(self.directory) / copies.CHOICE)
        assert choice
        return choice

    def answered(
        self, at: float, *reasons: Reason | None, attempts: int = 1, user_id: int = 7
    ) -> None:
        """A link for each, with media where it is None."""
        for reason in reasons:
            self._links += 1
            link = a_link(user_id, f"key {self._links}")
            send(self.ledger, link, update_id=self._links)
            self.ledger._db.execute(
                "UPDATE requests SET answered_at = ?, verdict = ?, reason = ?, attempts = ?,"
                " is_remembered = 0 WHERE id = (SELECT max(id) FROM requests)",
                at,
                "sentence" if reason else "media",
                reason,
                attempts,
            )


@pytest.fixture
def bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bot]:
    monkeypatch.setenv(copies.VARIABLE, "")
    bot = Bot(tmp_path, monkeypatch, "off")
    yield bot
    bot.ledger.close()


@pytest.fixture
def daily(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bot]:
    monkeypatch.setenv(copies.VARIABLE, "")
    bot = Bot(tmp_path, monkeypatch, "daily")
    yield bot
    bot.ledger.close()


# ----------------------------------------------------------------------------- when it is due


def test_nothing_is_done_unless_it_is_set(bot: Bot) -> None:
    for _ in range(3):
        bot.step(EVERY_S)
    assert bot.background.orders == []
    assert not copies.directory_of(bot.directory).exists()


def test_once_a_day_and_not_again_after_a_restart(
    daily: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    daily.step()
    assert daily.background.orders == [], "there is enough to do at the start"
    daily.step(AGAIN_S)
    assert daily.background.orders == [Order.UPDATE]
    daily.background.is_done = True
    daily.step()
    again = Bot(daily.directory, monkeypatch, "daily")
    again.now = daily.now
    for _ in range(3):
        again.step(60.0)
    assert again.background.orders == []
    again.step(EVERY_S)
    assert again.background.orders == [Order.UPDATE]
    again.ledger.close()


@pytest.mark.parametrize("result", [UpdateResult.OFFLINE, UpdateResult.BUSY])
def test_what_could_not_be_tried_is_tried_an_hour_later(daily: Bot, result: UpdateResult) -> None:
    daily.background.outcome = Outcome(result, OLD, None, "No.")
    daily.step()
    for attempt in (1, 2):
        daily.step(AGAIN_S)
        assert daily.background.orders == [Order.UPDATE] * attempt
        daily.background.is_done = True
        daily.step()


def test_what_cannot_be_started_is_tried_an_hour_later(
    daily: Bot, caplog: pytest.LogCaptureFixture
) -> None:
    daily.background.trouble = OSError(errno.EAGAIN, "Resource temporarily unavailable")
    daily.step()
    for attempt in (1, 2):
        for _ in range(3):
            daily.step(AGAIN_S / 3)
        warnings = [each for each in caplog.records if each.levelno == logging.WARNING]
        assert len(warnings) == attempt
        assert "cannot be started here (Resource temporarily unavailable)" in caplog.text
    daily.background.trouble = None
    daily.step(AGAIN_S)
    assert daily.background.orders == [Order.UPDATE]
    assert daily.refused == []


def test_an_admin_is_told_that_it_cannot_be_started(bot: Bot) -> None:
    bot.background.trouble = OSError(errno.ENOMEM, "Cannot allocate memory")
    bot.ask(Asked.UPDATE_NOW)
    for _ in range(3):
        bot.step()
    (answer,) = bot.told
    assert "cannot be started here (Cannot allocate memory)" in answer


def test_a_clock_that_was_set_back_does_not_put_it_off(daily: Bot) -> None:
    with Upkeep(ledger_path(daily.directory)) as ledger:
        ledger.publish(STATE, {"due_at": NOW + 50 * EVERY_S})
    daily.step()
    assert daily.background.orders == [Order.UPDATE]


def test_what_keeps_it_from_updating_is_in_health_until_it_does(daily: Bot) -> None:
    daily.step()
    for result, text in ((UpdateResult.REFUSED, "No room."), (UpdateResult.CURRENT, "Newest.")):
        daily.step(EVERY_S)
        daily.background.outcome = Outcome(result, OLD, None, text)
        daily.background.is_done = True
        daily.step()
        expected = [f"No room. {health._REFUSED_UNTIL}"] if result is UpdateResult.REFUSED else []
        assert daily.refused == expected


def test_what_was_refused_is_forgotten_once_a_newer_one_is_in_use(daily: Bot) -> None:
    daily.choose(chosen=Installed(OLD, f"{OLD}-1"), before=None, trial=None)
    daily.step()
    daily.step(EVERY_S)
    text = f"Nothing was changed: {NEW} does not work here."
    daily.background.outcome = Outcome(UpdateResult.REFUSED, OLD, None, text)
    daily.background.is_done = True
    daily.step()
    assert len(daily.refused) == 1
    daily.choose()
    assert daily.refused == [], "by hand, or by pip"


def test_what_was_refused_is_forgotten_without_daily_updates(daily: Bot) -> None:
    with Upkeep(ledger_path(daily.directory)) as ledger:
        ledger.publish(STATE, {"refused": "No room.", "refused_for": NEW})
    assert len(daily.refused) == 1
    daily.settings = replace(daily.settings, ytdlp_update=YtDlpUpdates.OFF)
    assert daily.refused == []


# ------------------------------------------------------------------------------- in the chat


@pytest.mark.parametrize(
    ("about", "order"),
    [
        (Asked.UPDATE, Order.CHECK),
        (Asked.UPDATE_NOW, Order.UPDATE),
        (Asked.UPDATE_BACK, Order.BACK),
    ],
)
def test_an_admin_is_answered_when_it_is_done(bot: Bot, about: Asked, order: Order) -> None:
    bot.ask(about)
    bot.ask(Asked.STATUS)
    for _ in range(3):
        bot.step()
    assert (bot.background.orders, bot.told) == ([order], [])
    bot.background.outcome = Outcome(UpdateResult.NEW, OLD, NEW, f"{NEW} is new.")
    bot.background.is_done = True
    bot.step()
    (answer,) = bot.told
    assert f"{NEW} is new." in answer
    assert "In use: yt-dlp" in answer
    assert "/update now" in answer
    bot.step()
    assert bot.background.orders == [order], "what was answered is done"


@contextmanager
def a_busy_ledger(monkeypatch: pytest.MonkeyPatch, name: str, after: int = 0) -> Iterator[None]:
    """Have this call to the ledger fail after so many, as it does while another writes."""
    real, calls = getattr(Upkeep, name), itertools.count()

    def call(*arguments: object) -> object:
        if next(calls) >= after:
            raise LedgerBusy("database is locked")
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Upkeep, name, call)
        yield


def test_an_outcome_that_the_ledger_is_too_busy_for_is_kept_until_it_is_told(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    bot.ask(Asked.UPDATE_BACK)
    bot.step()
    text = f"{OLD} is in use again in place of {NEW}."
    bot.background.outcome = Outcome(UpdateResult.WENT_BACK, OLD, OLD, text)
    bot.background.is_done = True
    with a_busy_ledger(monkeypatch, "answer"):
        for _ in range(3):
            with pytest.raises(LedgerBusy):
                bot.step()
    for _ in range(3):
        bot.step()
    assert bot.background.orders == [Order.BACK], "once is enough"
    (answer,) = bot.told
    assert text in answer
    assert caplog.text.count(text) == 1


def test_a_daily_outcome_that_the_ledger_is_too_busy_for_is_noted_later(
    daily: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    daily.step()
    daily.step(AGAIN_S)
    text = "Nothing was changed: No room."
    daily.background.outcome = Outcome(UpdateResult.REFUSED, OLD, None, text)
    daily.background.is_done = True
    with a_busy_ledger(monkeypatch, "publish"), pytest.raises(LedgerBusy):
        daily.step()
    daily.step()
    assert daily.refused == [f"{text} {health._REFUSED_UNTIL}"]


def test_a_busy_ledger_does_not_put_off_for_a_day_what_could_not_be_started(
    daily: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    daily.step()
    daily.background.trouble = OSError(errno.EAGAIN, "Resource temporarily unavailable")
    with a_busy_ledger(monkeypatch, "publish", after=1), pytest.raises(LedgerBusy):
        daily.step(AGAIN_S)
    daily.background.trouble = None
    daily.step()
    daily.step(AGAIN_S)
    assert daily.background.orders == [Order.UPDATE]


# --------------------------------------------------------------------------------- the trial


def test_a_trial_begins_when_it_is_in_use_and_ends_well(bot: Bot) -> None:
    bot.choose()
    bot.step(10)
    assert bot.choice.trial == 0.0, "the old one still works"
    bot.dispatcher.ytdlp.in_use = NEW
    bot.step(10)
    began = bot.choice.trial
    assert began == NOW + bot.now
    bot.answered(began + 1, *[None] * 49, Reason.OUTDATED)
    bot.step(10)
    assert bot.choice.trial == began, "a rush is no reason to be done sooner"
    bot.step(TRIAL_S)
    ended = bot.choice
    assert (ended.trial, ended.chosen.version) == (None, NEW)


def test_a_worse_one_is_left_and_does_not_come_again(bot: Bot) -> None:
    bot.answered(NOW - 500, *[None] * 50, Reason.NETWORK)
    bot.choose(trial=NOW + 50)
    bot.dispatcher.ytdlp.in_use = NEW
    bot.answered(NOW + 90, *[None] * 10, *[Reason.OUTDATED] * 4)
    bot.step(10)
    assert bot.choice.chosen.version == NEW
    bot.answered(NOW + 95, Reason.CRASHED)
    bot.step(10)
    choice = bot.choice
    assert choice.chosen == Installed(OLD, f"{OLD}-1")
    assert choice.left is not None
    assert choice.left.version == NEW
    assert choice.left.why == "5 of 15 links failed, 1 of 51 in the day before"
    assert choice.left.by_itself
    assert (choice.before, choice.trial) == (None, None)


@pytest.mark.parametrize(
    ("reason", "attempts"),
    [
        (Reason.PRIVATE, 1),
        (Reason.NOT_FOUND, 1),
        (Reason.NO_RIGHT_TO_VIDEOS, 1),
        (Reason.TELEGRAM_FAILS, 1),
        (Reason.DISK_FULL, 1),
        (Reason.SITE_DOWN, 0),
    ],
)
def test_what_is_not_its_fault_does_not_count(bot: Bot, reason: Reason, attempts: int) -> None:
    bot.answered(NOW - 500, *[None] * 50)
    bot.choose(trial=NOW + 50)
    bot.dispatcher.ytdlp.in_use = NEW
    bot.answered(NOW + 90, None, *[reason] * 30, attempts=attempts)
    bot.step(10)
    assert bot.choice.chosen.version == NEW


def test_one_person_alone_takes_no_update_back(bot: Bot) -> None:
    bot.answered(NOW - 500, *[None] * 50)
    bot.choose(trial=NOW + 50)
    bot.dispatcher.ytdlp.in_use = NEW
    bot.answered(NOW + 90, *[Reason.NETWORK] * 9, user_id=8)
    bot.answered(NOW + 90, None)
    bot.step(10)
    assert bot.choice.chosen.version == NEW
    bot.answered(NOW + 95, Reason.NETWORK)
    bot.step(10)
    assert bot.choice.chosen.version == OLD


def test_few_links_are_waited_for_a_day(bot: Bot) -> None:
    bot.choose(trial=NOW + 50)
    bot.dispatcher.ytdlp.in_use = NEW
    bot.step(TRIAL_S)
    assert bot.choice.trial is not None
    bot.step(LONGEST_S)
    assert bot.choice.trial is None


def test_one_that_the_bot_cannot_use_is_left(bot: Bot) -> None:
    bot.choose()
    bot.dispatcher.ytdlp.trouble = f"yt-dlp {NEW} on disk cannot be used: no plugin"
    bot.step(10)
    left = bot.choice.left
    assert left is not None
    assert "no plugin" in left.why


@pytest.mark.parametrize("in_use", [OLD, None])
@pytest.mark.parametrize("trial", [0.0, NOW + 50])
def test_one_whose_workers_cannot_start_is_left(bot: Bot, in_use: str | None, trial: float) -> None:
    bot.choose(trial=trial)
    bot.dispatcher.ytdlp.in_use = in_use
    bot.downloads.trouble = "downloads-7: MemoryError"
    bot.step(10)
    bot.step(START_PATIENCE_S - 10)
    assert bot.choice.chosen.version == NEW, "it is tried a few times"
    bot.step(10)
    choice = bot.choice
    assert choice.chosen.version == OLD
    assert choice.left is not None
    assert "no downloads worker can be started with it: downloads-7: Mem" in choice.left.why


def test_workers_that_cannot_start_for_a_moment_are_waited_for(bot: Bot) -> None:
    bot.choose()
    bot.dispatcher.ytdlp.in_use = None
    for trouble in ("downloads-7: MemoryError", None, "downloads-9: MemoryError"):
        bot.downloads.trouble = trouble
        for _ in range(4):
            bot.step(START_PATIENCE_S / 5)
    assert bot.choice.chosen.version == NEW


def test_what_kept_workers_from_starting_before_it_was_chosen_is_not_its_fault(bot: Bot) -> None:
    bot.downloads.trouble = "downloads-7: MemoryError"
    for _ in range(3):
        bot.step(START_PATIENCE_S)
    bot.choose(since=NOW + bot.now)
    bot.step(10)
    assert bot.choice.chosen.version == NEW, "it may be the repair"


def test_workers_that_cannot_start_beside_those_with_it_are_not_its_fault(bot: Bot) -> None:
    bot.choose()
    bot.dispatcher.ytdlp.in_use = NEW
    bot.downloads.trouble = "downloads-7: Resource temporarily unavailable"
    for _ in range(3):
        bot.step(START_PATIENCE_S)
    assert bot.choice.chosen.version == NEW


def test_why_it_was_left_may_be_long(bot: Bot) -> None:
    bot.choose()
    bot.dispatcher.ytdlp.trouble = f"yt-dlp {NEW} on disk cannot be used: {'é' * 20_000}"
    bot.step(10)
    assert bot.choice.chosen.version == OLD


@pytest.mark.parametrize("is_busy", [True, False])
def test_what_cannot_go_back_is_said_once(
    bot: Bot, is_busy: bool, caplog: pytest.LogCaptureFixture
) -> None:
    bot.choose(before=None)
    bot.dispatcher.ytdlp.trouble = f"yt-dlp {NEW} on disk cannot be used: no plugin"
    bot.step(10)
    if is_busy:
        bot.choose()
        caplog.clear()
        with vars(bot.keeper)["_updater"]._locked():
            bot.step(10)
    else:
        bot.step(10)
    assert len(caplog.records) == (0 if is_busy else 1)


def test_another_pip_ends_the_trial(bot: Bot) -> None:
    bot.choose(own=("/elsewhere", 1), trial=NOW + 50)
    bot.dispatcher.ytdlp.in_use = NEW
    bot.answered(NOW + 90, *[Reason.OUTDATED] * 30)
    bot.step(10)
    assert bot.choice.chosen.version == NEW, "it is not in use any more"
    assert look(bot.directory).is_over


def test_an_update_at_work_is_waited_for(bot: Bot) -> None:
    bot.choose()
    bot.dispatcher.ytdlp.in_use = NEW
    with vars(bot.keeper)["_updater"]._locked():
        bot.step(10)
    assert bot.choice.trial == 0.0
    bot.step(10)
    assert bot.choice.trial


# ------------------------------------------------------------------------------------ health


def test_health_says_why_it_went_back_and_who_has_installed(bot: Bot) -> None:
    bot.choose(
        chosen=Installed(OLD, f"{OLD}-1"),
        before=None,
        left=copies.Left(NEW, "5 of 15 links failed", NOW),
    )
    taken = SimpleNamespace(update=look(bot.directory), update_refused=None)
    (found,) = health._update(taken)  # type: ignore[arg-type]
    assert (found.name, found.level, found.alerts_every_s) == ("update", Level.WARNING, ONCE_S)
    assert f"went back from yt-dlp {NEW}" in found.text
    assert "5 of 15 links failed" in found.text
    bot.choose(left=copies.Left(NEW, "by hand", NOW, by_itself=False))
    by_hand = SimpleNamespace(update=look(bot.directory), update_refused=None)
    assert not list(health._update(by_hand))  # type: ignore[arg-type]


def test_what_was_left_is_forgotten_once_a_newer_one_is_in_use(bot: Bot) -> None:
    bot.choose(left=copies.Left(NEW, "5 of 15 links failed", NOW))
    for version, findings in ((OLD, 1), (NEW, 1), ("2099.1.2", 0)):
        situation = replace(look(bot.directory), version=version)
        taken = SimpleNamespace(update=situation, update_refused=None)
        assert len(list(health._update(taken))) == findings  # type: ignore[arg-type]


def test_what_was_left_is_forgotten_when_it_is_installed_by_hand(bot: Bot) -> None:
    bot.choose(
        chosen=Installed(OLD, f"{OLD}-1"),
        before=None,
        left=copies.Left(NEW, "5 of 15 links failed", NOW),
    )
    updater = vars(bot.keeper)["_updater"]
    updater._choose(Installed("2098.1.2", f"{NEW}-1"), look(bot.directory))
    assert bot.choice.left, "it is older than what was left"
    updater._choose(Installed(NEW, f"{NEW}-1"), look(bot.directory))
    assert bot.choice.left is None


def test_health_says_what_cannot_be_believed(bot: Bot) -> None:
    bot.choose()
    (copies.directory_of(bot.directory) / copies.CHOICE).write_text("{")
    taken = SimpleNamespace(update=look(bot.directory), update_refused=None)
    (found,) = health._update(taken)  # type: ignore[arg-type]
    assert "is not as an update leaves it" in found.text
