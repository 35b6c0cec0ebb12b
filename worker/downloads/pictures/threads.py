"""Posts of Threads, for which yt-dlp has no extractor.

The page has JSON in `<script … data-sjs>`. Somewhere in one of them are `thread_items`, each with
a `post`, whose `code` is the one in the link: the thread itself, what it answers, and answers to
it. `carousel_media` lists what it has, or it stands in the post itself, as at Instagram.
"""

import re
from collections.abc import Iterator
from typing import Any

from worker.downloads.pictures import instagram
from worker.downloads.pictures.post import Post
from worker.downloads.pictures.reading import (
    SiteAnswer,
    at,
    objects,
    parsed,
    scripts,
    several,
    title,
    words,
)

ANSWERS = re.compile(r"https://(www\.)?threads\.(com|net)/")
_LINK = re.compile(r"/(?:post|t)/(?P<code>[\w-]+)")
_DATA = re.compile(r"<script\b[^<>]{0,300}\bdata-sjs\b[^<>]{0,300}>")


def read(answer: SiteAnswer) -> Post | None:
    """The post that the link names."""
    named = _LINK.search(answer.link)
    if not named:
        return None
    for shown in _posts(answer.text):
        if words(shown, "code") != named["code"]:
            continue
        parts = several(shown, "carousel_media") or [shown]
        if items := tuple(filter(None, map(instagram.item, parts))):
            return Post(
                "Threads",
                named["code"],
                items,
                title(words(shown, "caption", "text")),
                words(shown, "user", "full_name") or words(shown, "user", "username"),
            )
    return None


def _posts(text: str) -> Iterator[Any]:
    for data in scripts(text, _DATA):
        if "thread_items" in data:
            for found in objects(parsed(data)):
                yield from (at(item, "post") for item in several(found, "thread_items"))
