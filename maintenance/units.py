"""How times, sizes and counts are written for people, and how times are read."""

import re
import time

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def duration(seconds: float) -> str:
    """A time in its two leading units: 45s, 3m20s, 2h05m, 4d03h."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 86_400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86_400}d{whole % 86_400 // 3600:02}h"


def parse_duration(text: str) -> float:
    """Seconds of a time as people write it: 90, 90s, 30m, 2h, 1.5d. Raises ValueError."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)([smhd]?)", text.strip())
    if match is None:
        raise ValueError("a time such as 90s, 30m, 2h or 1d")
    return float(match[1]) * _SECONDS[match[2] or "s"]


def size(count: float) -> str:
    """Bytes in powers of 1024, as in the settings: 812 B, 4.2 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if count >= 10 or unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TB"


def percent(share: float) -> str:
    """A share of 1 as a whole percentage: 31 %."""
    return f"{100 * share:.0f} %"


def count(number: int, noun: str) -> str:
    """A number with its noun: 1 job, 2 jobs."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def local_time(wall: float, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A wall time in the machine's time zone."""
    return time.strftime(form, time.localtime(wall))
