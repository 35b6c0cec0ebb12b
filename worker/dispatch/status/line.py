"""What downloads wait for before they begin, and what people are shown of it."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from worker.ledger.jobs.queue_position import QueuePosition
from worker.protocol import Progress, Stage

# A wait of up to the first number is rounded to the second: a message must not change all the time.
_STEPS_S = ((600.0, 60.0), (7200.0, 300.0), (math.inf, 1800.0))


@dataclass(frozen=True)
class Line:
    """The line in which downloads wait.

    `obstacle` is what all of them wait for, if anything. Downloads of `full_sites` wait for the
    pace of their site; `wait_s(site, ahead)` says how long, with that many of its downloads ahead.
    Unless `may_record`, recordings wait for other recordings to end.
    """

    obstacle: Stage | None = None
    full_sites: frozenset[str] = frozenset()
    wait_s: Callable[[str, int], float] = lambda _site, _ahead: 0.0
    may_record: bool = True

    def progress(self, position: QueuePosition) -> Progress:
        """What the status message of a request at this position shows."""
        form = position.request.form
        if form.awaits_start:
            return Progress(Stage.AWAITING_START)
        if self.obstacle:
            is_shown = self.obstacle is Stage.MAINTENANCE
            return Progress(self.obstacle, ahead=position.ahead if is_shown else 0)
        if position.full_site and (wait_s := self.wait_s(position.full_site, position.ahead)):
            return Progress(Stage.PACED, eta_s=about(wait_s))
        if form.is_recording and not self.may_record:
            return Progress(Stage.OTHER_RECORDINGS)
        return Progress(Stage.IN_LINE, ahead=position.ahead)


NOTHING_IN_THE_WAY = Line()


def about(wait_s: float) -> float:
    """A waiting time in seconds, rounded up to a minute, or to more if it is long."""
    # Floating point can make the difference of two times slightly larger.
    wait_s = round(wait_s, 3)
    step_s = next(step_s for up_to_s, step_s in _STEPS_S if wait_s <= up_to_s)
    return math.ceil(wait_s / step_s) * step_s
