"""A site of which `/films/AB` is a post of the files `A.mp4` and `B.mp4`, on any port.

`/song/PATH` is a song whose cover is said to be at `/PATH`, and `/clip/5-8.5/PATH` some seconds
of the file at `/PATH`; without the second number, all from the first on. `/label/PATH` calls the
file at `/PATH` VP9, and has a larger one that is missing.
"""

from __future__ import annotations

import functools
from typing import Any, ClassVar
from urllib.parse import urljoin

from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.globals import extractors

from worker.downloads.ytdlp import warm
from worker.downloads.ytdlp.extractor_index import ExtractorIndex


class SongIE(InfoExtractor):
    IE_NAME = "song"
    _VALID_URL: ClassVar[str] = r"https?://127\.0\.0\.1:\d+/song(?P<id>/.+)"

    def _real_extract(self, url: str) -> Any:
        cover = urljoin(url, self._match_id(url))
        song = {"id": "1", "title": "A song", "url": urljoin(url, "/audio.m4a"), "ext": "m4a"}
        return song | {"vcodec": "none", "thumbnail": cover}


class ClipIE(InfoExtractor):
    IE_NAME = "clip"
    _VALID_URL: ClassVar[str] = (
        r"https?://127\.0\.0\.1:\d+/clip/(?P<id>(?P<start>[\d.]+)-(?P<end>[\d.]*))(?P<path>/.+)"
    )

    def _real_extract(self, url: str) -> Any:
        match: Any = self._match_valid_url(url)
        clip_id, start, end, path = match.group("id", "start", "end", "path")
        span = {"section_start": float(start), "section_end": float(end) if end else None}
        film = self.url_result(urljoin(url, path), url_transparent=True)
        return {**film, "id": clip_id, "title": "A clip", **span}


class LabelIE(InfoExtractor):
    IE_NAME = "label"
    _VALID_URL: ClassVar[str] = r"https?://127\.0\.0\.1:\d+/label(?P<id>/.+)"

    def _real_extract(self, url: str) -> Any:
        plain = {"format_id": "plain", "url": urljoin(url, self._match_id(url)), "height": 720}
        large = {"format_id": "large", "url": urljoin(url, "/larger.mp4"), "height": 1080}
        formats = [{**f, "ext": "mp4", "vcodec": "vp09.00.31.08"} for f in (plain, large)]
        return {"id": "1", "title": "A label", "duration": 12, "formats": formats}


class FilmsIE(InfoExtractor):
    IE_NAME = "films"
    _VALID_URL: ClassVar[str] = r"https?://127\.0\.0\.1:\d+/films/(?P<id>\w+)"

    def _real_extract(self, url: str) -> Any:
        names = self._match_id(url)
        films: list[Any] = [
            {"id": f"{number}", "title": name, "url": urljoin(url, f"/{name}.mp4"), "ext": "mp4"}
            for number, name in enumerate(names)
        ]
        return self.playlist_result(films, names, "A post")


_warm_up = warm.warm_up


@functools.cache
def warm_up() -> ExtractorIndex:
    extractors.value.update(ClipIE=ClipIE, FilmsIE=FilmsIE, LabelIE=LabelIE, SongIE=SongIE)
    return ExtractorIndex(
        {"Clip": ClipIE, "Films": FilmsIE, "Label": LabelIE, "Song": SongIE, **_warm_up()}
    )


vars(warm)["warm_up"] = warm_up
