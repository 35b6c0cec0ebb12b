"""How commands say things: tables for people, ages and sizes, JSON for programs.

What a stranger may have written never reaches the terminal as it is.
"""

import json
import re
import shutil
import time
from collections.abc import Sequence
from typing import Any

from worker.logs import printable, redact

WIDTH = 80

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def say(text: str) -> None:
    """Print a text, without what may be secret and what a terminal would act on."""
    print(printable(redact(text)))


def print_json(value: Any) -> None:
    """Print one JSON document."""
    print(redact(json.dumps(value, indent=2, ensure_ascii=True)))


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows under their head, no wider than a terminal: what is too long is cut in the last
    column. Numbers stand on the right.
    """
    cells = [list(map(_cell, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    right = [
        all(isinstance(value, int | float) for value in column)
        for column in zip(*rows, strict=True)
    ]
    lines = []
    for row in [list(head), *cells]:
        padded = [
            cell.rjust(width) if is_right else cell.ljust(width)
            for cell, width, is_right in zip(row, widths, right, strict=True)
        ]
        lines.append(_cut("  ".join(padded).rstrip()))
    return "\n".join(lines)


def _cell(value: object) -> str:
    text = "-" if value is None else f"{value:.0f}" if isinstance(value, float) else str(value)
    return " ".join(printable(redact(text)).split())


def _cut(line: str) -> str:
    width = max(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns)
    return line if len(line) <= width else line[: width - 1] + "…"


def duration(seconds: float) -> str:
    """The two leading units of a time: 45s, 3m20s, 2h05m, 4d03h."""
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
    return float(match[1]) * _UNITS[match[2] or "s"]


def size(count: float) -> str:
    """Bytes as people read them, in powers of 1024 as the settings are: 812 B, 4.2 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if count >= 10 or unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TB"


def count(number: int, what: str) -> str:
    """So many of something: 1 job, 2 jobs."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def clock(wall: float, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A wall time, local to the machine."""
    return time.strftime(form, time.localtime(wall))
