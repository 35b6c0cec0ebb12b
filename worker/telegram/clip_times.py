"""Read which part of a video is meant, as people write it and as links have it. Pure."""

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from worker.form import Clip

# 80, 80.5, 1:20, 1:02:03.5, and in links also 80s, 1m20s, 1h2m3s.
_TIME = r"(?:[0-9]{1,6}:){0,2}[0-9]{1,6}(?:[.,][0-9]{1,3})?s?|(?:[0-9]{1,6}[hms]){1,3}"
_FROM_TO = re.compile(
    rf"(?P<start>{_TIME})\s*(?:-|–|—|\.\.)\s*(?P<end>{_TIME})?(?!\S)",
    re.IGNORECASE | re.ASCII,
)
_CLOCK = re.compile(
    r"(?:(?:(?P<hours>[0-9]+):)?(?P<minutes>[0-9]+):)?(?P<seconds>[0-9]+(?:\.[0-9]+)?)s?"
)
_UNITS = re.compile(r"(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?")
_STARTS, _ENDS = ("t", "start", "time_continue"), ("end",)
_NORMAL_PLAY_TIME = "npt:"
_LONGEST = 20


def said(text: str) -> Clip | None:
    """The part that a text names before, between or after its links; None if it names none.

    >>> said("1:20-1:45 https://example.com/")
    Clip(start_cs=8000, end_cs=10500)
    """
    found = _FROM_TO.match(" ".join(words_besides_links(text)))
    return _clip(found["start"], found["end"]) if found else None


def may_be_meant(text: str) -> bool:
    """Whether a text has numbers besides its links, such as times in another order."""
    return any(letter.isdigit() for word in words_besides_links(text) for letter in word)


def words_besides_links(text: str) -> list[str]:
    """The words of a text that are no links."""
    return [word for word in text.split() if "/" not in word]


def in_link(url: str) -> Clip | None:
    """The part that a link names by `t`, `start` and `end`, also after `#`; None without one."""
    named = dict(_named(url))
    start = next(filter(None, map(named.get, _STARTS)), "")
    end = next(filter(None, map(named.get, _ENDS)), "")
    if not end:
        # Media Fragments 1.0, 4.2.1: #t=10,20 and #t=npt:10,20.
        start, _, end = start.removeprefix(_NORMAL_PLAY_TIME).partition(",")
    return _clip(start or "0", end or None) if start or end else None


def _named(url: str) -> Iterator[tuple[str, str]]:
    parts = urlsplit(url)
    for text in (parts.fragment, parts.query):
        yield from parse_qsl(text)


def _clip(start: str, end: str | None) -> Clip | None:
    start_cs, end_cs = _hundredths(start), _hundredths(end) if end else None
    if start_cs is None or (end and end_cs is None):
        return None
    try:
        return Clip(start_cs, end_cs)
    except ValueError:
        return None


def _hundredths(time: str) -> int | None:
    """A time in hundredths of a second; None for a text that is none, such as 1:75."""
    time = time.lower().replace(",", ".") if len(time) <= _LONGEST else ""
    if found := _CLOCK.fullmatch(time):
        hours, minutes, seconds = (float(each or 0) for each in found.group(1, 2, 3))
        is_clock = found["minutes"] is None or seconds < 60
        if not is_clock or (found["hours"] and minutes >= 60):
            return None
    elif time and (found := _UNITS.fullmatch(time)):
        hours, minutes, seconds = (float(each or 0) for each in found.groups())
    else:
        return None
    return round((hours * 3600 + minutes * 60 + seconds) * 100)
