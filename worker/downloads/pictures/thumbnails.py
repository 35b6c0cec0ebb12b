"""Posts whose extractor gives their pictures as thumbnails of entries without formats.

So do yt-dlp's extractors of Instagram and of Pinterest. At other sites a thumbnail without formats
belongs to a video that cannot be had, and is not what the link is for.
"""

from collections.abc import Mapping
from typing import Any

from worker.downloads.pictures.post import IS_PICTURE, MORE_PLACES
from worker.downloads.pictures.reading import address, several, side

SITES = frozenset({"Instagram", "Pinterest"})


def with_pictures(result: Mapping[str, Any]) -> dict[str, Any] | None:
    """What an extractor has found, with the pictures of its post; None if that has no picture."""
    entries = list(result.get("entries") or ()) if "entries" in result else [result]
    shown = [_as_picture(entry) or entry for entry in entries]
    if not any(entry.get(IS_PICTURE) for entry in shown):
        return None
    names = ("id", "title", "uploader", "extractor", "extractor_key", "webpage_url")
    post = {name: result.get(name) for name in names}
    return {**post, "_type": "playlist", "entries": [{**post, **entry} for entry in shown]}


def _as_picture(entry: Mapping[str, Any]) -> dict[str, Any] | None:
    if entry.get("formats") or entry.get("url"):
        return None
    # yt-dlp lists the best last, if no width tells which it is.
    last_first = list(reversed(several(dict(entry), "thumbnails")))
    sizes = sorted(last_first, key=_width, reverse=True)
    urls = list(dict.fromkeys(filter(None, (address(size, "url") for size in sizes))))
    if not urls:
        return None
    found = {name: value for name, value in entry.items() if name not in {"formats", "thumbnails"}}
    return {**found, "url": urls[0], "ext": "jpg", IS_PICTURE: True, MORE_PLACES: urls[1:]}


def _width(size: Any) -> int:
    return side(size, "width") or 0
