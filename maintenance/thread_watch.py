"""The watch on threads: which has died or is stuck, and whether all of them were held up."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from worker import clocks
from worker.clocks import Monotonic

log = logging.getLogger(__name__)

MAIN_STALL_S = DISPATCHER_STALL_S = 60.0
"""A thread without a heartbeat for this long is stuck."""

JANITOR_STALL_S = 180.0
"""The same for maintenance, which may have to wait for processes that do not die."""

HELD_UP_S = 10.0
"""If the main thread, which beats every second, is this late, all threads were held up."""


@dataclass(frozen=True)
class _Watched:
    thread: threading.Thread
    heartbeat: Callable[[], Monotonic] | None
    stall_s: float


class ThreadWatch:
    """Knows the threads that must go on while the bot runs.

    `beat` belongs to the main thread; `find_stuck` may be called by any, so that a main thread that
    is stuck is found, too.
    """

    def __init__(self) -> None:
        self._watched: list[_Watched] = []
        self._main_beat = self._resumed_at = clocks.monotonic()

    def add(
        self,
        thread: threading.Thread,
        heartbeat: Callable[[], Monotonic] | None = None,
        stall_s: float = float("inf"),
    ) -> None:
        """Watch a thread: whether it is alive, and whether it beats every `stall_s` if it can."""
        self._watched.append(_Watched(thread, heartbeat, stall_s))

    def start(self) -> None:
        """Start the threads, in the order in which they were added."""
        for each in self._watched:
            each.thread.start()

    def beat(self, now: Monotonic) -> None:
        """Note that the main thread is alive at monotonic `now`."""
        late_s = now - self._main_beat
        if late_s > HELD_UP_S:
            # By ^Z, SIGSTOP or a frozen container, which stop all threads alike.
            log.warning("The bot stood still for %.0f s.", late_s)
            self._resumed_at = now
        self._main_beat = now

    def find_stuck(self, now: Monotonic) -> str | None:
        """What is wrong with a thread at monotonic `now`; None if all go on."""
        for each in self._watched:
            if not each.thread.is_alive():
                return f"Thread {each.thread.name} has died"
            if each.heartbeat and now - max(each.heartbeat(), self._resumed_at) > each.stall_s:
                return f"Thread {each.thread.name} is stuck"
        return "The main thread is stuck" if now - self._main_beat > MAIN_STALL_S else None
