"""Tell a list (playlist, channel, album, mix) from a post, before anything of it is fetched."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from yt_dlp.utils import LazyList, PagedList, YoutubeDLError

from worker.downloads.reports import MAX_FILES
from worker.downloads.text import clean
from worker.downloads.ytdlp.network.page_limits import MAX_VIDEOS, is_media
from worker.errors import InvalidLink, JobError
from worker.protocol.lists import ListItem, MediaList
from worker.urls import normalise

ITEM_TITLE_LIMIT = 100
_TITLE_LIMIT = 300
_REFERENCES = ("url", "url_transparent")
# A site may name the same video again and again, as endless mixes do.
_MAX_REPEATED = 2
_LONGEST_S = 1e7


class ListFound(Exception):
    """Raised through yt-dlp, which otherwise would go on with the items of a list."""

    def __init__(self, found: MediaList) -> None:
        super().__init__(found)
        self.found = found


def looked_at(playlist: Mapping[str, Any]) -> dict[str, Any]:
    """The same playlist, whose entries can be looked at more than once."""
    entries = playlist.get("entries") or ()
    can_be = isinstance(entries, list | tuple | PagedList | LazyList)
    return {**playlist, "entries": entries if can_be else LazyList(entries)}


def read(playlist: Mapping[str, Any], most: int) -> MediaList | None:
    """The list with at most `most` items; None for a post or a web page.

    The entries of a list only refer to their media, and to more than one. Where they refer to
    further pages of the same kind they are lists themselves, such as the tabs of a channel.
    """
    entries = _entries(playlist, _MAX_REPEATED * most + 1)
    beginning = list(itertools.islice(entries, 2))
    if len(beginning) < 2 or not all(_is_item(entry, playlist) for entry in beginning):
        return None
    items = _items(itertools.chain(beginning, entries))
    taken = tuple(itertools.islice(items, most))
    if len(taken) < 2:
        return None
    has_more = len(taken) == most and _has_another(items)
    said = playlist.get("playlist_count")
    count = said if isinstance(said, int) and len(taken) < said < 10**9 else None
    title = clean(str(playlist.get("title") or ""), _TITLE_LIMIT)
    return MediaList(title, taken, count if has_more else len(taken))


def media_of(playlist: Mapping[str, Any]) -> list[Any]:
    """The media that a playlist comes with, and one more than an answer holds if there are more.

    An extractor that finds them one by one, as in a channel, is asked for few.
    """
    entries = playlist["entries"]
    if playlist.get("extractor_key") == "Generic" or isinstance(entries, PagedList):
        return []
    most = MAX_FILES if isinstance(entries, list | tuple) else MAX_VIDEOS
    found = itertools.islice(filter(None, entries), most + 1)
    return list(itertools.takewhile(is_media, found))


def _entries(playlist: Mapping[str, Any], most: int) -> Iterator[Mapping[str, Any]]:
    entries: Iterable[Any] = playlist["entries"]
    if isinstance(entries, PagedList):
        entries = entries.getslice(0, most)
    return (entry for entry in itertools.islice(entries, most) if isinstance(entry, dict))


def _is_item(entry: Mapping[str, Any], playlist: Mapping[str, Any]) -> bool:
    if entry.get("_type") not in _REFERENCES or _link(entry) is None:
        return False
    if playlist.get("extractor_key") == "Generic":
        # A feed's entries say more than those of a page with players in it.
        return entry.get("_type") == "url_transparent"
    return entry.get("ie_key") != playlist.get("extractor_key")


def _items(entries: Iterator[Mapping[str, Any]]) -> Iterator[ListItem]:
    """The items of a list, each link once.

    If a site fails to give more of them, the list ends there.
    """
    known: set[str] = set()
    try:
        for entry in entries:
            link = _link(entry)
            if link is not None and link not in known:
                known.add(link)
                title = clean(str(entry.get("title") or ""), ITEM_TITLE_LIMIT)
                yield ListItem(link, title, _duration_s(entry))
    except (YoutubeDLError, JobError, OSError):
        if len(known) < 2:
            raise


def _has_another(items: Iterator[ListItem]) -> bool:
    return next(items, None) is not None


def _link(entry: Mapping[str, Any]) -> str | None:
    """The link of an entry as a person could send it; None if it has none."""
    url = entry.get("url")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        return None
    try:
        return normalise(url)
    except InvalidLink:
        return None


def _duration_s(entry: Mapping[str, Any]) -> float | None:
    found = entry.get("duration")
    if not isinstance(found, int | float) or isinstance(found, bool):
        return None
    return float(found) if 0 < found < _LONGEST_S else None
