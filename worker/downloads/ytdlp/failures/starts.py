"""Whether a stream is live, has just ended or has yet to start, and when, as its site says.

Pure apart from the wall clock.
"""

import re
from collections.abc import Mapping
from typing import Any

from worker.clocks import wall_clock
from worker.downloads.media.contents import positive
from worker.errors import Fault, JobError, Reason

_NOT_DOWNLOADABLE_NOW: dict[str, tuple[Reason, str]] = {
    "is_live": (Reason.LIVE, "live now"),
    "post_live": (Reason.JUST_ENDED, "live until just now"),
    "is_upcoming": (Reason.NOT_STARTED, "not started"),
}

# Of a stream that has just ended, YouTube has pieces whose number nobody knows beforehand, so that
# no limit would hold, or only its last two hours. Other sites have all of it, or nothing.
_MAKES_IT_FIRST = frozenset({"Youtube"})

# As YouTube says it; yt-dlp hands on these words alone.
_IN = re.compile(r"\bin (a few|an?|\d{1,4}) (moment|second|minute|hour|day)s?\b", re.IGNORECASE)
_UNITS_S = {"moment": 60.0, "second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86_400.0}


def refuse_live(info: Mapping[str, Any]) -> None:
    """Raise JobError for a stream that is live or has not started, with the time until it will.

    One that has just ended is only refused as by `refuse_unmade`.
    """
    refuse_unmade(info)
    status = "is_live" if info.get("is_live") else str(info.get("live_status"))
    if status != "post_live":
        _refuse(status, info)


def refuse_unmade(info: Mapping[str, Any]) -> None:
    """Raise JobError for a stream of which the site is known to be making the video still."""
    if info.get("extractor_key") in _MAKES_IT_FIRST:
        refuse_just_ended(info)


def refuse_upcoming(info: Mapping[str, Any]) -> None:
    """Raise JobError for a stream that has not started, with the time until it will."""
    if info.get("live_status") == "is_upcoming":
        _refuse("is_upcoming", info)


def refuse_just_ended(info: Mapping[str, Any]) -> None:
    """Raise JobError for a stream that has just ended."""
    if info.get("live_status") == "post_live":
        _refuse("post_live", info)


def _refuse(status: str, info: Mapping[str, Any]) -> None:
    if status in _NOT_DOWNLOADABLE_NOW:
        reason, detail = _NOT_DOWNLOADABLE_NOW[status]
        raise JobError(reason, Fault.PERMANENT, detail, retry_after_s=in_s(info))


def in_s(info: Mapping[str, Any]) -> float | None:
    """Seconds until a stream starts, by yt-dlp's fields; 0 if it should have, None if unknown."""
    starts_at = positive(info.get("release_timestamp"))
    return None if starts_at is None else max(0.0, starts_at - wall_clock())


def told_in_s(words: str) -> float | None:
    """Seconds until a stream starts, by the text of yt-dlp's error.

    >>> told_in_s("This live event will begin in 5 hours.")
    18000.0
    """
    if not (found := _IN.search(words)):
        return None
    count = int(found[1]) if found[1].isdecimal() else 1
    return count * _UNITS_S[found[2].lower()]
