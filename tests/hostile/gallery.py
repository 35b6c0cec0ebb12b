"""A site with an extractor of its own, as yt-dlp knows 1 700 and more, on any loopback port.

`/watch?v=NAME` and `/s/NAME` are the same clip, `/series?v=NAME&p=2` is another one of the same
name. The clips of dawn take some seconds. `/song/NAME` is sound, with a picture if it is called
covered. `/post/KINDS` is a post of several: a letter for each, p for a picture, v for a video and
s for a slow one. `/soon/NAME` is a live stream that starts when its site says so
(`tests.sandbox.stream_extractor`).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, ClassVar
from urllib.parse import parse_qs, urljoin, urlsplit

from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.globals import extractors

from tests.sandbox.stream_extractor import SandboxStreamIE
from worker.downloads.ytdlp import warm
from worker.downloads.ytdlp.extractor_index import ExtractorIndex

_PLACES = {"p": "/picture.jpg?{}", "s": "/slow/{}.mp4?seconds=3"}
_SITE = r"https?://127\.0\.0\.1:\d+"


class ClipIE(InfoExtractor):
    IE_NAME = "gallery:clip"
    _VALID_URL: ClassVar[str] = rf"{_SITE}/(?:watch/?\?(?:.*&)?v=|s/|series\?v=)(?P<id>\w+)"

    def _real_extract(self, url: str) -> Any:
        name = self._match_id(url)
        part = parse_qs(urlsplit(url).query).get("p")
        path = f"/slow/{name}.mp4?seconds=4" if name.startswith("dawn") else f"/clip/{name}.mp4"
        return {
            "id": name + (f"_p{part[0]}" if part else ""),
            "title": name,
            "url": urljoin(url, path),
        }


class SongIE(InfoExtractor):
    IE_NAME = "gallery:song"
    _VALID_URL: ClassVar[str] = rf"{_SITE}/song/(?P<id>\w+)"

    def _real_extract(self, url: str) -> Any:
        name = self._match_id(url)
        cover = "/picture.jpg" if name == "covered" else "/404.jpg"
        return {
            "id": name,
            "title": name,
            "uploader": "Ada",
            "url": urljoin(url, f"/audio.m4a?{name}"),
            "ext": "m4a",
            "vcodec": "none",
            "thumbnail": urljoin(url, cover),
        }


class PostIE(InfoExtractor):
    IE_NAME = "gallery:post"
    _VALID_URL: ClassVar[str] = rf"{_SITE}/post/(?P<id>\w+)"

    def _real_extract(self, url: str) -> Any:
        kinds = self._match_id(url)
        return self.playlist_result(self._entries(url, kinds), kinds, f"A post of {len(kinds)}")

    def _entries(self, url: str, kinds: str) -> Iterator[Any]:
        for number, kind in enumerate(kinds, 1):
            name = _PLACES.get(kind, "/clip/{}.mp4").format(number)
            entry = {"id": f"{kinds}-{number}", "title": f"A post of {len(kinds)}"}
            if kind == "u":  # only a link to what would have to be looked up
                yield self.url_result(urljoin(url, name))
            else:
                ext = "jpg" if kind == "p" else "mp4"
                yield entry | {"url": urljoin(url, name), "ext": ext}


_warm_up = warm.warm_up


@functools.cache
def warm_up() -> ExtractorIndex:
    extractors.value.update(
        ClipIE=ClipIE, SongIE=SongIE, PostIE=PostIE, SandboxStreamIE=SandboxStreamIE
    )
    own = {"Clip": ClipIE, "Song": SongIE, "Post": PostIE, "SandboxStream": SandboxStreamIE}
    return ExtractorIndex({**own, **_warm_up()})


vars(warm)["warm_up"] = warm_up
