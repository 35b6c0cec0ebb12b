"""Find the post among the answers that yt-dlp has read for a link."""

import re
from collections.abc import Callable, Iterable

from worker.downloads.pictures import (
    bluesky,
    imgur,
    instagram,
    page,
    pinterest,
    reddit,
    threads,
    tiktok,
    tumblr,
    x,
)
from worker.downloads.pictures.post import Post
from worker.downloads.pictures.reading import SiteAnswer

PostReader = Callable[[SiteAnswer], Post | None]

_READERS: tuple[tuple[re.Pattern[str], PostReader], ...] = (
    (bluesky.ANSWERS, bluesky.read),
    (imgur.ANSWERS, imgur.read),
    (instagram.ANSWERS, instagram.read),
    (pinterest.ANSWERS, pinterest.read),
    (reddit.ANSWERS, reddit.read),
    (threads.ANSWERS, threads.read),
    (tiktok.ANSWERS, tiktok.read),
    (tumblr.ANSWERS, tumblr.read),
    (x.ANSWERS, x.read),
)


def picture_of_page(answers: Iterable[SiteAnswer]) -> Post | None:
    """The picture that the latest page is about; None if it is about anything else."""
    latest = list(answers)[-1:]
    return page.read(latest[0]) if latest else None


def post_in(answers: Iterable[SiteAnswer]) -> Post | None:
    """The post in the latest answer that has one; None if none has."""
    for answer in reversed(list(answers)):
        for pattern, read in _READERS:
            if pattern.match(answer.url) and (found := read(answer)):
                return found
    return None
