"""When updates of yt-dlp are due, and who is answered."""

import errno
import itertools
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from maintenance import health
from maintenance.updates.background import Order
from maintenance.updates.keeper import AGAIN_S, EVERY_S
from maintenance.updates.situation import STATE
from maintenance.updates.updater import Outcome, UpdateResult
from tests.support.stepped_keeper import NEW, NOW, OLD, SteppedKeeper, stepped_keeper
from worker.downloads.ytdlp.packages import copies
from worker.downloads.ytdlp.packages.copies import Installed
from worker.ledger import LedgerBusy, ledger_path
from worker.ledger.upkeep.upkeep import Upkeep
from worker.protocol.admin_questions import Asked
from worker.settings import YtDlpUpdates


@pytest.fixture
def bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SteppedKeeper]:
    with stepped_keeper(tmp_path, monkeypatch) as keeper:
        yield keeper


@pytest.fixture
def daily(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SteppedKeeper]:
    with stepped_keeper(tmp_path, monkeypatch, "daily") as keeper:
        yield keeper


# ----------------------------------------------------------------------------- when it is due


def test_nothing_is_done_unless_it_is_set(bot: SteppedKeeper) -> None:
    for _ in range(3):
        bot.step(EVERY_S)
    assert bot.background.orders == []
    assert not copies.directory_of(bot.directory).exists()


def test_once_a_day_and_not_again_after_a_restart(
    daily: SteppedKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    daily.step()
    assert daily.background.orders == [], "there is enough to do at the start"
    daily.step(AGAIN_S)
    assert daily.background.orders == [Order.UPDATE]
    daily.background.is_done = True
    daily.step()
    again = SteppedKeeper(daily.directory, monkeypatch, "daily")
    again.now = daily.now
    for _ in range(3):
        again.step(60.0)
    assert again.background.orders == []
    again.step(EVERY_S)
    assert again.background.orders == [Order.UPDATE]
    again.ledger.close()


@pytest.mark.parametrize("result", [UpdateResult.OFFLINE, UpdateResult.BUSY])
def test_what_could_not_be_tried_is_tried_an_hour_later(
    daily: SteppedKeeper, result: UpdateResult
) -> None:
    daily.background.outcome = Outcome(result, OLD, None, "No.")
    daily.step()
    for attempt in (1, 2):
        daily.step(AGAIN_S)
        assert daily.background.orders == [Order.UPDATE] * attempt
        daily.background.is_done = True
        daily.step()


def test_what_cannot_be_started_is_tried_an_hour_later(
    daily: SteppedKeeper, caplog: pytest.LogCaptureFixture
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


def test_an_admin_is_told_that_it_cannot_be_started(bot: SteppedKeeper) -> None:
    bot.background.trouble = OSError(errno.ENOMEM, "Cannot allocate memory")
    bot.ask(Asked.UPDATE_NOW)
    for _ in range(3):
        bot.step()
    (answer,) = bot.told
    assert "cannot be started here (Cannot allocate memory)" in answer


def test_a_clock_that_was_set_back_does_not_put_it_off(daily: SteppedKeeper) -> None:
    with Upkeep(ledger_path(daily.directory)) as ledger:
        ledger.publish(STATE, {"due_at": NOW + 50 * EVERY_S})
    daily.step()
    assert daily.background.orders == [Order.UPDATE]


def test_what_keeps_it_from_updating_is_in_health_until_it_does(daily: SteppedKeeper) -> None:
    daily.step()
    for result, text in ((UpdateResult.REFUSED, "No room."), (UpdateResult.CURRENT, "Newest.")):
        daily.step(EVERY_S)
        daily.background.outcome = Outcome(result, OLD, None, text)
        daily.background.is_done = True
        daily.step()
        expected = [f"No room. {health._REFUSED_UNTIL}"] if result is UpdateResult.REFUSED else []
        assert daily.refused == expected


def test_what_was_refused_is_forgotten_once_a_newer_one_is_in_use(daily: SteppedKeeper) -> None:
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


def test_what_was_refused_is_forgotten_without_daily_updates(daily: SteppedKeeper) -> None:
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
def test_an_admin_is_answered_when_it_is_done(
    bot: SteppedKeeper, about: Asked, order: Order
) -> None:
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
    bot: SteppedKeeper, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
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
    daily: SteppedKeeper, monkeypatch: pytest.MonkeyPatch
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
    daily: SteppedKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    daily.step()
    daily.background.trouble = OSError(errno.EAGAIN, "Resource temporarily unavailable")
    with a_busy_ledger(monkeypatch, "publish", after=1), pytest.raises(LedgerBusy):
        daily.step(AGAIN_S)
    daily.background.trouble = None
    daily.step()
    daily.step(AGAIN_S)
    assert daily.background.orders == [Order.UPDATE]
