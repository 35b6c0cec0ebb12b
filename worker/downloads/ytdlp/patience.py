"""How long each item of a post is waited for, so that silent ones do not cost the others."""

from collections.abc import Callable

from worker.clocks import Monotonic, monotonic
from worker.downloads.limits import DownloadLimits

_SHARE = 0.25
_LEAST_S = 0.1


class Patience:
    """What is left of the time for a post. The worker's own clock began a little earlier.

    An item may be silent for a quarter of what is left, so that never all of it is used up.
    """

    def __init__(self, limits: DownloadLimits, clock: Callable[[], Monotonic] = monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._began_at = self._heard_at = clock()

    def hear(self) -> None:
        """Note that bytes have come."""
        self._heard_at = self._clock()

    def silence_s(self, done_bytes: int) -> float:
        """How long an item may be silent when `done_bytes` of others have come."""
        quiet_left_s = self._heard_at + self._limits.idle_timeout_s - self._clock()
        return max(_LEAST_S, _SHARE * min(quiet_left_s, self._left_s(done_bytes)))

    def is_over(self, done_bytes: int) -> bool:
        """Whether too little time is left to begin with another item."""
        return self._left_s(done_bytes) < _SHARE * self._limits.timeout_s

    def _left_s(self, done_bytes: int) -> float:
        allowed_s = self._limits.timeout_s + done_bytes / self._limits.slowest_bps
        return self._began_at + min(allowed_s, self._limits.job_timeout_s) - self._clock()
