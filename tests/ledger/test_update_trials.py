"""What trials of a new yt-dlp come to, and what health says of them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from maintenance import health
from maintenance.findings import ONCE_S, Level
from maintenance.updates.keeper import START_PATIENCE_S
from maintenance.updates.situation import read_situation
from maintenance.updates.watch import LONGEST_S, TRIAL_S
from tests.support.stepped_keeper import NEW, NOW, OLD, SteppedKeeper, stepped_keeper
from worker.downloads.ytdlp.packages import copies
from worker.downloads.ytdlp.packages.copies import Installed
from worker.errors import Reason


@pytest.fixture
def bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SteppedKeeper]:
    with stepped_keeper(tmp_path, monkeypatch) as keeper:
        yield keeper


def test_a_trial_begins_when_it_is_in_use_and_ends_well(bot: SteppedKeeper) -> None:
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


def test_a_worse_one_is_left_and_does_not_come_again(bot: SteppedKeeper) -> None:
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
def test_what_is_not_its_fault_does_not_count(
    bot: SteppedKeeper, reason: Reason, attempts: int
) -> None:
    bot.answered(NOW - 500, *[None] * 50)
    bot.choose(trial=NOW + 50)
    bot.dispatcher.ytdlp.in_use = NEW
    bot.answered(NOW + 90, None, *[reason] * 30, attempts=attempts)
    bot.step(10)
    assert bot.choice.chosen.version == NEW


def test_one_person_alone_takes_no_update_back(bot: SteppedKeeper) -> None:
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


def test_few_links_are_waited_for_a_day(bot: SteppedKeeper) -> None:
    bot.choose(trial=NOW + 50)
    bot.dispatcher.ytdlp.in_use = NEW
    bot.step(TRIAL_S)
    assert bot.choice.trial is not None
    bot.step(LONGEST_S)
    assert bot.choice.trial is None


def test_one_that_the_bot_cannot_use_is_left(bot: SteppedKeeper) -> None:
    bot.choose()
    bot.dispatcher.ytdlp.trouble = f"yt-dlp {NEW} on disk cannot be used: no plugin"
    bot.step(10)
    left = bot.choice.left
    assert left is not None
    assert "no plugin" in left.why


@pytest.mark.parametrize("in_use", [OLD, None])
@pytest.mark.parametrize("trial", [0.0, NOW + 50])
def test_one_whose_workers_cannot_start_is_left(
    bot: SteppedKeeper, in_use: str | None, trial: float
) -> None:
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


def test_workers_that_cannot_start_for_a_moment_are_waited_for(bot: SteppedKeeper) -> None:
    bot.choose()
    bot.dispatcher.ytdlp.in_use = None
    for trouble in ("downloads-7: MemoryError", None, "downloads-9: MemoryError"):
        bot.downloads.trouble = trouble
        for _ in range(4):
            bot.step(START_PATIENCE_S / 5)
    assert bot.choice.chosen.version == NEW


def test_what_kept_workers_from_starting_before_it_was_chosen_is_not_its_fault(
    bot: SteppedKeeper,
) -> None:
    bot.downloads.trouble = "downloads-7: MemoryError"
    for _ in range(3):
        bot.step(START_PATIENCE_S)
    bot.choose(since=NOW + bot.now)
    bot.step(10)
    assert bot.choice.chosen.version == NEW, "it may be the repair"


def test_workers_that_cannot_start_beside_those_with_it_are_not_its_fault(
    bot: SteppedKeeper,
) -> None:
    bot.choose()
    bot.dispatcher.ytdlp.in_use = NEW
    bot.downloads.trouble = "downloads-7: Resource temporarily unavailable"
    for _ in range(3):
        bot.step(START_PATIENCE_S)
    assert bot.choice.chosen.version == NEW


def test_why_it_was_left_may_be_long(bot: SteppedKeeper) -> None:
    bot.choose()
    bot.dispatcher.ytdlp.trouble = f"yt-dlp {NEW} on disk cannot be used: {'é' * 20_000}"
    bot.step(10)
    assert bot.choice.chosen.version == OLD


@pytest.mark.parametrize("is_busy", [True, False])
def test_what_cannot_go_back_is_said_once(
    bot: SteppedKeeper, is_busy: bool, caplog: pytest.LogCaptureFixture
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


def test_another_pip_ends_the_trial(bot: SteppedKeeper) -> None:
    bot.choose(own=("/elsewhere", 1), trial=NOW + 50)
    bot.dispatcher.ytdlp.in_use = NEW
    bot.answered(NOW + 90, *[Reason.OUTDATED] * 30)
    bot.step(10)
    assert bot.choice.chosen.version == NEW, "it is not in use any more"
    assert read_situation(bot.directory).is_over


def test_an_update_at_work_is_waited_for(bot: SteppedKeeper) -> None:
    bot.choose()
    bot.dispatcher.ytdlp.in_use = NEW
    with vars(bot.keeper)["_updater"]._locked():
        bot.step(10)
    assert bot.choice.trial == 0.0
    bot.step(10)
    assert bot.choice.trial


# ------------------------------------------------------------------------------------ health


def test_health_says_why_it_went_back_and_who_has_installed(bot: SteppedKeeper) -> None:
    bot.choose(
        chosen=Installed(OLD, f"{OLD}-1"),
        before=None,
        left=copies.Left(NEW, "5 of 15 links failed", NOW),
    )
    taken = SimpleNamespace(update=read_situation(bot.directory), update_refused=None)
    (found,) = health._update(taken)  # type: ignore[arg-type]
    assert (found.name, found.level, found.alerts_every_s) == ("update", Level.WARNING, ONCE_S)
    assert f"went back from yt-dlp {NEW}" in found.text
    assert "5 of 15 links failed" in found.text
    bot.choose(left=copies.Left(NEW, "by hand", NOW, by_itself=False))
    by_hand = SimpleNamespace(update=read_situation(bot.directory), update_refused=None)
    assert not list(health._update(by_hand))  # type: ignore[arg-type]


def test_what_was_left_is_forgotten_once_a_newer_one_is_in_use(bot: SteppedKeeper) -> None:
    bot.choose(left=copies.Left(NEW, "5 of 15 links failed", NOW))
    for version, findings in ((OLD, 1), (NEW, 1), ("2099.1.2", 0)):
        situation = replace(read_situation(bot.directory), version=version)
        taken = SimpleNamespace(update=situation, update_refused=None)
        assert len(list(health._update(taken))) == findings  # type: ignore[arg-type]


def test_what_was_left_is_forgotten_when_it_is_installed_by_hand(bot: SteppedKeeper) -> None:
    bot.choose(
        chosen=Installed(OLD, f"{OLD}-1"),
        before=None,
        left=copies.Left(NEW, "5 of 15 links failed", NOW),
    )
    updater = vars(bot.keeper)["_updater"]
    updater._choose(Installed("2098.1.2", f"{NEW}-1"), read_situation(bot.directory))
    assert bot.choice.left, "it is older than what was left"
    updater._choose(Installed(NEW, f"{NEW}-1"), read_situation(bot.directory))
    assert bot.choice.left is None


def test_health_says_what_cannot_be_believed(bot: SteppedKeeper) -> None:
    bot.choose()
    (copies.directory_of(bot.directory) / copies.CHOICE).write_text("{")
    taken = SimpleNamespace(update=read_situation(bot.directory), update_refused=None)
    (found,) = health._update(taken)  # type: ignore[arg-type]
    assert "is not as an update leaves it" in found.text
