"""What yt-dlp is told of the sandbox's live streams that are still to start."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import urljoin

from yt_dlp.extractor.common import InfoExtractor


class SandboxStreamIE(InfoExtractor):
    """`/soon/NAME`: the stream `/live/NAME.m3u8`, once it has started."""

    IE_NAME = "sandbox:stream"
    _VALID_URL: ClassVar[str] = r"https?://127\.0\.0\.1:\d+/soon/(?P<id>\w+)"

    def _real_extract(self, url: str) -> Any:
        name = self._match_id(url)
        found = {"id": name, "title": f"The stream {name}"}
        minutes = self._download_json(url, name)["starts_in_minutes"]
        if minutes:
            words = f"This live event will begin in {minutes} minutes."
            self.raise_no_formats(words, expected=True)
            return found | {"live_status": "is_upcoming", "formats": []}
        playlist = urljoin(url, f"/live/{name}.m3u8")
        formats = self._extract_m3u8_formats(playlist, name, "mp4")
        return found | {"live_status": "is_live", "formats": formats}
