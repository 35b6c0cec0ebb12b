"""SIGTERM and SIGINT as something that the main thread waits for.

Other signals that people send to a daemon would end it, without a line in the log: they are noted.
"""

import os
import select
import signal

NOTED = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


class StopSignals:
    """Counts SIGTERM and SIGINT from its creation on. Create it in the main thread."""

    def __init__(self) -> None:
        self.count = 0
        self.unheeded: list[str] = []
        """The names of the signals that nothing is done about, to be emptied by who logs them."""
        self._readable, writable = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writable)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._count)
        for number in NOTED:
            # Under nohup it is ignored already.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._note)

    def wait(self, timeout_s: float) -> None:
        """Wait until a signal arrives, or the timeout has passed."""
        if select.select([self._readable], [], [], timeout_s)[0]:
            os.read(self._readable, 64)

    def _note(self, number: int, _frame: object) -> None:
        self.unheeded.append(signal.Signals(number).name)

    def _count(self, _number: int, _frame: object) -> None:
        self.count += 1
