"""How a running bot judges its own health, for `HEALTH_URL` and `HEALTH_LISTEN`.

The maintenance thread notes each sample. The heartbeats of the other threads are read at each
request, so a bot that hangs does not go on saying that it is well.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from maintenance import limits
from maintenance.findings import Finding, Level
from maintenance.measures import Measures
from maintenance.units import duration
from worker.clocks import Monotonic


@dataclass(frozen=True)
class BotHealth:
    """Whether the bot is well, and a sentence for each thing that is critical or a warning."""

    is_well: bool
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """A line for each, the worst first."""
        lines = [f"critical: {reason}" for reason in self.reasons]
        return "\n".join([*lines, *(f"warning: {warning}" for warning in self.warnings)] or ["ok"])


class Condition:
    """The last sample, and whether the threads run. Every method may be called by any thread."""

    def __init__(self, find_stuck_thread: Callable[[Monotonic], str | None]) -> None:
        """`find_stuck_thread` says at a monotonic time which thread hangs or has died, if any."""
        self._find_stuck_thread = find_stuck_thread
        self._lock = threading.Lock()
        self._sample: tuple[Measures, Sequence[Finding], Monotonic] | None = None
        self._critical: frozenset[str] = frozenset()
        self._confirmed: frozenset[str] = frozenset()

    def note(self, measures: Measures, findings: Sequence[Finding], now: Monotonic) -> None:
        """Keep a sample that was taken at monotonic `now`.

        As for alerts, only what is critical in two samples in a row counts.
        """
        critical = frozenset(found.name for found in findings if found.level is Level.CRITICAL)
        with self._lock:
            self._sample = measures, findings, now
            self._critical, self._confirmed = critical, critical & self._critical

    @property
    def last(self) -> tuple[Measures, Sequence[Finding]] | None:
        """The last sample, and what was found in it; None before the first."""
        with self._lock:
            return self._sample and self._sample[:2]

    def verdict(self, now: Monotonic) -> BotHealth | None:
        """How the bot is at monotonic `now`; None while too little is known to say so."""
        stuck = self._find_stuck_thread(now)
        with self._lock:
            sample, confirmed = self._sample, self._confirmed
        if sample is None:
            return BotHealth(is_well=False, reasons=(stuck,)) if stuck else None
        measures, findings, taken_at = sample
        reasons = [stuck] if stuck else []
        if now - taken_at > limits.SILENCE_S:
            reasons.append(f"maintenance has not measured for {duration(now - taken_at)}")
        troubles = [found for found in findings if found.level is not Level.OK]
        reasons += [_sentence(found) for found in troubles if found.name in confirmed]
        warnings = [_sentence(found) for found in troubles if found.name not in confirmed]
        if not reasons and measures.polled_at is None:
            return None  # Telegram may refuse the token.
        return BotHealth(not reasons, tuple(reasons), tuple(warnings))


def _sentence(finding: Finding) -> str:
    return f"{finding.name}: {finding.text}"
