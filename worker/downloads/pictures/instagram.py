"""Stories of Instagram, and what its posts have in common with those of Threads.

`/api/v1/feed/reels_media/` answers somebody who is logged in with `reels`, one for each user or
highlight, each with `items` and a `user`. An item of a story, a part of a carousel and a post of
one are alike: `video_versions` of a video, `image_versions2.candidates` of a picture; of a video
the latter is its cover. yt-dlp gives the pictures of posts as thumbnails (see `thumbnails`), and
none of those of stories.
"""

import re
from typing import Any

from worker.downloads.pictures import post
from worker.downloads.pictures.post import Item, Post, Source
from worker.downloads.pictures.reading import SiteAnswer, address, at, parsed, several, side, words

ANSWERS = re.compile(r"https://(www|i)\.instagram\.com/api/v1/feed/reels_media/")
_LINK = re.compile(r"/stories/(?P<user>[^/?#]+)(?:/(?P<id>\d+))?")


def read(answer: SiteAnswer) -> Post | None:
    """All of a user's story or of a highlight, or the item that the link names."""
    named = _LINK.search(answer.link)
    reel = next(iter(several(parsed(answer.text), "reels")), None)
    parts = several(reel, "items")
    is_item = named is not None and named["id"] and named["user"] != "highlights"
    if named and is_item:
        parts = [part for part in parts if words(part, "pk") == named["id"]]
    items = tuple(filter(None, map(item, parts)))
    if not items:
        return None
    owner = at(reel, "user")
    author = words(owner, "full_name") or words(owner, "username")
    return Post("InstagramStory", "story", items, words(reel, "title"), author)


def item(media: Any) -> Item | None:
    """The video that something of Instagram or Threads is, or else its picture."""
    for film in several(media, "video_versions"):
        # They differ in how old a client they are for, and the first is the best.
        source = Source(address(film, "url"), side(film, "width"), side(film, "height"))
        if found := post.video(source):
            return found
    sizes = several(media, "image_versions2", "candidates")
    sizes = sorted(sizes, key=lambda size: -(side(size, "width") or 0))
    return post.picture(*(address(size, "url") for size in sizes))
