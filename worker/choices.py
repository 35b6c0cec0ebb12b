"""What people may choose below an answer in place of what they got."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_CHAPTERS = 100
"""Most chapters of a video, ten pages of ten."""


@dataclass(frozen=True)
class Chapter:
    """A part of a video that its site has given a title, by its times in seconds."""

    title: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Quality:
    """A height in which a site has a video, in pixels as `worker.form.Form` counts them.

    `size_bytes` is what a file of it is expected to have; None where the site does not tell.
    `messages` is how many it then fills, and 0 where that are too many.
    """

    height: int
    size_bytes: int | None = None
    messages: int = 1


@dataclass(frozen=True)
class Menu:
    """The buttons below the answer to a request, in the message `message_id`.

    `qualities` take the place of the others while one of them is to be chosen. `names_list`: the
    link names a list that its video stands in.
    """

    chat_id: int
    message_id: int
    request_id: int
    has_qualities: bool
    qualities: tuple[Quality, ...] = ()
    names_list: bool = False


def menu_from_json(value: Mapping[str, Any]) -> Menu:
    """The inverse of `worker.as_json.to_json` for a `Menu`."""
    return Menu(**{**value, "qualities": qualities_from_json(value["qualities"])})


def qualities_from_json(values: list[Mapping[str, Any]]) -> tuple[Quality, ...]:
    """The inverse of `worker.as_json.to_json` for qualities."""
    return tuple(Quality(**value) for value in values)
