"""How long a download may take: as long as its size needs on the slowest line that is accepted.

Pure: the caller says what time it is.
"""

from worker.clocks import Monotonic
from worker.downloads.limits import DownloadLimits

FINISHING_BPS = 20_000_000
"""How fast ffmpeg's merged or cut files are written to the slowest disk that is accepted."""

LONGEST_SITE_WAIT_S = 120.0
"""How long a site may make a download wait. YouTube's longest advertisements that cannot be skipped
take 60 s."""

# How much sooner than the pool would: a download that ends here can still say how far it came.
_STOP_S = 2.0


class Allowance:
    """The time until which a download may go on.

    Until the first byte it has `timeout_s`. From that byte on it has as much again, and one second
    more for each `slowest_bps` bytes that are expected or have come. Finishing the files has
    `timeout_s` once more, and what their size needs; where more bytes follow, such as the next
    video of a post, that time is given back. All of it together is limited by `job_timeout_s`.
    Recording `record_s` of a live stream may take that much longer.
    """

    def __init__(self, limits: DownloadLimits, now: Monotonic, record_s: float = 0.0) -> None:
        self._limits = limits
        self._record_s = record_s
        longest_s = max(limits.timeout_s, limits.job_timeout_s - _STOP_S) + record_s
        self._last_end = Monotonic(now + longest_s)
        self._begun = now
        self._first_byte_at: Monotonic | None = None
        self._finishing_since: Monotonic | None = None
        self._waits_left_s = LONGEST_SITE_WAIT_S
        self.ends_at = now
        """The end of the stage, unless more bytes come, which need more time."""
        self._grant(now, limits.timeout_s)

    @property
    def granted_s(self) -> float:
        """How long the stage may take, as far as is known now."""
        return self.ends_at - self._begun

    def note_bytes(self, done_bytes: int, total_bytes: int | None, now: Monotonic) -> None:
        """Note how many bytes have come, and how many are expected, which may rise and fall."""
        if not done_bytes:
            return
        if self._first_byte_at is None:
            self._first_byte_at = now
        elif self._finishing_since is not None:
            finishing_s = now - self._finishing_since
            self._first_byte_at = Monotonic(self._first_byte_at + finishing_s)
        self._finishing_since = None
        # Bytes that a page promises beyond the limit will not be fetched, so they need no time.
        size = min(max(done_bytes, total_bytes or 0), self._limits.max_answer_bytes)
        seconds = self._limits.timeout_s + size / self._limits.slowest_bps
        self._grant(self._first_byte_at, seconds)

    def wait(self, wait_s: float) -> float:
        """Allow for a wait that the site asks for at first. Returns the seconds granted.

        That time does not count, up to LONGEST_SITE_WAIT_S in all.
        """
        granted_s = min(wait_s, self._waits_left_s)
        self._waits_left_s -= granted_s
        self._grant(Monotonic(self._begun + granted_s), self.granted_s)
        return granted_s

    def begin_recording(self, now: Monotonic) -> None:
        """Allow for the rest of a live stream, whose first piece has come."""
        self._grant(now, self._limits.timeout_s + self._record_s)

    def begin_finishing(self, size_bytes: int, now: Monotonic) -> None:
        """Allow for ffmpeg, which begins once all bytes of a file have come."""
        self._finishing_since = now
        self._grant(now, self._limits.timeout_s + size_bytes / FINISHING_BPS)

    def _grant(self, since: Monotonic, seconds: float) -> None:
        self._begun = since
        self.ends_at = min(Monotonic(since + seconds), self._last_end)
