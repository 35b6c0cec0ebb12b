"""Posts of Bluesky (app.bsky.feed.getPostThread).

The post is `thread.post`. Its pictures are `embed.images`, or `embed.media.images` where it quotes
another post, or those of that other post in `embed.record.embeds`. Each has `fullsize` and `thumb`.
"""

import re
from typing import Any

from worker.downloads.pictures import post
from worker.downloads.pictures.post import Item, Post
from worker.downloads.pictures.reading import Answer, address, at, parsed, several, title, words

ANSWERS = re.compile(r"https://(public\.)?api\.bsky\.app/xrpc/app\.bsky\.feed\.getPostThread\b")


def read(answer: Answer) -> Post | None:
    """The pictures of the post, and if it has none those of the post that it quotes."""
    shown = at(parsed(answer.text), "thread", "post")
    embed = at(shown, "embed")
    quoted = at(embed, "record", "record") or at(embed, "record")
    places = (embed, at(embed, "media"), *several(quoted, "embeds"))
    items = next(filter(None, map(_items, places)), ())
    if not items:
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
