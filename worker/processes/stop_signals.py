"""SIGTERM and SIGINT as something that the main thread waits for."""

import os
import select
import signal


class StopSignals:
    """Counts SIGTERM and SIGINT from its creation on. Create it in the main thread."""

    def __init__(self) -> None:
        self.count = 0
        self._readable, writable = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writable)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._count)

    def wait(self, timeout_s: float) -> None:
        """Wait until a signal arrives, or the timeout has passed."""
        if select.select([self._readable], [], [], timeout_s)[0]:
            os.read(self._readable, 64)

    def _count(self, _number: int, _frame: object) -> None:
        self.count += 1
