"""Posts of Tumblr (`/api/v2/blog/BLOG/posts/ID/permalink`).

The post is `response.timeline.elements[0]`. Its `content`, and that of each post in its `trail`
where it is a reblog, is a list of blocks: `type` is `image` with several sizes in `media`, or
`video` with one file in it; others are words, links and players of other sites.
"""

import re
from typing import Any

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

ANSWERS = re.compile(r"https://(www|api)\.tumblr\.com/(api/)?v2/blog/[^/]+/posts/\d+/permalink")


def read(answer: SiteAnswer) -> Post | None:
    """The pictures and videos of the post, and of those that it repeats, if all are there."""
    shown = at(parsed(answer.text), "response", "timeline", "elements", 0)
    parts = (*several(shown, "trail"), shown)
    blocks = [block for part in parts for block in several(part, "content")]
    items = tuple(filter(None, map(_item, blocks)))
    if not items or any(map(_is_elsewhere, blocks)):
        return None
    return Post(
        "Tumblr",
        words(shown, "id"),
        items,
        title(words(shown, "summary")),
        words(shown, "reblogged_root_name") or words(shown, "blog_name"),
    )


def _is_elsewhere(block: Any) -> bool:
    """Whether a block shows a video of another site, which yt-dlp reads."""
    return words(block, "type") == "video" and not address(block, "media", "url")


def _item(block: Any) -> Item | None:
    match words(block, "type"):
        case "image":
            sizes = several(block, "media")
            sizes = sorted(sizes, key=lambda size: -(side(size, "width") or 0))
            return post.picture(*(address(size, "url") for size in sizes))
        case "video":
            media = at(block, "media")
            source = Source(address(media, "url"), side(media, "width"), side(media, "height"))
            return post.video(source)
    return None
