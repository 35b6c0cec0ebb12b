"""The two clocks, as types that mypy does not let pass for each other.

Monotonic seconds, by convention in `now`, measure waits, and do not change when the clock is set.
Seconds of the wall clock, in `wall`, are those in the ledger: they still mean something after a
restart.
"""

import time
from typing import NewType

Monotonic = NewType("Monotonic", float)
Wall = NewType("Wall", float)


def monotonic() -> Monotonic:
    return Monotonic(time.monotonic())


def wall_clock() -> Wall:
    return Wall(time.time())
