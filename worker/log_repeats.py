"""What is logged again and again: written once, then counted.

A machine in trouble says the same about each job each second, which would push what led to it out
of the log.
"""

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from worker import clocks
from worker.clocks import Monotonic

INTERVAL_S = 300.0
"""How long repetitions are counted before the log says how many there were."""

_MAX_FACTS = 500

# What may differ between two lines that say the same: who says it, and when the next try is due.
# Exit codes, errors and statuses are not in here: they make another fact.
_VARYING = re.compile(
    r"\b(?:process|pid) \d+|\b\d+-\d+|(?<=[a-z]-)\d+|\b\d+ in a row|\b[\d.]+ s\b|\b0x[0-9a-f]+",
    re.IGNORECASE,
)
# A line about one link is a part of its history, and is never left out.
_OF_A_LINK = re.compile(r"(?:job|request|update) \d+:")

Fact = tuple[str, int, str, str]


@dataclass
class _Repeated:
    """A fact that was written at `written_at`, and how often it has been true since then."""

    written_at: Monotonic
    last: logging.LogRecord
    last_at: Monotonic
    times: int = 0


class Repeats:
    """Leaves out of one process' log what was written less than `INTERVAL_S` ago.

    A record may name its fact: `log.info(..., extra={"fact": "the network is down"})`.
    """

    def __init__(self, clock: Callable[[], Monotonic] = clocks.monotonic) -> None:
        self._clock = clock
        self._facts: dict[Fact, _Repeated] = {}  # in the order in which they were written

    def pass_on(self, record: logging.LogRecord) -> Iterator[logging.LogRecord]:
        """Yield what is to be written when `record` comes: counts that are due, and the record."""
        yield from self.take_due()
        now, fact = self._clock(), _fact_of(record)
        if fact is None:
            yield record
        elif known := self._facts.get(fact):
            known.times += 1
            known.last, known.last_at = record, now
        else:
            self._facts[fact] = _Repeated(now, record, now)
            yield record

    def take_rest(self) -> Iterator[logging.LogRecord]:
        """Yield all counts and forget them, at the end of the process."""
        while self._facts:
            yield from self._count(next(iter(self._facts)))

    def take_due(self) -> Iterator[logging.LogRecord]:
        """Yield the counts whose interval is over, and begin to count anew."""
        now = self._clock()
        while self._facts:
            fact, oldest = next(iter(self._facts.items()))
            is_over = now >= oldest.written_at + INTERVAL_S
            if not is_over and len(self._facts) < _MAX_FACTS:
                return
            yield from self._count(fact)
            if is_over and oldest.times:
                # Until the next interval is over, the count is all that is written about it.
                self._facts[fact] = _Repeated(now, oldest.last, now)

    def _count(self, fact: Fact) -> Iterator[logging.LogRecord]:
        """Forget a fact, and yield how often it was repeated."""
        repeated = self._facts.pop(fact)
        if repeated.times:
            seconds = repeated.last_at - repeated.written_at
            times = "once" if repeated.times == 1 else f"{repeated.times} times"
            span = f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} minutes"
            yield _retold(repeated.last, f"{_text(repeated.last)} (again, {times} in {span})")


def _fact_of(record: logging.LogRecord) -> Fact | None:
    """What a record says, whoever says it; None if it is always written."""
    text: str | None = getattr(record, "fact", None)
    if text is None:
        text = _text(record)
        if record.levelno < logging.WARNING or _OF_A_LINK.match(text):
            return None
    error = record.exc_info[1] if record.exc_info else None
    about = _VARYING.sub("#", repr(error)) if error else ""
    return record.name, record.levelno, _VARYING.sub("#", text), about


def _text(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - arguments may be anything
        return str(record.msg)  # the handler that writes it says what is wrong with it


def _retold(record: logging.LogRecord, text: str) -> logging.LogRecord:
    told = logging.makeLogRecord(vars(record))
    told.msg, told.args, told.exc_info, told.exc_text = text, None, None, None
    return told
