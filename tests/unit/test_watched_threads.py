"""The main thread's watch on the others: who hangs, and who only stood still with it."""

from threading import Thread
from types import SimpleNamespace
from typing import cast

import pytest

import bot
from maintenance.janitor import Janitor
from worker.clocks import Monotonic
from worker.dispatch.dispatcher import Dispatcher

BEGIN_S = 1000.0


class WatchedBot(bot.Bot):
    """A bot whose threads have all shown life at `BEGIN_S`, and then say nothing more."""

    def __init__(self) -> None:
        self._threads = [cast(Thread, SimpleNamespace(name="a", is_alive=lambda: True))]
        self._dispatcher = cast(Dispatcher, SimpleNamespace(heartbeat=BEGIN_S))
        self._janitor = cast(Janitor, SimpleNamespace(heartbeat=BEGIN_S))
        self._heartbeat = self._resumed_at = Monotonic(BEGIN_S)

    def look(self, at_s: float) -> str | None:
        """What the main thread finds when it looks then."""
        self._beat(Monotonic(at_s))
        return self._find_stuck_thread(Monotonic(at_s))

    def first_finding(self, since_s: float) -> tuple[float, str]:
        """What it finds first when it looks every second, and how long after `since_s`."""
        at_s = since_s
        while (found := self.look(at_s)) is None:
            at_s += 1.0
        return at_s - since_s, found


def test_thread_that_is_silent_while_the_main_thread_looks_is_stuck() -> None:
    assert WatchedBot().first_finding(BEGIN_S) == (bot.STALL_S + 1, "The dispatcher is stuck")


def test_bot_that_was_stopped_gives_its_threads_as_much_time_again() -> None:
    hour_later_s = BEGIN_S + 3600.0
    stopped = WatchedBot()
    assert stopped.look(hour_later_s) is None
    assert stopped.first_finding(hour_later_s) == (bot.STALL_S + 1, "The dispatcher is stuck")


def test_main_thread_that_does_not_look_is_found_by_whoever_asks() -> None:
    watched = WatchedBot()
    watched._dispatcher.heartbeat = Monotonic(BEGIN_S + bot.STALL_S)
    found = watched._find_stuck_thread(Monotonic(BEGIN_S + bot.STALL_S + 1))
    assert found == "The main thread is stuck"


@pytest.mark.negative
def test_bot_that_was_stopped_would_end_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bot, "HELD_UP_S", 1e9)
    assert WatchedBot().look(BEGIN_S + 3600.0) == "The dispatcher is stuck"
