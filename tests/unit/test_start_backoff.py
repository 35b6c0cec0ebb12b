"""When a process may be started again, by a stepped clock."""

import math

from worker.clocks import Monotonic
from worker.pool.start_backoff import NOT_READY_S, START_DELAYS_S, StartBackoff

START = Monotonic(1000.0)


def test_starts_that_fail_are_delayed_ever_longer() -> None:
    backoff, now = StartBackoff("a worker"), START
    for delay_s in (*START_DELAYS_S, START_DELAYS_S[-1]):
        backoff.note_failure(now, "first")
        backoff.note_failure(now, "begun together with it")
        assert (backoff.next_at, backoff.trouble) == (now + delay_s, "first")
        now = Monotonic(backoff.next_at)
    backoff.note_success()
    assert (backoff.failures, backoff.trouble) == (0, None)


def test_start_that_is_postponed_has_not_failed() -> None:
    backoff = StartBackoff("a worker")
    backoff.postpone(START)
    assert (backoff.next_at, backoff.failures) == (START + NOT_READY_S, 0)


def test_next_start_comes_at_once_or_never() -> None:
    backoff = StartBackoff("a worker")
    backoff.note_failure(START, "any")
    backoff.start_now()
    assert backoff.next_at <= START
    backoff.stop()
    backoff.note_failure(Monotonic(2000.0), "ended with the others")
    assert backoff.next_at == math.inf
