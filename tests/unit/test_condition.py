"""How a running bot finds itself: what counts, from when on, and what a hang does to it."""

from types import SimpleNamespace
from typing import cast

import pytest

from maintenance import limits
from maintenance.findings import Finding, critical, ok, warning
from maintenance.measures import Measures
from maintenance.reporting.condition import BotHealth, Condition
from worker.clocks import Monotonic

POLLED = cast(Measures, SimpleNamespace(polled_at=1.0))
NOT_POLLED = cast(Measures, SimpleNamespace(polled_at=None))
FULL = critical("disk", "3 % free")
OLD = warning("yt-dlp", "200 days old: update it")


def condition(*samples: list[Finding], stuck: str | None = None) -> Condition:
    """One to which these samples were noted, a second apart, from 0 on."""
    made = Condition(lambda _: stuck)
    for at, findings in enumerate(samples):
        made.note(POLLED, findings, Monotonic(float(at)))
    return made


def test_before_the_first_sample_nothing_is_said() -> None:
    assert condition().verdict(Monotonic(0.0)) is None
    assert condition().last is None


def test_a_bot_is_not_called_well_before_telegram_has_answered_it() -> None:
    made = condition()
    made.note(NOT_POLLED, [warning("poll", "has not polled yet")], Monotonic(0.0))
    assert made.verdict(Monotonic(0.0)) is None
    for _ in range(2):
        made.note(NOT_POLLED, [critical("poll", "is not polling")], Monotonic(99.0))
    found = made.verdict(Monotonic(99.0))
    assert found is not None
    assert found.reasons == ("poll: is not polling",)


def test_a_bot_that_hangs_before_its_first_sample_says_so() -> None:
    assert condition(stuck="Thread dispatcher is stuck").verdict(Monotonic(0.0)) == BotHealth(
        is_well=False, reasons=("Thread dispatcher is stuck",)
    )


@pytest.mark.parametrize(
    ("samples", "reasons", "warnings"),
    [
        ([[ok("disk", "fine")]], (), ()),
        ([[OLD]], (), ("yt-dlp: 200 days old: update it",)),
        # As for alerts, what was critical for once may be over already.
        ([[FULL]], (), ("disk: 3 % free",)),
        ([[FULL], [FULL, OLD]], ("disk: 3 % free",), ("yt-dlp: 200 days old: update it",)),
        ([[FULL], [ok("disk", "")], [FULL]], (), ("disk: 3 % free",)),
        ([[FULL], [FULL], [ok("disk", "")]], (), ()),
    ],
)
def test_what_is_critical_twice_in_a_row_is_not_well(
    samples: list[list[Finding]], reasons: tuple[str, ...], warnings: tuple[str, ...]
) -> None:
    found = condition(*samples).verdict(Monotonic(3.0))
    assert found == BotHealth(not reasons, reasons, warnings)


def test_an_old_sample_says_that_maintenance_is_silent() -> None:
    made = condition([ok("disk", "fine")])
    at = Monotonic(limits.SILENCE_S)
    assert made.verdict(at) == BotHealth(is_well=True)
    later = made.verdict(Monotonic(limits.SILENCE_S + 5))
    assert later is not None
    assert not later.is_well
    assert later.text == "critical: maintenance has not measured for 1m35s"


def test_each_reason_and_warning_has_a_line() -> None:
    found = condition([FULL, OLD], [FULL, OLD], stuck="Thread poll has died").verdict(
        Monotonic(2.0)
    )
    assert found is not None
    assert found.text.splitlines() == [
        "critical: Thread poll has died",
        "critical: disk: 3 % free",
        "warning: yt-dlp: 200 days old: update it",
    ]
    assert BotHealth(is_well=True).text == "ok"
