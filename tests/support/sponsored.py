"""A stand-in for a video of YouTube, and for SponsorBlock, which knows where its sponsors are."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import urljoin

from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.globals import extractors

from tests.support.serving import answering
from worker.downloads.ytdlp import sponsorblock, warm
from worker.downloads.ytdlp.extractor_index import ExtractorIndex

VIDEO_ID = "abcdefghijk"
LENGTH_S = 20


class YoutubeIE(InfoExtractor):
    """`/watch/PATH` is a video of 20 seconds and two chapters, whose file is at `/PATH`."""

    _VALID_URL: ClassVar[str] = r"https?://127\.0\.0\.1:\d+/watch(?P<id>/.+)"

    def _real_extract(self, url: str) -> Any:
        chapters = [
            {"title": "First", "start_time": 0, "end_time": 10},
            {"title": "Second", "start_time": 10, "end_time": LENGTH_S},
        ]
        film = {"url": urljoin(url, self._match_id(url)), "ext": "mp4", "chapters": chapters}
        return {"id": VIDEO_ID, "title": "A film", "duration": LENGTH_S, **film}


def know_sponsors(api: str) -> None:
    """Let the worker that calls this know the two, before it warms up."""
    vars(sponsorblock)["API"] = api
    warm_up = warm.warm_up

    @functools.cache
    def with_stand_in() -> ExtractorIndex:
        extractors.value.update(YoutubeIE=YoutubeIE)
        return ExtractorIndex({**warm_up(), "Youtube": YoutubeIE})

    vars(warm)["warm_up"] = with_stand_in


@dataclass
class SponsorBlock:
    """Its address, what it answers with, and the paths that it was asked for."""

    url: str = ""
    status: int = 200
    answer: bytes = b"[]"
    asked: list[str] = field(default_factory=list)

    def knows(self, *segments: tuple[float, float, str]) -> None:
        """Let it know these segments of the video, and some of another one."""
        listed = [
            {
                "segment": [start_s, end_s],
                "category": category,
                "actionType": "skip",
                "videoDuration": LENGTH_S,
                "description": "",
            }
            for start_s, end_s, category in segments
        ]
        others = {"videoID": "of-another", "segments": [{"segment": [0, 1]}]}
        self.answer = json.dumps([others, {"videoID": VIDEO_ID, "segments": listed}]).encode()


HASH = hashlib.sha256(VIDEO_ID.encode()).hexdigest()[:4]


@contextmanager
def sponsorblock_served() -> Iterator[SponsorBlock]:
    """Serve a stand-in on 127.0.0.1."""
    made = SponsorBlock()

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            made.asked.append(self.path)
            self.send_response(made.status)
            self.end_headers()
            self.wfile.write(made.answer)

    with answering(Handler) as made.url:
        yield made
