"""What yt-dlp is told of the posts of the sandbox's site, and of its streams."""

from __future__ import annotations

import functools
from typing import Any, ClassVar
from urllib.parse import urljoin

from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.globals import extractors

from tests.sandbox.stream_extractor import SandboxStreamIE
from worker.downloads.ytdlp import warm
from worker.downloads.ytdlp.extractor_index import ExtractorIndex


class SandboxPostIE(InfoExtractor):
    """`/post/dawn.jpg+dusk.mp4`: a post of these files of the album."""

    IE_NAME = "sandbox:post"
    _VALID_URL: ClassVar[str] = r"https?://127\.0\.0\.1:\d+/post/(?P<id>[\w.+]+)"

    def _real_extract(self, url: str) -> Any:
        names = self._match_id(url).split("+")
        title = "A day in the mountains"
        entries: list[Any] = [
            {
                "id": name,
                "title": title,
                "uploader": "Alma Berg",
                "url": urljoin(url, f"/album/{name}"),
                "ext": name.rpartition(".")[2],
            }
            for name in names
        ]
        return self.playlist_result(entries, "post", title)


def introduce() -> None:
    """Have yt-dlp know the extractors in all downloads of this process and its forks."""
    warm_up = warm.warm_up

    @functools.cache
    def with_posts() -> ExtractorIndex:
        own = {"SandboxPost": SandboxPostIE, "SandboxStream": SandboxStreamIE}
        extractors.value.update({f"{name}IE": extractor for name, extractor in own.items()})
        return ExtractorIndex({**own, **warm_up()})

    vars(warm)["warm_up"] = with_posts
