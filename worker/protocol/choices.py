"""What people may choose below an answer in place of what they got."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from worker.form import WHOLE

MENU_LIFE_S = 900.0
"""How long a page of a menu stays open before the first buttons take its place."""

MAX_CHAPTERS = 100
"""The most chapters of a video."""

MAX_LANGUAGES = 24
"""The most languages of sound among which people can choose."""

MAX_SUBTITLES = 24
"""The most subtitles among which people can choose: YouTube makes over a hundred."""

SHEET_CHAPTERS = 10
"""How many chapters are shown at a time."""


@dataclass(frozen=True)
class Chapter:
    """A part of a video that its site has given a title, by its times in seconds."""

    title: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Quality:
    """A height in which a site has a video, in pixels as `worker.form.Form` counts them.

    `size_bytes` is the expected size of its file; None if the site does not say. `messages` is how
    many messages that fills, 0 if too many. `fps` are its pictures in a second if there are more
    than usual, and `is_hdr` means a high dynamic range.
    """

    height: int
    size_bytes: int | None = None
    messages: int = 1
    fps: int | None = None
    is_hdr: bool = False


@dataclass(frozen=True)
class Language:
    """A language in which a site has the sound of a video: an IETF tag in lower case.

    `is_dubbed`: a machine speaks in place of the people seen.
    """

    tag: str
    is_original: bool = False
    is_dubbed: bool = False


@dataclass(frozen=True)
class Subtitles:
    """A language in which a site has subtitles: an IETF tag in lower case.

    `is_automatic`: a machine has made them.
    """

    tag: str
    is_automatic: bool = False


@dataclass(frozen=True)
class SiteOffer:
    """What a site has besides the files of an answer: what people may choose, and a description.

    `qualities` come with the highest first. `description` is what the site says about the media, in
    lines.
    """

    qualities: tuple[Quality, ...] = ()
    description: str = ""
    chapters: tuple[Chapter, ...] = ()
    languages: tuple[Language, ...] = ()
    subtitles: tuple[Subtitles, ...] = ()


NO_OFFER = SiteOffer()


class Page(StrEnum):
    """What the buttons below an answer show.

    The value is in the data of the button that leads there.
    """

    FIRST = "choices"
    QUALITIES = "qualities"
    MORE = "more"
    CHAPTERS = "chapters"
    LANGUAGES = "languages"
    SUBTITLES = "subtitles"


@dataclass(frozen=True)
class Menu:
    """The buttons below the answer to a request, in the message `message_id`.

    `code` is that of the answer's form, see `worker.form`. `is_song`: it is sound alone. Any other
    page than the first ends by itself after `MENU_LIFE_S`, and the first one is then shown as a
    menu that `has_expired`. What a page offers is in the menu only while it shows that page;
    chapters take several `sheets` of `SHEET_CHAPTERS`, of which one is shown. `names_list`: the
    link names a list that has the video in it.
    """

    chat_id: int
    message_id: int
    request_id: int
    code: str = WHOLE.code
    page: Page = Page.FIRST
    is_song: bool = False
    has_qualities: bool = False
    has_description: bool = False
    has_expired: bool = False
    qualities: tuple[Quality, ...] = ()
    names_list: bool = False
    chapters: tuple[Chapter, ...] = ()
    sheet: int = 0
    sheets: int = 0
    has_languages: bool = False
    languages: tuple[Language, ...] = ()
    has_subtitles: bool = False
    subtitles: tuple[Subtitles, ...] = ()


def menu_from_json(value: Mapping[str, Any]) -> Menu:
    """The inverse of `worker.protocol.as_json.to_json` for a `Menu`."""
    # Older menus name no page, and show qualities if they have any.
    page = value.get("page") or (Page.QUALITIES if value["qualities"] else Page.FIRST)
    return Menu(**{**value, "page": Page(page), **_choices_from_json(value)})


def offer_from_json(value: Mapping[str, Any]) -> SiteOffer:
    """The offer in a mapping that has its fields among others; what is missing is empty."""
    return SiteOffer(description=value.get("description", ""), **_choices_from_json(value))


def qualities_from_json(values: list[Mapping[str, Any]]) -> tuple[Quality, ...]:
    """The inverse of `worker.protocol.as_json.to_json` for qualities."""
    return tuple(Quality(**value) for value in values)


def _choices_from_json(value: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "qualities": qualities_from_json(value.get("qualities", [])),
        "chapters": tuple(Chapter(**each) for each in value.get("chapters", [])),
        "languages": tuple(Language(**each) for each in value.get("languages", [])),
        "subtitles": tuple(Subtitles(**each) for each in value.get("subtitles", [])),
    }
