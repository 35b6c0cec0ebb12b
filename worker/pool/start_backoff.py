"""When a pool may start its next worker: at once, or later the more starts have failed in a row."""

import logging
from dataclasses import dataclass

log = logging.getLogger(__name__)

START_DELAYS_S = (0.5, 2.0, 10.0, 30.0, 60.0)
"""How long to wait before the next start after 1, 2, 3 … failed ones in a row."""


@dataclass
class StartBackoff:
    """The starts of one pool's workers, in monotonic seconds."""

    pool: str
    failed: int = 0
    """How many in a row."""
    next_at: float = 0.0
    trouble: str | None = None
    """Why the last one failed, until one succeeds; for alerts."""

    def note_success(self) -> None:
        """A worker has proven itself."""
        self.failed, self.trouble = 0, None

    def note_failure(self, now: float, trouble: str) -> None:
        """Put off the next start. What fails while one is put off belongs to the same failure."""
        if now < self.next_at:
            return
        self.failed += 1
        delay_s = START_DELAYS_S[min(self.failed, len(START_DELAYS_S)) - 1]
        self.next_at = now + delay_s
        first = self.trouble is None
        self.trouble = trouble
        log.log(
            logging.ERROR if first else logging.WARNING,
            "Pool %s: a worker could not start (%d in a row), next try in %.1f s: %s",
            self.pool,
            self.failed,
            delay_s,
            trouble,
        )
