"""Pictures and albums of Imgur (`api.imgur.com/post/v1/media/ID` and `…/albums/ID`).

Both answer with `media`, a list: `type` is `image` or `video`, `url` the file itself. An image
that moves has `metadata.is_animated`; if it is alone, yt-dlp finds a video of it.
"""

import re
from typing import Any

from worker.downloads.pictures import post
from worker.downloads.pictures.post import Item, Post, Source
from worker.downloads.pictures.reading import (
    SiteAnswer,
    address,
    at,
    number,
    parsed,
    several,
    side,
    title,
    words,
)

ANSWERS = re.compile(r"https://api\.imgur\.com/post/v1/(media|albums)/")


def read(answer: SiteAnswer) -> Post | None:
    """All that the album, or the page of one picture, shows."""
    found = parsed(answer.text)
    media = several(found, "media")
    items = tuple(filter(None, map(_item, media)))
    if not items or (len(media) == 1 and at(media, 0, "metadata", "is_animated") is True):
        return None
    written = words(found, "title") or words(found, "media", 0, "metadata", "title")
    author = words(found, "account", "username")
    return Post("Imgur", words(found, "id"), items, title(written), author)


def _item(media: Any) -> Item | None:
    url = address(media, "url")
    if words(media, "type") == "video":
        source = Source(url, side(media, "width"), side(media, "height"))
        return post.video(source, duration_s=number(media, "metadata", "duration"))
    return post.picture(url)
