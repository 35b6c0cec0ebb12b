"""The picture that a site shows for a video or a song, as something to be downloaded."""

from collections.abc import Iterator, Mapping
from typing import Any

from worker.downloads.pictures.post import IS_PICTURE
from worker.downloads.ytdlp.beside import kept
from worker.downloads.ytdlp.formats.streams import has
from worker.errors import Fault, JobError, Reason

# Sites name more pictures than they have.
_MAX_PLACES = 4
# What a song is called whose site says nothing of its streams.
_OF_SOUND = frozenset({"aac", "flac", "m4a", "mp3", "oga", "ogg", "opus"})


def pictures(info: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The cover of a video as yt-dlp's extractors return pictures, at each of its places.

    The largest comes first. Raises JobError for a video without any. A picture is its own cover.
    """
    if info.get(IS_PICTURE):
        yield dict(info)
        return
    urls = list(dict.fromkeys(_urls(info)))[:_MAX_PLACES]
    if not urls:
        raise JobError(Reason.NO_COVER, Fault.PERMANENT, "no thumbnail is named")
    for url in urls:
        yield {**kept(info), "url": url, "ext": "jpg", IS_PICTURE: True}


def may_be_inside(info: Mapping[str, Any]) -> bool:
    """Whether it is a song without a picture beside it, which may have one in its file."""
    if info.get(IS_PICTURE) or next(_urls(info), None):
        return False
    formats = info.get("formats") or [info]
    return all(not has(media, "vcodec") or media.get("ext") in _OF_SOUND for media in formats)


def _urls(info: Mapping[str, Any]) -> Iterator[str]:
    named = [each for each in info.get("thumbnails") or () if isinstance(each, dict)]
    for each in (*sorted(named, key=_rank, reverse=True), {"url": info.get("thumbnail")}):
        if isinstance(url := each.get("url"), str) and url.startswith(("http://", "https://")):
            yield url


def _rank(thumbnail: Mapping[str, Any]) -> tuple[float, ...]:
    """The rank that yt-dlp gives a thumbnail, the best one highest."""
    return tuple(_number(thumbnail.get(name)) for name in ("preference", "width", "height"))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else -1.0
