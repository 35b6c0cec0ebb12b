"""A playlist, channel, album or mix: what is known about it, and which of its items are wanted."""

import base64
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any
from urllib.parse import parse_qs, urlsplit

from worker.sites import site_of

MAX_ITEMS = 200
"""The most items taken from a list: the marks of more would not fit into a button's data."""

MAX_CODE = 34
"""How many characters the marks of `MAX_ITEMS` items take."""

PAGE_ITEMS = 10
"""How many items are on a page from which people choose."""

_OFFERED = (5, 20)

# YouTube's lists of what somebody likes, or has put off; nobody else may see these.
_OF_ONE_PERSON = ("", "LL", "WL")
# Phones write other dashes by themselves.
_RANGE = re.compile(r"([0-9]{1,3})(?:\s*[-–—]\s*([0-9]{1,3}))?")
_RANGES = re.compile(rf"{_RANGE.pattern}(?:[,;\s]+{_RANGE.pattern})*")


@dataclass(frozen=True)
class ListItem:
    """A link in a list, and what its site says about it."""

    url: str
    title: str = ""
    duration_s: float | None = None


@dataclass(frozen=True)
class MediaList:
    """A list with its first items, no link twice among them.

    `count` is how many its site says it has; None if there are more than these and nobody knows
    how many, as in an endless mix.
    """

    title: str
    items: tuple[ListItem, ...]
    count: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether there are no more than these items."""
        return self.count == len(self.items)

    @property
    def total_s(self) -> float | None:
        """How long all of it lasts; None if that is not known."""
        lengths = [item.duration_s for item in self.items if item.duration_s is not None]
        return sum(lengths) if self.is_whole and len(lengths) == len(self.items) else None


@dataclass(frozen=True)
class ListMenu:
    """The buttons below a list in the message `message_id`, which answers a request.

    Some of its `size` items (which are all that there are if it `is_whole`) can be taken at once,
    or they are chosen on pages. Page number `page`, from 0, shows `items` to mark. `chosen` are the
    numbers of the marked ones, counted from 1. A page ends by itself, and the first buttons are
    then shown as a menu that `has_expired`.
    """

    chat_id: int
    message_id: int
    request_id: int
    size: int
    is_whole: bool
    page: int | None = None
    items: tuple[ListItem, ...] = ()
    chosen: tuple[int, ...] = ()
    has_expired: bool = False

    @property
    def offers(self) -> tuple[int, ...]:
        """How many of the first items can be taken at one press, all of them as the last."""
        return (*(number for number in _OFFERED if number < self.size), self.size)


class ItemState(StrEnum):
    """What has become of an item that somebody wants."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Failure:
    """Why items have failed, by the value of its `Reason`, and their numbers.

    With None for `reason` nothing more is known.
    """

    reason: str | None
    numbers: tuple[int, ...]


class Hold(IntEnum):
    """Why no more items begin for now."""

    NONE = 0
    QUOTA = 1  # their person has sent enough links for a while
    SITE = 2  # it fails for everybody


@dataclass(frozen=True)
class Summary:
    """How far the items are that were taken from a list at once."""

    title: str
    done: int = 0
    waiting: int = 0
    cancelled: int = 0
    failures: tuple[Failure, ...] = ()
    hold: Hold = Hold.NONE
    can_try_again: bool = False

    @property
    def failed(self) -> int:
        """How many have failed."""
        return sum(len(failure.numbers) for failure in self.failures)


def packed(numbers: Collection[int]) -> str:
    """Numbers from 1 to `MAX_ITEMS` in at most `MAX_CODE` letters, digits, `-` and `_`.

    >>> packed([1, 2, 3]), unpacked("Bw")
    ('Bw', (1, 2, 3))
    """
    bits = sum(1 << (number - 1) for number in set(numbers))
    data = bits.to_bytes(max(1, (bits.bit_length() + 7) // 8), "little")
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unpacked(code: str) -> tuple[int, ...]:
    """The inverse of `packed`. Raises ValueError for what that does not return."""
    with suppress(ValueError):
        data = base64.urlsafe_b64decode(code[:MAX_CODE] + "=" * (-len(code) % 4))
        bits = int.from_bytes(data, "little")
        numbers = tuple(n + 1 for n in range(bits.bit_length()) if bits >> n & 1)
        if packed(numbers) == code and all(number <= MAX_ITEMS for number in numbers):
            return numbers
    raise ValueError(f"no numbers of items: {code!r}")


def numbers_in(text: str) -> tuple[int, ...]:
    """The numbers that somebody has written as `3-7, 12`; empty if the text is anything else."""
    if len(text) > 500 or not _RANGES.fullmatch(text.strip()):
        return ()
    found: set[int] = set()
    for first, last in _RANGE.findall(text):
        found.update(range(int(first), min(int(last or first), MAX_ITEMS) + 1))
    return tuple(sorted(number for number in found if 1 <= number <= MAX_ITEMS))


def in_ranges(numbers: Collection[int]) -> str:
    """Numbers as people write them.

    >>> in_ranges([3, 4, 5, 7])
    '3-5, 7'
    """
    ranges: list[list[int]] = []
    for number in sorted(numbers):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges)


def names_list(url: str) -> bool:
    """Whether a link names one video and the list that it was found in.

    >>> names_list("https://www.youtube.com/watch?v=dQw4w9WgXcQ&list=PL590L5WQmH8dpP0RyH5pCfIaDE")
    True
    """
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    match site_of(parts.hostname or ""):
        case "youtube.com":
            is_video = "v" in query or parts.hostname == "youtu.be"
            return is_video and query.get("list", [""])[0] not in _OF_ONE_PERSON
        case "dailymotion.com":
            return parts.path.startswith("/video/") and "playlist" in query
    return False


def list_from_json(value: Mapping[str, Any]) -> MediaList:
    """The inverse of `worker.protocol.as_json.to_json` for a `MediaList`."""
    return MediaList(value["title"], _items_from_json(value["items"]), value["count"])


def list_menu_from_json(value: Mapping[str, Any]) -> ListMenu:
    """The inverse of `worker.protocol.as_json.to_json` for a `ListMenu`."""
    items, chosen = _items_from_json(value["items"]), tuple(value["chosen"])
    return ListMenu(**{**value, "items": items, "chosen": chosen})


def _items_from_json(values: list[Mapping[str, Any]]) -> tuple[ListItem, ...]:
    return tuple(ListItem(**item) for item in values)
