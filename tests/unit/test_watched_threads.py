"""The main thread's watch on the others: who hangs, and who only stood still with it."""

from threading import Event, Thread

import pytest

from maintenance import thread_watch
from maintenance.thread_watch import ThreadWatch
from worker import clocks
from worker.clocks import Monotonic

BEGIN_S = 1000.0
STALL_S = thread_watch.DISPATCHER_STALL_S


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> ThreadWatch:
    """A watch on threads that have shown life at `BEGIN_S`, and then say nothing more."""
    monkeypatch.setattr(clocks, "monotonic", lambda: Monotonic(BEGIN_S))
    made = ThreadWatch()
    monkeypatch.setattr(Thread, "is_alive", lambda _: True)
    made.add(Thread(name="dispatcher"), lambda: Monotonic(BEGIN_S), STALL_S)
    made.add(Thread(name="poll"))
    return made


def look(watch: ThreadWatch, at_s: float) -> str | None:
    """What the main thread finds when it looks then."""
    watch.beat(Monotonic(at_s))
    return watch.find_stuck(Monotonic(at_s))


def first_finding(watch: ThreadWatch, since_s: float) -> tuple[float, str]:
    """What it finds first when it looks every second, and how long after `since_s`."""
    at_s = since_s
    while (found := look(watch, at_s)) is None:
        at_s += 1.0
    return at_s - since_s, found


def test_thread_that_is_silent_while_the_main_thread_looks_is_stuck(watch: ThreadWatch) -> None:
    assert first_finding(watch, BEGIN_S) == (STALL_S + 1, "Thread dispatcher is stuck")


def test_bot_that_was_stopped_gives_its_threads_as_much_time_again(watch: ThreadWatch) -> None:
    hour_later_s = BEGIN_S + 3600.0
    assert look(watch, hour_later_s) is None
    assert first_finding(watch, hour_later_s) == (STALL_S + 1, "Thread dispatcher is stuck")


@pytest.mark.negative
def test_bot_that_was_stopped_would_end_itself(
    watch: ThreadWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thread_watch, "HELD_UP_S", 1e9)
    assert look(watch, BEGIN_S + 3600.0) == "Thread dispatcher is stuck"


def test_main_thread_that_does_not_look_is_found_by_whoever_asks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clocks, "monotonic", lambda: Monotonic(BEGIN_S))
    late_s = BEGIN_S + thread_watch.MAIN_STALL_S
    assert ThreadWatch().find_stuck(Monotonic(late_s)) is None
    assert ThreadWatch().find_stuck(Monotonic(late_s + 1)) == "The main thread is stuck"


def test_thread_that_has_ended_has_died() -> None:
    over = Event()
    watch = ThreadWatch()
    thread = Thread(target=over.wait, name="poll")
    watch.add(thread)
    watch.start()
    assert watch.find_stuck(clocks.monotonic()) is None
    over.set()
    thread.join()
    assert watch.find_stuck(clocks.monotonic()) == "Thread poll has died"
