"""Pins of Pinterest (`/resource/PinResource/get/`).

The pin is `resource_response.data`. A carousel has `carousel_data.carousel_slots`, each with
`images`; a story has `story_pin_data.pages`, each with `blocks` of an `image.images` or a
`video.video_list`; any other pin has `images`. `images` names sizes: `orig` or `originals` is the
file itself, and `736x` and others are narrower.
"""

import re
from collections.abc import Iterator
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

ANSWERS = re.compile(r"https://([\w-]+\.)?pinterest\.[\w.]+/resource/PinResource/get/")
_ORIGINALS = ("orig", "originals")


def read(answer: SiteAnswer) -> Post | None:
    """All slots of a carousel, all pages of a story, or the picture of a pin without a video."""
    pin = at(parsed(answer.text), "resource_response", "data")
    slots = several(pin, "carousel_data", "carousel_slots")
    blocks = [
        block
        for page in several(pin, "story_pin_data", "pages")
        for block in several(page, "blocks")
    ]
    items = tuple(filter(None, (*map(_picture, slots), *map(_block, blocks))))
    if not items and not any(map(_has_video, (pin, *blocks))):
        items = tuple(filter(None, (_picture(pin),)))
    if not items:
        return None
    written = words(pin, "title") or words(pin, "grid_title") or words(pin, "description")
    author = words(pin, "closeup_attribution", "full_name") or words(pin, "pinner", "full_name")
    return Post("Pinterest", words(pin, "id"), items, title(written), author)


def _has_video(part: Any) -> bool:
    """Whether a picture is the cover of a video, which may be another site's."""
    lists = (several(part, "videos", "video_list"), several(part, "video", "video_list"))
    return any(lists) or bool(address(part, "embed", "src"))


def _picture(owner: Any) -> Item | None:
    images = at(owner, "images")
    best = [address(images, name, "url") for name in _ORIGINALS]
    others = sorted(several(images), key=lambda size: -(side(size, "width") or 0))
    return post.picture(*best, *(address(size, "url") for size in others))


def _block(block: Any) -> Item | None:
    return post.video(*_qualities(at(block, "video"))) or _picture(at(block, "image"))


def _qualities(video: Any) -> Iterator[Source]:
    for quality in several(video, "video_list"):
        url = address(quality, "url")
        if url and ".m3u8" not in url:
            yield Source(url, side(quality, "width"), side(quality, "height"))
