"""Read values of JSON whose shape nobody promises. Nothing here raises."""

import html
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.entities import html5
from typing import Any
from urllib.parse import urlsplit

# None of these looks at anything twice, however a page repeats what they begin with.
_LINK = re.compile(r"\s?https?://t\.co/\w+")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][\da-fA-F]{1,6}|(?P<name>[A-Za-z][A-Za-z\d]{1,31}));")
_END_OF_SCRIPT = re.compile(r"</script", re.IGNORECASE)
_HOST = re.compile(rb"[\w.-]+|[\da-f:.]+")  # a name or an address of IPv4, or one of IPv6
_TITLE_LIMIT = 120
_MAX_DEPTH = 40


@dataclass(frozen=True)
class SiteAnswer:
    """What was read from a URL when `link` was followed."""

    url: str
    body: bytes
    link: str = ""

    @property
    def text(self) -> str:
        """The body as text, whatever is in it."""
        return self.body.decode("utf-8", "replace")


def parsed(text: str) -> Any:
    """The value of a text in JSON; None if it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def scripts(text: str, tag: re.Pattern[str]) -> Iterator[str]:
    """What is in the scripts of a page whose opening tag is like this."""
    for part in _END_OF_SCRIPT.split(text):
        if start := tag.search(part):
            yield part[start.end() :]


def at(value: Any, *path: str | int) -> Any:
    """What stands at a path of names and positions; None if nothing does.

    >>> at({"media": [{"url": "a"}]}, "media", 0, "url")
    'a'
    """
    for step in path:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            is_there = isinstance(value, list) and -len(value) <= step < len(value)
            value = value[step] if is_there else None
    return value


def several(value: Any, *path: str | int) -> list[Any]:
    """The list at a path, or the values of the object there; empty if there is neither."""
    found = at(value, *path)
    if isinstance(found, dict):
        return list(found.values())
    return found if isinstance(found, list) else []


def words(value: Any, *path: str | int) -> str:
    """The text at a path; empty if there is none. A number counts as text."""
    found = at(value, *path)
    is_number = isinstance(found, int) and not isinstance(found, bool)
    return str(found) if isinstance(found, str) or is_number else ""


def address(value: Any, *path: str | int) -> str:
    """The URL at a path, of a page or a file; empty if there is none, or no server can have it.

    >>> address("https://a.example/b?c=1&amp;d=2")
    'https://a.example/b?c=1&d=2'
    """
    url = _unescaped(words(value, *path)).strip()
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in {"http", "https"} and parts.port != 0
        host = (parts.hostname or "").encode("idna")
    except ValueError:
        return ""
    return url if is_web and _HOST.fullmatch(host) else ""


def number(value: Any, *path: str | int) -> float | None:
    """The number above zero at a path; None if there is none."""
    found = at(value, *path)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    try:
        return float(found) if math.isfinite(found) and found > 0 else None
    except OverflowError:
        return None


def side(value: Any, *path: str | int) -> int | None:
    """The width or height in pixels at a path; None if there is none."""
    found = number(value, *path)
    return int(found) if found else None


def title(text: str) -> str:
    """The first line of what somebody has written, as a title.

    Pages write it in HTML, and so do the APIs of X and Reddit.
    """
    lines = [line.strip() for line in _LINK.sub("", _unescaped(text)).splitlines()]
    return next(filter(None, lines), "")[:_TITLE_LIMIT]


def _unescaped(text: str) -> str:
    """`text` without HTML's entities; without a semicolon there is none, as in `?a=1&copy=2`."""
    return _ENTITY.sub(_meant, text)


def _meant(entity: re.Match[str]) -> str:
    name = entity["name"]
    return html5.get(f"{name};", entity[0]) if name else html.unescape(entity[0])


def objects(value: Any, depth: int = _MAX_DEPTH) -> Iterator[dict[str, Any]]:
    """All objects in a value, the outer ones first."""
    if isinstance(value, dict):
        yield value
    if depth and isinstance(value, dict | list):
        for inner in several(value):
            yield from objects(inner, depth - 1)
