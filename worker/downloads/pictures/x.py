"""Posts of X.

A post is `data.tweetResult.result` (GraphQL, TweetResultByRestId) with
`legacy.extended_entities.media`; like those that it repeats or quotes it is below `tweet` where its
visibility is limited. In the answer for pages that embed it (`tweet-result`) it is the whole
answer, with `mediaDetails`. Each of the media has a `type`: `photo` with `media_url_https`; `video`
and `animated_gif` with `video_info.variants`, of which those with a `content_type` of `video/mp4`
are files.
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
    title,
    words,
)

ANSWERS = re.compile(
    r"https://(api\.)?(x|twitter)\.com/.*/TweetResultByRestId\b"
    r"|https://cdn\.syndication\.twimg\.com/tweet-result\b"
)
_LINK = re.compile(r"/status(?:es)?/(?P<id>\d+)(?:/(?:photo|video)/(?P<number>\d{1,2})\b)?")
_DIMENSIONS = re.compile(r"/(\d{1,5})x(\d{1,5})/")


def read(answer: SiteAnswer) -> Post | None:
    """The post; where the link names one of its pictures, that alone."""
    found = parsed(answer.text)
    result = _post_at(found, "data", "tweetResult", "result") or found
    shown = _post_at(result, "legacy", "retweeted_status_result", "result") or result
    quoted = _quoted(shown) or _quoted(result)
    items = [item for part in (shown, quoted) for item in map(_item, _media(part)) if item]
    named = _LINK.search(answer.link)
    if named and named["number"]:
        place = int(named["number"])
        items = items[place - 1 : place] if place else []
    if not items:
        return None
    return Post(
        "Twitter",
        named["id"] if named else "post",
        tuple(items),
        title(words(shown, "legacy", "full_text") or words(shown, "text")),
        _author(shown),
    )


def _post_at(value: Any, *path: str) -> Any:
    found = at(value, *path)
    return at(found, "tweet") or found


def _quoted(result: Any) -> Any:
    return _post_at(result, "quoted_status_result", "result") or at(result, "quoted_tweet")


def _media(result: Any) -> list[Any]:
    return several(result, "legacy", "extended_entities", "media") or several(
        result, "mediaDetails"
    )


def _author(result: Any) -> str:
    user = at(result, "core", "user_results", "result")
    places = ((user, "legacy", "name"), (user, "core", "name"), (result, "user", "name"))
    return next(filter(None, (words(*place) for place in places)), "")


def _item(media: Any) -> Item | None:
    if words(media, "type") == "photo":
        url = address(media, "media_url_https")
        return post.picture(f"{url}?name=orig", url) if url else None
    length_ms = number(media, "video_info", "duration_millis")
    sources = map(_source, several(media, "video_info", "variants"))
    return post.video(*filter(None, sources), duration_s=length_ms / 1000 if length_ms else None)


def _source(variant: Any) -> Source | None:
    url = address(variant, "url")
    if words(variant, "content_type") != "video/mp4" or not url:
        return None
    found = _DIMENSIONS.search(url)
    width, height = (int(found[1]), int(found[2])) if found else (None, None)
    bitrate = number(variant, "bitrate")
    return Source(url, width, height, bitrate / 1000 if bitrate else None)
