"""The tags of a song, used where its site says nothing better."""

from collections.abc import Mapping
from typing import Any

from worker.downloads.media.contents import Contents
from worker.untrusted_text import one_line

_OF_ARTISTS = ("artist", "album_artist", "albumartist", "performer", "composer")
_UPLOADERS = ("uploader", "channel", "creator")


def added(info: Mapping[str, Any], found: Contents) -> dict[str, Any]:
    """`info` with the title and the artist of the song.

    A site's own words come first. The name of a file that a link leads straight to is no title.
    """
    title = _first(found.tags, ("title",))
    artist = _first(found.tags, _OF_ARTISTS)
    album = _first(found.tags, ("album",))
    is_untitled = info.get("direct") or not one_line(str(info.get("title") or ""))
    is_anonymous = not artist_of(info)
    more = {"title": title or album} if is_untitled and (title or album) else {}
    return {**info, **more, **({"uploader": artist} if is_anonymous and artist else {})}


def artist_of(info: Mapping[str, Any]) -> str:
    """Who made a song, as its site says; empty where it does not."""
    return next((word for key in _UPLOADERS if (word := one_line(str(info.get(key) or "")))), "")


def _first(tags: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next(filter(None, (one_line(tags.get(name, "")) for name in names)), "")
