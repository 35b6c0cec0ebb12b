"""One thread's wait for many sockets and many moments; asyncio would take 6 MB more."""

import heapq
import itertools
import logging
import selectors
import time
from collections.abc import Callable
from typing import ParamSpec, Protocol

from worker.pool.channel import HasFileno

log = logging.getLogger(__name__)

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE

_MAX_WAIT_S = 60.0
_FEW_TIMERS = 1000

Params = ParamSpec("Params")


Waitable = HasFileno | int
"""What can be waited for: an open file, or its descriptor."""


class Timer:
    """A call that comes later unless it is cancelled."""

    def __init__(self, call: Callable[[], None]) -> None:
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Cancel the call."""
        self.call = None


class Waits(Protocol):
    """Where to wait for a socket or a moment."""

    def watch(
        self, source: Waitable, events: int, call: Callable[[int], None] | None = None
    ) -> None:
        """Call with the events that a socket is ready for; no events end that.

        `call` may be left out where only the events change.
        """

    def call_later(self, delay_s: float, call: Callable[[], None]) -> Timer:
        """Call once, `delay_s` seconds from now."""


class Loop:
    """Makes the calls that wait for a socket or a moment, one after the other."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Timer]] = []
        self._sweep_at = _FEW_TIMERS
        self._order = itertools.count()
        self._watched: dict[Waitable, int] = {}

    def watch(
        self, source: Waitable, events: int, call: Callable[[int], None] | None = None
    ) -> None:
        before = self._watched.get(source, 0)
        if events == before:
            return
        if not events:
            self._selector.unregister(source)
            del self._watched[source]
            return
        if before:
            call = call or self._selector.get_key(source).data
            self._selector.modify(source, events, call)
        else:
            self._selector.register(source, events, call)
        self._watched[source] = events

    def call_later(self, delay_s: float, call: Callable[[], None]) -> Timer:
        if len(self._timers) >= self._sweep_at:
            self._sweep()
        timer = Timer(call)
        heapq.heappush(self._timers, (time.monotonic() + delay_s, next(self._order), timer))
        return timer

    def _sweep(self) -> None:
        """Let go of cancelled timers: each short connection leaves some, for minutes."""
        self._timers = [entry for entry in self._timers if entry[-1].call]
        heapq.heapify(self._timers)
        self._sweep_at = max(_FEW_TIMERS, 2 * len(self._timers))

    def step(self) -> None:
        """Wait for the next sockets or the next moment, and make the calls that wait for them."""
        wait_s = self._timers[0][0] - time.monotonic() if self._timers else _MAX_WAIT_S
        for key, events in self._selector.select(max(0.0, wait_s)):
            # One that was called before may have ended the next one's wait.
            if self._watched.get(key.fileobj) is not None:
                key.data(events)
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            _, _, timer = heapq.heappop(self._timers)
            if timer.call:
                timer.call()


class GuardedLoop:
    """A loop in which an error of one user ends that user alone, whatever it called.

    `on_error` ends the user. An error in that is not caught.
    """

    def __init__(self, loop: Waits, on_error: Callable[[], None]) -> None:
        self._loop = loop
        self._on_error = on_error

    def watch(
        self, source: Waitable, events: int, call: Callable[[int], None] | None = None
    ) -> None:
        self._loop.watch(source, events, self.guarded(call) if call else None)

    def call_later(self, delay_s: float, call: Callable[[], None]) -> Timer:
        return self._loop.call_later(delay_s, self.guarded(call))

    def guarded(self, call: Callable[Params, None]) -> Callable[Params, None]:
        """The call, after whose error `on_error` is called."""

        def guarded(*args: Params.args, **options: Params.kwargs) -> None:
            try:
                call(*args, **options)
            except Exception:
                log.exception("The judge ends one of its connections after an error.")
                self._on_error()

        return guarded
