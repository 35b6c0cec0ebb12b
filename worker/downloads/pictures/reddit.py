"""Posts of Reddit.

The answer to `/comments/ID/.json` is a list; the post is `[0].data.children[0].data`. A gallery
has `gallery_data.items` with a `media_id` each, and what that is in `media_metadata`: `e` is
`Image` or `AnimatedImage`, `m` its MIME type, `s` the largest of it with `u` (a picture), `mp4`
and `gif`. A post of text lists pictures between its words in `media_metadata` alone, and stickers,
whose `t` is `sticker`. Of a crosspost all of this stands in `crosspost_parent_list[0]`. `s.u` is
signed and recoded; the file itself has the same name at `i.redd.it`. A post of one picture has
that as its `url`.

A picture that is asked for as a page leads to `/media?url=…`.
"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from worker.downloads.pictures import post
from worker.downloads.pictures.post import Item, Post, Source
from worker.downloads.pictures.reading import (
    SiteAnswer,
    address,
    at,
    parsed,
    several,
    side,
    title,
    words,
)

ANSWERS = re.compile(
    r"https://(www\.)?reddit\.com/((r|user)/[^/]+/)?(comments/[^?#]*\.json|media\?)"
)
_PICTURE_HOSTS = frozenset({"i.redd.it", "preview.redd.it"})
_NAME = re.compile(r"[\w-]+")


def read(answer: SiteAnswer) -> Post | None:
    """The gallery, the pictures between a post's words, or the one that an address names."""
    if picture := _named(answer.url):
        return Post("RedditMedia", "picture", (picture,))
    found = at(parsed(answer.text), 0, "data", "children", 0, "data")
    for shown in (found, at(found, "crosspost_parent_list", 0)):
        if items := tuple(_items(shown)):
            return Post(
                "Reddit",
                words(found, "id"),
                items,
                title(words(found, "title")),
                words(found, "author"),
            )
    return None


def _named(url: str) -> Item | None:
    parts = urlsplit(url)
    named = parse_qs(parts.query).get("url", ()) if parts.path == "/media" else ()
    return _hosted(address(next(iter(named), "")))


def _hosted(url: str) -> Item | None:
    return post.picture(url) if url and urlsplit(url).hostname in _PICTURE_HOSTS else None


def _items(shown: Any) -> Iterator[Item]:
    media = at(shown, "media_metadata")
    if gallery := several(shown, "gallery_data", "items"):
        wanted = [at(media, words(each, "media_id")) for each in gallery]
    else:
        wanted = [each for each in several(media) if words(each, "t") != "sticker"]
        if any(words(each, "e") == "RedditVideo" for each in wanted):
            return  # yt-dlp reads those
    if wanted:
        yield from filter(None, map(_item, wanted))
    elif picture := _hosted(address(shown, "url")):
        yield picture


def _item(media: Any) -> Item | None:
    largest = at(media, "s")
    if film := address(largest, "mp4"):
        return post.video(Source(film, side(largest, "x"), side(largest, "y")))
    original = ""
    name, kind = words(media, "id"), words(media, "m").partition("/")[2]
    if _NAME.fullmatch(name) and _NAME.fullmatch(kind):
        original = f"https://i.redd.it/{name}.{kind.replace('jpeg', 'jpg')}"
    if words(media, "e") not in {"Image", "AnimatedImage"}:
        return None
    return post.picture(original, address(largest, "u"), address(largest, "gif"))
