"""When a process may be started again: later, the more starts have failed in a row."""

import logging
import math
from dataclasses import dataclass

from worker.clocks import Monotonic

log = logging.getLogger(__name__)

START_DELAYS_S = (0.5, 2.0, 10.0, 30.0, 60.0)
"""The delay before the next start after 1, 2, 3 … failed ones in a row."""

NOT_READY_S = 0.02
"""The time to the next look at a fork server that is not ready. That is rare, and takes seconds."""

_AT_ONCE = Monotonic(0.0)


@dataclass
class StartBackoff:
    """The delay between the starts of one kind of process. All times are monotonic."""

    what: str
    """What is started, for the log."""
    failures: int = 0
    """Failed starts in a row."""
    next_at: Monotonic = _AT_ONCE
    """The earliest time of the next start."""
    trouble: str | None = None
    """Why the last start failed, until one succeeds; for alerts."""

    def start_now(self) -> None:
        """Delay the next start no longer: what made the last ones fail is over."""
        self.next_at = _AT_ONCE

    def stop(self) -> None:
        """Let nothing be started any more."""
        self.next_at = Monotonic(math.inf)

    def note_success(self) -> None:
        """Forget the failures: a start has succeeded, and the next one needs no delay."""
        self.failures, self.trouble = 0, None

    def postpone(self, now: Monotonic) -> None:
        """Delay the next start a little, without counting a failure."""
        self.next_at = Monotonic(now + NOT_READY_S)

    def note_failure(self, now: Monotonic, trouble: str) -> None:
        """Delay the next start. Failures before `next_at` count as one: they began together."""
        if now < self.next_at:
            return
        self.failures += 1
        delay_s = START_DELAYS_S[min(self.failures, len(START_DELAYS_S)) - 1]
        self.next_at = Monotonic(now + delay_s)
        first = self.trouble is None
        self.trouble = trouble
        log.log(
            logging.ERROR if first else logging.WARNING,
            "%s failed to start (%d in a row), next try in %.1f s: %s",
            self.what,
            self.failures,
            delay_s,
            trouble,
        )
