"""What a post consists of, in the order in which its site shows it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

# A site that sees a browser would answer with a page around the picture.
_HEADERS = {"Accept": "*/*"}
_EXTENSIONS = {"picture": "jpg", "video": "mp4", "sound": "m4a"}

IS_PICTURE = "is_picture"
"""Is true of the pictures among a post's entries."""

MORE_PLACES = "more_places"
"""Where else a picture is, in its entry: URLs, the best first."""

MIN_SIDE = "min_side"
"""How wide and high the picture of an entry has to be, in pixels, if it is to be shown."""


class ItemKind(StrEnum):
    """What an item of a post is."""

    PICTURE = "picture"
    VIDEO = "video"
    SOUND = "sound"


@dataclass(frozen=True)
class Source:
    """A place from which an item can be fetched, with what is known of it there."""

    url: str
    width: int | None = None
    height: int | None = None
    bitrate_kbps: float | None = None


@dataclass(frozen=True)
class Item:
    """A picture, a video or sound; a picture's best source comes first."""

    kind: ItemKind
    sources: tuple[Source, ...]
    duration_s: float | None = None


@dataclass(frozen=True)
class Post:
    """A post of the site whose extractor yt-dlp calls `site`."""

    site: str
    post_id: str
    items: tuple[Item, ...]
    title: str = ""
    uploader: str = ""
    min_side: int = 0

    @property
    def has_pictures(self) -> bool:
        """Whether any of it is a picture."""
        return any(item.kind is ItemKind.PICTURE for item in self.items)

    def for_ytdlp(self) -> dict[str, Any]:
        """The post as a playlist, as yt-dlp's extractors return them."""
        return {
            "_type": "playlist",
            "extractor": self.site,
            "extractor_key": self.site,
            "id": self.post_id,
            "title": self.title,
            "entries": list(self._entries()),
        }

    def _entries(self) -> Iterator[dict[str, Any]]:
        for item in self.items:
            entry = {
                "id": self.post_id,
                "title": self.title,
                "fulltitle": self.title,
                "uploader": self.uploader,
                "http_headers": dict(_HEADERS),
                "extractor": self.site,
                "extractor_key": self.site,
            }
            yield entry | (_picture(item, self.min_side) if _is_picture(item) else _media(item))


def _is_picture(item: Item) -> bool:
    return item.kind is ItemKind.PICTURE


def _picture(item: Item, min_side: int) -> dict[str, Any]:
    urls = [source.url for source in item.sources]
    found = {"url": urls[0], "ext": _EXTENSIONS[item.kind], IS_PICTURE: True}
    return found | {MORE_PLACES: urls[1:], MIN_SIDE: min_side}


def _media(item: Item) -> dict[str, Any]:
    formats = [
        {
            "format_id": str(number),
            "url": source.url,
            "ext": _EXTENSIONS[item.kind],
            "width": source.width,
            "height": source.height,
            "tbr": source.bitrate_kbps,
        }
        | ({"vcodec": "none"} if item.kind is ItemKind.SOUND else {})
        for number, source in enumerate(item.sources)
    ]
    return {"formats": formats, "duration": item.duration_s}


def picture(*urls: str) -> Item | None:
    """A picture that each of these URLs leads to; None if none of them is a URL."""
    sources = tuple(Source(url) for url in dict.fromkeys(filter(None, urls)))
    return Item(ItemKind.PICTURE, sources) if sources else None


def video(*sources: Source, duration_s: float | None = None) -> Item | None:
    """A video of these qualities; None if there is none."""
    found = tuple(source for source in sources if source.url)
    return Item(ItemKind.VIDEO, found, duration_s) if found else None


def sound(url: str) -> Item | None:
    """Sound at a URL; None without one."""
    return Item(ItemKind.SOUND, (Source(url),)) if url else None
