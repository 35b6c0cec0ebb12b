"""Find the extractor for a link with a few joined patterns instead of one for each site.

yt-dlp asks its more than 1 700 extractors one after the other. That takes 2 ms, but in a freshly
forked process it also copies the page of each one that is touched: 18 ms and 13 MB for every
download. Nearly all of them only match a pattern. So their patterns are joined, a hundred at a
time, and few objects are touched; the others are still asked one by one.
"""

import re
from collections.abc import Mapping
from typing import Any

from yt_dlp.utils import variadic

# The classes of yt-dlp whose `suitable` only matches the pattern.
_BASES = frozenset({"InfoExtractor", "LazyLoadExtractor"})
# Compiling all patterns as one takes 17 MB, which the process never gives back.
_AT_ONCE = 100

_FLAGS = re.compile(r"\s*\(\?([a-zA-Z]+)\)")
_GROUP_NAME = re.compile(r"\(\?P<\w+>")
# A reference to a group would mean another group among the joined patterns.
_REFERENCE = re.compile(r"\\[1-9]|\(\?P=|\(\?\(")


class ExtractorIndex(dict[str, Any]):
    """Extractors by name, in the order in which yt-dlp asks them.

    index = ExtractorIndex({ie.ie_key(): ie for ie in gen_extractor_classes()})
    index.suitable("https://youtu.be/jNQXAC9IVRw")  # "Youtube"
    """

    def __init__(self, extractors: Mapping[str, Any]) -> None:
        super().__init__(extractors)
        joined = {name: _patterns(ie) for name, ie in self.items() if _can_be_joined(ie)}
        # A site's patterns stand in one group, which closes last, so `lastgroup` is its name.
        groups = [f"(?P<{name}>{'|'.join(map(_scoped, each))})" for name, each in joined.items()]
        chunks = (groups[at : at + _AT_ONCE] for at in range(0, len(groups), _AT_ONCE))
        self._chunks = tuple(re.compile("|".join(chunk)) for chunk in chunks)
        self.unjoined = tuple(name for name in self if name not in joined)
        """The extractors that are asked one by one. `suitable` raises what one of them raises."""
        self._positions = {name: position for position, name in enumerate(self)}

    def suitable(self, url: str) -> str | None:
        """The name of the first extractor that accepts this link; None if there is none."""
        match = next(filter(None, (chunk.match(url) for chunk in self._chunks)), None)
        found = match.lastgroup if match else None
        last = self._positions[found] if found else len(self)
        earlier = (name for name in self.unjoined if self._positions[name] < last)
        return next((name for name in earlier if self[name].suitable(url)), found)


def _can_be_joined(extractor: Any) -> bool:
    """Whether it only matches patterns, and those mean the same when they are joined."""
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
    """The pattern with its flags limited to itself, and without group names."""
    start = _FLAGS.match(pattern)
    flags, body = (start[1], pattern[start.end() :]) if start else ("", pattern)
    # A comment at the end of a verbose pattern would otherwise extend into the next pattern.
    end = "\n" if "x" in flags else ""
    return f"(?{flags}:{_GROUP_NAME.sub('(?:', body)}{end})"
