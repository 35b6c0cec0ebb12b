"""Find the post among the answers that yt-dlp has read for a link, and the link to read it by."""

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

# Links to what answers elsewhere as well, where yt-dlp's extractors ask.
_READ_ELSEWHERE: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(https?://www\.tiktok\.com/@[\w.-]*)/photo/(\d+).*"), r"\1/video/\2"),
    (
        re.compile(r"https?://tiktok\.com/@([\w.-]*)/photo/(\d+).*"),
        r"https://www.tiktok.com/@\1/video/\2",
    ),
    (
        re.compile(r"https?://(?:\w+\.)?reddit\.com/gallery/(\w+).*"),
        r"https://www.reddit.com/comments/\1",
    ),
    (
        re.compile(
            r"https?://(?:(?:m|new)\.)?vk\.ru/"
            r"((?:[^?]+\?.*\bw=)?wall-?\d+_\d+.*|video/(?:@|playlist/).+)"
        ),
        r"https://vk.com/\1",
    ),
    (re.compile(r"https?://www\.vk\.(?:com|ru)/(.+)"), r"https://vk.com/\1"),
    (re.compile(r"https?://m\.ok\.ru/(video|live)/(\d+).*"), r"https://ok.ru/\1/\2"),
    (re.compile(r"https?://(?:(?:m|www)\.)?ok\.ru/clip/(\d+).*"), r"https://ok.ru/video/\1"),
    # A post of a topic has the topic's number before its own.
    (
        re.compile(
            r"https?://(?:www\.)?(?:t|telegram)\.me/(?:s/)?([a-z]\w{3,31})/(?:\d+/)?(\d+)/?"
            r"((?:[?#].*)?)",
            re.ASCII | re.IGNORECASE,
        ),
        r"https://t.me/\1/\2\3",
    ),
    (
        re.compile(r"https?://(?:\w+\.)?youtube\.com/watch/([\w-]{11})(?:[/?#].*)?", re.ASCII),
        r"https://www.youtube.com/watch?v=\1",
    ),
    (
        re.compile(r"https?://(?:(?:m|www)\.)?rutube\.ru/shorts/([\da-z]{32}/?(?:[?#].*)?)"),
        r"https://rutube.ru/video/\1",
    ),
)


def readable(link: str) -> str:
    """The link under which yt-dlp's extractor knows the same media; most are that link already.

    >>> readable("https://www.tiktok.com/@ada/photo/7351?lang=en")
    'https://www.tiktok.com/@ada/video/7351'
    """
    for pattern, other in _READ_ELSEWHERE:
        if pattern.fullmatch(link):
            return pattern.sub(other, link)
    return link


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
