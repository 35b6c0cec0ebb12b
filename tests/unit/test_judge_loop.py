"""What the judge's loop keeps of calls that will not come."""

from __future__ import annotations

import weakref

from worker.downloads.judge.loop import Loop, Timer


def test_cancelled_calls_are_let_go_of_long_before_their_moment() -> None:
    loop = Loop()
    kept = weakref.WeakSet[Timer]()
    called = list[int]()
    for number in range(20_000):
        timer = loop.call_later(3600.0, lambda: None)
        kept.add(timer)
        timer.cancel()
        if number % 1000 == 0:
            loop.call_later(0.0, lambda number=number: called.append(number))  # type: ignore[misc]
    del timer
    assert len(kept) < 5_000
    loop.step()
    assert called == list(range(0, 20_000, 1000))
