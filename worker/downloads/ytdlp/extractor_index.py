"""Find the extractor for a link with a few joined patterns instead of one for each site.

yt-dlp asks its more than 1 700 extractors one after the other. That takes 2 ms, but in a freshly
forked process it also copies the page of each one that is touched: 18 ms and 13 MB for every
download. Nearly all of them only match a pattern. So their patterns are joined, a hundred at a
time, and few objects are touched; the others are still asked one by one.
"""

import contextlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from yt_dlp.utils import variadic

# The classes of yt-dlp whose `suitable` only matches the pattern.
_BASES = frozenset({"InfoExtractor", "LazyLoadExtractor"})
# Compiling all patterns as one takes 17 MB, which the process never gives back.
_AT_ONCE = 100

_NEVER = "(?!)"

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
        names = [name for name, ie in self.items() if _can_be_joined(ie)]
        chunks = (names[at : at + _AT_ONCE] for at in range(0, len(names), _AT_ONCE))
        self._chunks = tuple(self._joined(chunk) for chunk in chunks)
        joined = {name for chunk in self._chunks for name in chunk.groupindex}
        self.unjoined = tuple(name for name in self if name not in joined)
        """The extractors that are asked one by one. `suitable` raises what one of them raises."""
        self._positions = {name: position for position, name in enumerate(self)}

    def _joined(self, names: Sequence[str]) -> re.Pattern[str]:
        """The patterns of these as one, without those that are broken.

        Each would have to be compiled by itself to be judged, which takes half a second for all. So
        each is compiled only if the whole shows that one is broken: by an error, or by a group that
        disappeared in the one before it.
        """
        # A site's patterns stand in one group, which closes last, so `lastgroup` is its name.
        groups = {name: f"(?P<{name}>{_alternatives(self[name])})" for name in names}
        with contextlib.suppress(re.error):
            joined = re.compile("|".join(groups.values()))
            if joined.groupindex.keys() == groups.keys():
                return joined
        return re.compile("|".join(filter(_compiles, groups.values())) or _NEVER)

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
    return isinstance(pattern, str) and not _REFERENCE.search(pattern)


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _definer(extractor: Any, method: str) -> str:
    return next((cls.__name__ for cls in extractor.__mro__ if method in vars(cls)), "")


def _patterns(extractor: Any) -> tuple[Any, ...]:
    found = getattr(extractor, "_VALID_URL", None)
    return tuple(variadic(found)) if found else ()


def _alternatives(extractor: Any) -> str:
    return "|".join(map(_scoped, _patterns(extractor)))


def _scoped(pattern: str) -> str:
    """The pattern with its flags limited to itself, and without group names."""
    start = _FLAGS.match(pattern)
    flags, body = (start[1], pattern[start.end() :]) if start else ("", pattern)
    # A comment at the end of a verbose pattern would otherwise extend into the next pattern.
    end = "\n" if "x" in flags else ""
    return f"(?{flags}:{_GROUP_NAME.sub('(?:', body)}{end})"
