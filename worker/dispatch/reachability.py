"""Whether Telegram answers anybody and knows the bot: neither is the fault of any one call."""

import threading

from worker.clocks import Monotonic, Wall
from worker.errors import TelegramError, TelegramUnauthorized, TelegramUnreachable
from worker.ledger import Job
from worker.pool.events import Event, Failed, Finished


class Reachability:
    """Told by the long poll's thread and by the dispatcher's what came of their calls."""

    def __init__(self) -> None:
        """Begin without a word from Telegram."""
        self._lock = threading.Lock()
        self._answered_at = float("-inf")
        self._is_lost = True
        self._has_returned = False
        self.token_doubted = threading.Event()

    def learn(self, event: Event, now: Monotonic) -> None:
        """A call has come to this."""
        match event:
            case Finished():
                self.answered(now)
            case Failed(error=TelegramUnauthorized()):
                self.token_doubted.set()
            case Failed(error=TelegramUnreachable()):
                pass
            case Failed(error=TelegramError()):
                self.answered(now)

    def answered(self, now: Monotonic) -> None:
        """Telegram has answered somebody, be it with a refusal."""
        with self._lock:
            self._answered_at = now
            self._has_returned |= self._is_lost
            self._is_lost = False

    def lost(self) -> None:
        """The long poll has got no answer, so for now nobody may get one."""
        with self._lock:
            self._is_lost = True

    @property
    def has_returned(self) -> bool:
        """Whether Telegram answers again, and what waits for it has not been told yet."""
        return self._has_returned

    def told(self) -> None:
        """What waits for Telegram knows that it answers again."""
        with self._lock:
            self._has_returned = False

    def refused_s(self, job: Job, now: Monotonic, wall: Wall) -> float:
        """For how long a call has been repeated in vain while Telegram answered others.

        Only the time up to the last such answer counts, so a dead network adds nothing.
        """
        if not job.unanswered:
            return 0.0
        last_answer = wall - (now - self._answered_at)
        return job.refused_s + max(0.0, last_answer - job.waits_since)
