"""Photo posts of TikTok, which the app shows as slides with music.

The page of a post has `<script id="__UNIVERSAL_DATA_FOR_REHYDRATION__">` with JSON. The post is
`__DEFAULT_SCOPE__["webapp.video-detail"].itemInfo.itemStruct`: `imagePost.images` are the slides,
each with several addresses of one picture in `imageURL.urlList`, and `music.playUrl` is the sound.
A photo post answers below `/video/` as well, where its own link says `/photo/`.
"""

import re

from worker.downloads.pictures import post
from worker.downloads.pictures.post import Post
from worker.downloads.pictures.reading import (
    SiteAnswer,
    address,
    at,
    parsed,
    scripts,
    several,
    title,
    words,
)

ANSWERS = re.compile(r"https://(www\.)?tiktok\.com/@[^/]*/(video|photo)/\d+")
_DATA = re.compile(r'<script\b[^<>]{0,300}\bid="__UNIVERSAL_DATA_FOR_REHYDRATION__"[^<>]{0,300}>')
# ffmpeg does not read the others.
_PLAIN = re.compile(r"\.(jpe?g|png|webp)\b")


def read(answer: SiteAnswer) -> Post | None:
    """The slides, and the music behind them."""
    data = next(scripts(answer.text, _DATA), "")
    scope = at(parsed(data), "__DEFAULT_SCOPE__", "webapp.video-detail")
    shown = at(scope, "itemInfo", "itemStruct")
    slides = []
    for image in several(shown, "imagePost", "images"):
        urls = [address(url) for url in several(image, "imageURL", "urlList")]
        slides.append(post.picture(*sorted(urls, key=lambda url: not _PLAIN.search(url))))
    pictures = tuple(filter(None, slides))
    if not pictures:
        return None
    music = post.sound(address(shown, "music", "playUrl") or address(shown, "video", "playAddr"))
    return Post(
        "TikTok",
        words(shown, "id"),
        (*pictures, music) if music else pictures,
        title(words(shown, "desc")),
        words(shown, "author", "nickname") or words(shown, "author", "uniqueId"),
    )
