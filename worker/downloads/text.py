"""Strangers' text, cut to length and freed from secrets for a caption, a name or a log line."""

import re

from worker.untrusted_text import one_line

# The length of a scheme is limited, so that no text is searched again and again.
_URL = re.compile(
    r"([a-z][a-z0-9+.-]{0,30}://)(?:[^\s/?#@]*@)?([^\s/?#'\"]*)[^\s'\"]*", re.IGNORECASE
)


def clean(text: str, limit: int) -> str:
    """`text` on one line and harmless, at most `limit` characters long."""
    # Looking at twice the limit is enough, however long the text is.
    return one_line(text[: 2 * limit])[:limit].rstrip()


def clean_lines(text: str, limit: int) -> str:
    """`text` with its lines, each harmless, at most one of them empty in a row."""
    lines = [one_line(line) for line in text[: 2 * limit].splitlines()]
    kept = [line for line, before in zip(lines, ["", *lines], strict=False) if line or before]
    return "\n".join(kept)[:limit].strip()


def without_paths(text: str) -> str:
    """`text` with each URL cut down to scheme and host, since the rest may hold a secret."""
    return _URL.sub(r"\1\2/…", text)
