"""Make calls that block in threads: looking up a name, talking to a proxy."""

import logging
import os
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from worker.downloads.judge.loop import READ, Waits

log = logging.getLogger(__name__)

MAX_THREADS = 192
"""How many calls may be made at a time, which all fit into the judge's memory."""

_STACK_BYTES = 256 * 1024

T = TypeVar("T")


class Threads:
    """Runs calls, each in its own thread, and passes their results on in the loop's thread."""

    def __init__(self, loop: Waits) -> None:
        threading.stack_size(_STACK_BYTES)
        self._running = 0
        self._ended: queue.SimpleQueue[tuple[Callable[[Any], None], Any]] = queue.SimpleQueue()
        self._wakeup = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        loop.watch(self._wakeup, READ, self._tell)

    def run(self, call: Callable[[], T], on_end: Callable[[T], None], otherwise: T) -> None:
        """Call `on_end` with what a call returns, later and in the loop's thread.

        With `otherwise` if the call fails or there is no thread for it.
        """

        def run() -> None:
            result = otherwise
            try:
                result = call()
            except Exception:
                log.exception("A blocking call of the judge failed.")
            self._put(on_end, result)

        self._running += 1
        try:
            if self._running > MAX_THREADS:
                raise RuntimeError("too many threads")
            threading.Thread(target=run, daemon=True).start()
        except (RuntimeError, MemoryError):
            self._put(on_end, otherwise)

    def _put(self, on_end: Callable[[Any], None], result: object) -> None:
        self._ended.put((on_end, result))
        os.eventfd_write(self._wakeup, 1)

    def _tell(self, _events: int) -> None:
        os.eventfd_read(self._wakeup)
        while not self._ended.empty():
            on_end, result = self._ended.get()
            self._running -= 1
            on_end(result)
