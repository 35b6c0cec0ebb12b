"""Whether Telegram answers anybody and knows the bot: neither is the fault of any one call."""

import math
import threading
from dataclasses import dataclass

from worker.clocks import Monotonic, Wall
from worker.dispatch.outcomes import LONGEST_RETRY_S
from worker.errors import TelegramError, TelegramUnauthorized, TelegramUnreachable
from worker.ledger import Job
from worker.pool.events import Event, Failed, Finished


@dataclass(frozen=True)
class AnsweringPeriod:
    """A time in which Telegram was never silent: when its first and its last answer came.

    By the wall clock, as the ledger's times are.
    """

    began: Wall
    ended: Wall


@dataclass(frozen=True)
class _Period:
    """An `AnsweringPeriod` in monotonic time, so that it does not move when the clock is set."""

    began: Monotonic
    ended: Monotonic

    def by_wall_clock(self, now: Monotonic, wall: Wall) -> AnsweringPeriod:
        began_s_ago, ended_s_ago = now - self.began, now - self.ended
        return AnsweringPeriod(Wall(wall - began_s_ago), Wall(wall - ended_s_ago))


_NEVER = _Period(Monotonic(-math.inf), Monotonic(-math.inf))


class Reachability:
    """Knows whether Telegram answers: the poller and the dispatcher report their calls to it."""

    def __init__(self) -> None:
        """Begin with no answer from Telegram."""
        self._lock = threading.Lock()
        self._period = self._period_before = _NEVER
        self._is_lost = True
        self._has_returned = False
        self.token_doubted = threading.Event()

    def learn(self, event: Event, now: Monotonic) -> None:
        """Take the outcome of a call."""
        match event:
            case Finished():
                self.note_answer(now)
            case Failed(error=TelegramUnauthorized()):
                self.token_doubted.set()
            case Failed(error=TelegramUnreachable()):
                pass
            case Failed(error=TelegramError()):
                self.note_answer(now)

    def note_answer(self, now: Monotonic) -> None:
        """Note that Telegram has answered somebody, even if with a refusal."""
        with self._lock:
            if self._is_lost:
                self._period_before, self._period = self._period, _Period(now, now)
                self._is_lost, self._has_returned = False, True
            else:
                self._period = _Period(self._period.began, now)

    def note_silence(self) -> None:
        """Note that the long poll gets no answer, so that other calls may get none either."""
        with self._lock:
            self._is_lost = True

    @property
    def has_returned(self) -> bool:
        """Whether Telegram answers again, and the jobs that wait for it have not been woken yet."""
        return self._has_returned

    def acknowledge(self) -> None:
        """Note that the jobs that wait for Telegram have been woken."""
        with self._lock:
            self._has_returned = False

    def refused_s(self, job: Job, now: Monotonic, wall: Wall) -> float:
        """For how long a call has been repeated in vain while Telegram answered others.

        A dead network adds nothing, nor does the time in which the bot did not run.
        """
        if not job.unanswered:
            return 0.0
        period = self._period.by_wall_clock(now, wall)
        waited_s = period.ended - max(period.began, job.waits_since)
        # No wait between two tries is longer; a clock that was set forward seems to say so.
        return job.refused_s + min(max(0.0, waited_s), LONGEST_RETRY_S)

    def period_before(self, now: Monotonic, wall: Wall) -> AnsweringPeriod:
        """The period of answers before Telegram was lost the last time, by the wall clock."""
        return self._period_before.by_wall_clock(now, wall)
