"""A message to the admins once a day: what the bot has done, what failed, and how it stands."""

import time
from collections.abc import Sequence

from maintenance import answers
from maintenance.findings import DAILY_S, Finding
from maintenance.units import count, duration
from worker.clocks import Wall
from worker.ledger.upkeep.past import PastAnswers

HOUR = 9
"""The hour from which the summary of the last 24 hours is due, in the machine's time zone."""

STATE = "summary"
"""The name under which the day of the last summary is kept in the ledger."""

NAMED = 5
"""How many sites and reasons are named at most."""

_WANTED = ("disk", "yt-dlp")


def day_due(said_day: str | None, wall: Wall) -> str | None:
    """The day whose summary is due at wall time `wall`, as YYYY-MM-DD; None if none is.

    `said_day` is the day of the last one. It counts if it is today, or tomorrow (the clock was set
    back by a day), and not if it is later: then the clock was wrong.
    """
    local = time.localtime(wall)
    today = time.strftime("%Y-%m-%d", local)
    tomorrow = time.strftime("%Y-%m-%d", time.localtime(wall + DAILY_S))
    is_said = said_day is not None and today <= said_day <= tomorrow
    return today if local.tm_hour >= HOUR and not is_said else None


def since(wall: Wall) -> Wall:
    """The beginning of what the summary at wall time `wall` is about."""
    return Wall(wall - DAILY_S)


def text(past: PastAnswers, findings: Sequence[Finding]) -> str:
    failures = sum(past.failed.values())
    people = "1 person" if past.people == 1 else f"{past.people} people"
    lines = [
        f"The last 24 hours: {count(past.links, 'link')} of {people}, {past.media} brought media.",
    ]
    if failures:
        lines.append(f"{failures} did not, {past.links_own} of them because of the link itself:")
        named = answers.groups(past.failed)
        lines += named[:NAMED]
        if len(named) > NAMED:
            lines.append(f"and {sum(list(past.failed.values())[NAMED:])} others (/failed)")
    if past.media:
        where = past.slowest_site or "a site no longer known"
        lines.append(f"slowest: {duration(past.slowest_s)}, from {where}")
    lines += [f"{found.name}: {found.text}" for found in findings if found.name in _WANTED]
    return "\n".join(lines)
