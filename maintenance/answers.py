"""What admins are told in the chat when they ask: /status, /failed, /who and /update.

The texts are in English and not in catalogues, like alerts. Pure.
"""

from collections.abc import Mapping, Sequence

from maintenance.findings import Finding, Level, worst
from maintenance.units import count, local_time
from maintenance.updates.situation import Situation
from maintenance.updates.updater import Outcome, UpdateResult
from worker.errors import Reason
from worker.ledger.upkeep.past import PastAnswers, Person

MAX_LINES = 25
"""How many groups of failures are named at most, so that they fit into a message."""

_SIGNS = {Level.OK: "✓", Level.WARNING: "•", Level.CRITICAL: "⚠"}
_ALWAYS = ("bot", "jobs", "failures", "memory", "disk", "yt-dlp")
"""The findings that are shown even when all is well."""


def status(findings: Sequence[Finding]) -> str:
    """The findings that are not well, the worst first, and those that are always shown."""
    named = [
        found
        for found in findings
        if found.level is not Level.OK or found.name in _ALWAYS or found.name.startswith("queue ")
    ]
    named.sort(key=lambda found: -found.level)
    head = "All is well." if worst(findings) is Level.OK else "Not all is well."
    return "\n".join([head, *(_line(found) for found in named)])


def _line(found: Finding) -> str:
    return f"{_SIGNS[found.level]} {found.name}: {found.text}"


def failed(past: PastAnswers) -> str:
    """What failed, by site and reason."""
    if not past.failed:
        return f"No link has failed in a day, of {past.links}."
    lines = groups(past.failed)
    head = f"{count(sum(past.failed.values()), 'link')} of {past.links} failed in a day:"
    return "\n".join([head, *_bounded(lines), "More: python -m maintenance failed list"])


def groups(failures: Mapping[tuple[str, Reason], int]) -> list[str]:
    """A line for each site and reason."""
    return [
        f"{number} at {site or 'a site no longer known'}: {reason}"
        for (site, reason), number in failures.items()
    ]


def who(user_id: int, person: Person, *, is_admin: bool) -> str:
    """What is known about a person."""
    lines = [f"{user_id}{' (admin)' if is_admin else ''}{' (banned)' if person.is_banned else ''}"]
    if person.last_seen is None:
        return "\n".join([*lines, "Has sent no link in the last 30 days."])
    links = f"{count(person.links, 'link')} in 30 days, {person.links_of_day} of them in a day"
    lines += [
        f"{links}; {person.media} brought media, {person.waiting} not done yet",
        f"last seen {local_time(person.last_seen, '%Y-%m-%d %H:%M')}",
    ]
    if person.sites:
        lines.append(f"mostly {', '.join(person.sites)}")
    lines.append(f"/unban {user_id}" if person.is_banned else f"/ban {user_id}")
    return "\n".join(lines)


def update(outcome: Outcome, situation: Situation) -> str:
    """How an update ended, which yt-dlp is in use, and what can be done next."""
    lines = [outcome.text, in_use(situation)]
    if outcome.result is UpdateResult.NEW:
        lines.append("/update now installs it, if it works here")
    if before := situation.before:
        lines.append(f"/update back goes back to {before.version}")
    return "\n".join(lines)


def in_use(situation: Situation) -> str:
    """Which yt-dlp is in use, and who has installed it."""
    if situation.version is None:
        return "In use: no yt-dlp."
    return f"In use: yt-dlp {situation.version}, installed by {situation.source}."


def _bounded(lines: Sequence[str]) -> list[str]:
    left_out = len(lines) - MAX_LINES
    return [*lines[:MAX_LINES], f"and {left_out} more"] if left_out > 0 else list(lines)
