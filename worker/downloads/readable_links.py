"""The links under which yt-dlp's extractors know what other links of a site lead to. Pure."""

import re

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

_IN_PRIVATE_CHAT = re.compile(r"https?://(?:www\.)?(?:t|telegram)\.me/c/\d+/\d")


def readable(link: str) -> str:
    """The link under which yt-dlp's extractor knows the same media; most are that link already.

    >>> readable("https://www.tiktok.com/@ada/photo/7351?lang=en")
    'https://www.tiktok.com/@ada/video/7351'
    """
    for pattern, other in _READ_ELSEWHERE:
        if pattern.fullmatch(link):
            return pattern.sub(other, link)
    return link


def is_in_private_chat(link: str) -> bool:
    """Whether a link leads to a post in a private chat of Telegram, which only its members see.

    The page is the same for every post, and yt-dlp takes the chat's number for a post's.
    """
    return _IN_PRIVATE_CHAT.match(link) is not None
