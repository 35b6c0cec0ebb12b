"""Findings of `--check` and `health`: what was looked at, how bad it is, and what to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """How bad a finding is; the value is the exit code of `health`."""

    OK = 0
    WARNING = 1
    CRITICAL = 2

    @property
    def word(self) -> str:
        """The level as `--check` and `health` write it."""
        return self.name.lower()


HOURLY_S = 3600.0
DAILY_S = 86_400.0
ONCE_S = 100 * 365 * DAILY_S
"""For an alert that is sent once and not repeated while it lasts."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at, and how it is; if it is not well, also what to do.

    Admins get a message if the running bot finds it twice in a row, and again after
    `alerts_every_s` at the earliest; no message if that is None. `alerts_about` distinguishes the
    thing from another one that has taken its place.
    """

    name: str
    level: Level
    text: str
    alerts_every_s: float | None = None
    alerts_about: int = 0


def ok(name: str, text: str) -> Finding:
    return Finding(name, Level.OK, text)


def warning(name: str, text: str, *, alerts_every_s: float | None = None) -> Finding:
    """A finding with which the bot still does its work."""
    return Finding(name, Level.WARNING, text, alerts_every_s)


def critical(name: str, text: str) -> Finding:
    """A finding that keeps the bot from its work, or soon will."""
    return Finding(name, Level.CRITICAL, text, HOURLY_S)


def worst(findings: Iterable[Finding]) -> Level:
    """The highest level among the findings; OK if there are none."""
    return max((finding.level for finding in findings), default=Level.OK)
