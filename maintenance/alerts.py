"""Alerts: when the log and the admins are told that something is wrong.

A trouble is announced when two samples in a row have it, again after an hour (or its own time) at
the earliest, and once when it is over. The ledger remembers what was announced, so a restart
repeats nothing. Messages are jobs in the ledger, so they wait while Telegram is down; one that
still waits when the next is due is dropped.
"""

import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from maintenance.findings import DAILY_S, HOURLY_S, Finding
from maintenance.units import duration
from worker.clocks import Wall
from worker.ledger.storage import state
from worker.ledger.upkeep.upkeep import Upkeep
from worker.logs import redact
from worker.protocol import Reader, Reply
from worker.protocol.notices import Notice, Topic

log = logging.getLogger(__name__)

SAMPLES = 2
STATE = "alerts"


@dataclass
class Alert:
    """What is remembered about one thing that is or was wrong. Times are wall times.

    `samples` counts the samples in a row that disagree with `is_raised`. `said_at` is when the
    trouble was last announced, and is kept for a while after its end. `messages` are the ids of
    the jobs that announce it.
    """

    since: Wall
    said_at: Wall | None = None
    is_raised: bool = False
    samples: int = 0
    every_s: float = HOURLY_S
    about: int = 0
    messages: list[int] = field(default_factory=list)

    def note(self, trouble: str | None, name: str, wall: Wall) -> str | None:
        """Count a sample, in which `trouble` was found, if any. Returns what is to be announced."""
        is_change = (trouble is not None) != self.is_raised
        self.samples = self.samples + 1 if is_change else 0
        lasted = duration(abs(wall - self.since))
        if trouble is None:
            if not self.is_raised or self.samples < SAMPLES:
                return None
            self.is_raised, self.samples = False, 0
            return f"✓ {name}: over after {lasted}"
        if self.samples == 1:
            self.since = wall
        if (is_change and self.samples < SAMPLES) or not self._may_speak(wall):
            return None
        self.is_raised, self.samples, self.said_at = True, 0, wall
        return f"⚠ {name}: {trouble}" if is_change else f"⚠ {name}, for {lasted}: {trouble}"

    def is_forgettable(self, wall: Wall) -> bool:
        """Whether it can be removed: it is over, and a new one would be announced at once."""
        return not self.is_raised and not self.samples and self._may_speak(wall)

    def _may_speak(self, wall: Wall) -> bool:
        # The absolute value: otherwise a clock that was set back would silence it for just as long.
        quiet_s = self.every_s if self.is_raised else min(self.every_s, DAILY_S)
        return self.said_at is None or abs(wall - self.said_at) >= quiet_s


def step(ledger: Upkeep, findings: Iterable[Finding], admins: Iterable[int], wall: Wall) -> None:
    """Count the findings of one sample, and announce what is due."""
    before = ledger.published(STATE)
    alerts = state.records(Alert, before)
    troubles = {found.name: found for found in findings if found.alerts_every_s is not None}
    outdated: list[int] = []
    messages: dict[str, list[Reply]] = {}
    for name in sorted({*alerts, *troubles}):
        alert = alerts.setdefault(name, Alert(since=wall))
        if trouble := troubles.get(name):
            alert.every_s = trouble.alerts_every_s or 0.0
            if alert.about != trouble.alerts_about:
                alert.about, alert.said_at = trouble.alerts_about, None
        sentence = alert.note(trouble.text if trouble else None, name, wall)
        if sentence:
            log.log(logging.ERROR if alert.is_raised else logging.INFO, "%s", sentence)
            notice = Notice(Topic.VERBATIM, {"text": redact(sentence)})
            messages[name] = [Reply(Reader(admin), None, (notice,)) for admin in sorted(admins)]
            outdated += alert.messages
    after = {
        name: asdict(alert) for name, alert in alerts.items() if not alert.is_forgettable(wall)
    }
    if messages or after != before:
        ledger.save_alerts(after, messages, outdated, wall)
