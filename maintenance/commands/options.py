"""Options that several commands share; each is read, or refused with the reason."""

import argparse
import re
from argparse import ArgumentParser, ArgumentTypeError

from maintenance.units import parse_duration
from worker.clocks import Wall, wall_clock
from worker.errors import Reason


def add_json(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs")


def add_limit(parser: ArgumentParser, default: int, *, is_inherited: bool = False) -> None:
    """Add --limit. If `is_inherited`, one that stands before an action counts for it as well."""
    parser.add_argument(
        "--limit",
        type=_whole_number,
        default=argparse.SUPPRESS if is_inherited else default,
        help=f"how many at most ({default})",
    )


def add_since(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--since", type=age, metavar="TIME", help="only the last 30m, 2h, 1d and so on"
    )


def add_site(parser: ArgumentParser) -> None:
    parser.add_argument("--site", type=str.lower, metavar="SITE", help="only those of this site")


def since(age_s: float | None) -> Wall | None:
    """The wall time `age_s` seconds ago; None if there is no age."""
    return None if age_s is None else Wall(wall_clock() - age_s)


def age(text: str) -> float:
    """Seconds, for argparse."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not {error}") from None


def user_id(text: str) -> int:
    """The id of a person or a channel, for argparse."""
    if not re.fullmatch("-?[0-9]{1,15}", text):
        raise ArgumentTypeError(f"{text!r} is no numeric id")
    return int(text)


def reason(text: str) -> Reason:
    """A reason, also with hyphens in place of its spaces, for argparse."""
    for known in Reason:
        if text.lower().replace("-", " ") == known.lower():
            return known
    known_words = ", ".join(each.replace(" ", "-") for each in Reason)
    raise ArgumentTypeError(f"{text!r} is no reason; there are {known_words}")


def _whole_number(text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text):
        raise ArgumentTypeError(f"{text!r} is not a whole number from 0 on")
    return int(text)
