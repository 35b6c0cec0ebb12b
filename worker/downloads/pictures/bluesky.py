"""Posts of Bluesky (app.bsky.feed.getPostThread).

The post is `thread.post`. What it shows is in `embed`, or in `embed.media` where it quotes another
post, which is in `embed.record` with `embeds` of its own. Pictures are `images`, each with
`fullsize` and `thumb`; a video has a `playlist`.
"""

import re
from typing import Any

from worker.downloads.pictures import post
from worker.downloads.pictures.post import Item, Post
from worker.downloads.pictures.reading import SiteAnswer, address, at, parsed, several, title, words

ANSWERS = re.compile(r"https://(public\.)?api\.bsky\.app/xrpc/app\.bsky\.feed\.getPostThread\b")


def read(answer: SiteAnswer) -> Post | None:
    """The pictures of the post, and if it shows nothing those of the post that it quotes."""
    shown = at(parsed(answer.text), "thread", "post")
    embed = at(shown, "embed")
    quoted = at(embed, "record", "record") or at(embed, "record")
    own = (embed, at(embed, "media"))
    items = next(filter(None, map(_items, (*own, *several(quoted, "embeds")))), ())
    if not items or any(address(part, "playlist") for part in own):
        return None
    return Post(
        "Bluesky",
        words(shown, "uri").rpartition("/")[2],
        items,
        title(words(shown, "record", "text")),
        words(shown, "author", "displayName") or words(shown, "author", "handle"),
    )


def _items(embed: Any) -> tuple[Item, ...]:
    images = several(embed, "images")
    found = (post.picture(address(each, "fullsize"), address(each, "thumb")) for each in images)
    return tuple(filter(None, found))
