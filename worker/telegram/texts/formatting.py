"""Numbers as people read them and lengths as Telegram counts them, in no language."""

import math
from typing import TypeGuard

MAX_TEXT = 4096
"""The longest text of a message, in UTF-16 units (Bot API 10.1, sendMessage, editMessageText)."""


def is_shown(number: float | None) -> TypeGuard[float]:
    """Whether a number is known, and worth showing."""
    return number is not None and math.isfinite(number) and number > 0


def bar(share: float) -> str:
    """A progress bar of ten cells; `share` is between 0 and 1."""
    full = math.floor(share * 10)
    return "▰" * full + "▱" * (10 - full)


def grouped(number: int) -> str:
    """A whole number in groups of three digits, as ISO 80000-1 writes it in every language."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def size(size_bytes: float) -> str:
    """A size in decimal units, as Telegram shows sizes."""
    if size_bytes < 1e6:
        return f"{size_bytes / 1e3:.0f} kB"
    if size_bytes < 1e9:
        return f"{size_bytes / 1e6:.1f} MB"
    return f"{size_bytes / 1e9:.2f} GB"


def clock(duration_s: float) -> str:
    """A duration as a player shows it: `0:13`, `1:02:05`."""
    minutes, seconds = divmod(max(1, round(duration_s)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def moment(at_s: float) -> str:
    """A time in a video to the tenth of a second, if it is not a whole one: `1:20`, `0:05.5`."""
    minutes, tenths = divmod(round(at_s * 10), 600)
    hours, minutes = divmod(minutes, 60)
    seconds, tenth = divmod(tenths, 10)
    fraction = f".{tenth}" if tenth else ""
    begin = f"{hours}:{minutes:02}" if hours else f"{minutes}"
    return f"{begin}:{seconds:02}{fraction}"


def utf16_length(text: str) -> int:
    """The length of a text as Telegram counts it."""
    return len(text) + sum(character > "\uffff" for character in text)


def shorten(text: str, limit: int) -> str:
    """A text of at most `limit` UTF-16 units, the last one an ellipsis if something was cut."""
    if utf16_length(text) <= limit:
        return text
    kept, left = [], limit - 1
    for character in text:
        left -= utf16_length(character)
        if left < 0:
            break
        kept.append(character)
    return "".join(kept).rstrip() + "…"
