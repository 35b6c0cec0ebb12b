"""Which extractor is for a link, by a few patterns in place of one for each site.

yt-dlp asks its extractors, more than 1 700, one after the other. That is 2 ms of work, but in a
process that was just forked each that is touched has its page copied: 18 ms and 13 MB of every
download. Nearly all of them do nothing but match a pattern. Those patterns are joined by the
hundred, so that few objects are touched; the other extractors are asked as before.
"""

import re
from collections.abc import Mapping
from typing import Any

from yt_dlp.utils import variadic

# Classes of yt-dlp whose answer is that of the pattern.
_BASES = frozenset({"InfoExtractor", "LazyLoadExtractor"})
# Patterns that are joined. To compile all at once takes 17 MB, which then stay with the process.
_AT_ONCE = 100

_FLAGS = re.compile(r"\s*\(\?([a-zA-Z]+)\)")
_GROUP_NAME = re.compile(r"\(\?P<\w+>")
# What refers to a group would find another one among so many patterns.
_REFERENCE = re.compile(r"\\[1-9]|\(\?P=|\(\?\(")


class ExtractorIndex(dict[str, Any]):
    """Extractors by name, in the order in which yt-dlp asks them."""

    def __init__(self, extractors: Mapping[str, Any]) -> None:
        """Join their patterns."""
        super().__init__(extractors)
        joined = {name: _patterns(ie) for name, ie in self.items() if _can_be_joined(ie)}
        # The group that holds a site's patterns is the last to be closed, and so names it.
        groups = [f"(?P<{name}>{'|'.join(map(_scoped, each))})" for name, each in joined.items()]
        chunks = (groups[at : at + _AT_ONCE] for at in range(0, len(groups), _AT_ONCE))
        self._chunks = tuple(re.compile("|".join(chunk)) for chunk in chunks)
        self.asked = tuple(name for name in self if name not in joined)
        """Those that are asked one by one. What one of them raises, `suitable` raises."""
        self._positions = {name: position for position, name in enumerate(self)}

    def suitable(self, url: str) -> str | None:
        """The name of the first extractor that takes this link, None when nobody does."""
        match = next(filter(None, (chunk.match(url) for chunk in self._chunks)), None)
        found = match.lastgroup if match else None
        last = self._positions[found] if found else len(self)
        earlier = (name for name in self.asked if self._positions[name] < last)
        return next((name for name in earlier if self[name].suitable(url)), found)


def _can_be_joined(extractor: Any) -> bool:
    """Whether one pattern, which means the same among others, is all that it looks at."""
    patterns = _patterns(extractor)
    return (
        _definer(extractor, "suitable") in _BASES
        and _definer(extractor, "_match_valid_url") in _BASES
        and bool(patterns)
        and all(map(_means_the_same, patterns))
    )


def _means_the_same(pattern: Any) -> bool:
    if not isinstance(pattern, str) or _REFERENCE.search(pattern):
        return False
    try:
        re.compile(_scoped(pattern))
    except re.error:
        return False
    return True


def _definer(extractor: Any, method: str) -> str:
    return next((cls.__name__ for cls in extractor.__mro__ if method in vars(cls)), "")


def _patterns(extractor: Any) -> tuple[Any, ...]:
    found = getattr(extractor, "_VALID_URL", None)
    return tuple(variadic(found)) if found else ()


def _scoped(pattern: str) -> str:
    """The pattern without the names of its groups, and with its flags for itself alone."""
    start = _FLAGS.match(pattern)
    flags, body = (start[1], pattern[start.end() :]) if start else ("", pattern)
    # A comment at the end of a verbose pattern would go on into the next.
    end = "\n" if "x" in flags else ""
    return f"(?{flags}:{_GROUP_NAME.sub('(?:', body)}{end})"
