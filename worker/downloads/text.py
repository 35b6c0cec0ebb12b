"""Make strangers' text safe to show in a caption, a button or a log line."""

import re
import unicodedata

# Characters that change the writing direction can make one name read as another.
_BIDIRECTIONAL = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
_URL = re.compile(r"\b([a-z][a-z0-9+.-]*://)(?:[^\s/?#@]*@)?([^\s/?#'\"]*)[^\s'\"]*", re.IGNORECASE)


def clean(text: str, limit: int) -> str:
    """`text` on one line, without control characters, at most `limit` characters long."""
    # Twice the limit is enough to look at, whatever the sender's idea of a title is.
    kept = "".join(_harmless(character) for character in text[: 2 * limit])
    return " ".join(kept.split())[:limit].rstrip()


def _harmless(character: str) -> str:
    if character in _BIDIRECTIONAL:
        return ""
    category = unicodedata.category(character)
    if category in {"Cc", "Zl", "Zp"}:
        return " "
    return "" if category in {"Cs", "Co", "Cn"} else character


def without_paths(text: str) -> str:
    """`text` with each URL cut down to scheme and host, since the rest may hold a secret."""
    return _URL.sub(r"\1\2/…", text)
