"""What comes where yt-dlp says of a format that it may not work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import pytest
from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.globals import extractors as known

from tests.hostile.web import Web, content, status
from tests.sandbox.clips import SAMPLE
from tests.support.download_limits import LIMITS
from tests.support.downloads_harness import Worker
from worker.downloads.ytdlp import fetch as ytdlp_fetch
from worker.downloads.ytdlp import looking
from worker.downloads.ytdlp.extractor_index import ExtractorIndex
from worker.errors import Fault, JobError, Reason
from worker.protocol.looks import MediaLook

FORMATS: dict[str, dict[str, Any]] = {
    "hd": {"height": 1080, "__needs_testing": True},
    "locked": {"height": 720, "has_drm": "maybe", "protocol": "m3u8_native"},
    "hls": {"height": 480, "__needs_testing": True, "protocol": "m3u8_native"},
    "sd": {"height": 240},
}
PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n{}#EXTINF:1,\n/piece\n#EXT-X-ENDLIST\n"
LOCK = '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://key",KEYFORMAT="com.apple.streamingkeydelivery"\n'


class DoubtfulIE(InfoExtractor):
    """A site with one video, whose link names its formats."""

    _VALID_URL = r"https?://127\.0\.0\.1:\d+/of/(?P<id>[a-z,]+)"

    def _real_extract(self, url: str) -> Any:
        names = self._match_id(url)
        formats = [
            {"format_id": name, "url": urljoin(url, f"/{name}"), "ext": "mp4", **FORMATS[name]}
            for name in names.split(",")
        ]
        return {"id": "doubtful", "title": "Doubtful", "formats": formats}


def fetch(task: Any, rules: Any, report: Any, _: Any) -> Any:
    """The real one, which knows this site and no other."""
    return ytdlp_fetch.fetch(task, rules, report, only_this_site())


def look(task: Any, rules: Any, report: Any, _: Any) -> Any:
    """Look in place of a download, and fail with what was found."""
    found = looking.look(task, rules, report, only_this_site())
    assert isinstance(found, MediaLook)
    raise JobError(Reason.NO_MEDIA, Fault.PERMANENT, found.title)


def only_this_site() -> ExtractorIndex:
    known.value["DoubtfulIE"] = DoubtfulIE
    return ExtractorIndex({"Doubtful": DoubtfulIE})


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as web:
        web.answers["/sd"] = content(SAMPLE.read_bytes(), "video/mp4")
        web.answers["/hls"] = content(PLAYLIST.format("").encode(), "application/x-mpegurl")
        web.answers["/locked"] = content(PLAYLIST.format(LOCK).encode(), "application/x-mpegurl")
        yield web


@pytest.mark.parametrize(
    ("names", "asked"),
    [
        ("sd,hd", ["/hd", "/sd"]),
        ("sd,hls", ["/hls", "/piece", "/sd"]),
        ("sd,locked", ["/locked", "/sd"]),
        ("sd,hls,locked,hd", ["/hd", "/locked", "/hls", "/piece", "/sd"]),
    ],
)
def test_another_format_comes_in_place_of_one_that_does_not_work(
    warm: Worker, web: Web, names: str, asked: list[str]
) -> None:
    outcome = warm.run(f"{web.url}/of/{names}", LIMITS, fetch)
    assert outcome.media.facts.title == "Doubtful"
    assert outcome.media.facts.note is None
    assert web.hits == asked


def test_what_works_is_fetched_after_its_test(warm: Worker, web: Web) -> None:
    web.answers["/hd"] = content(SAMPLE.read_bytes(), "video/mp4")
    assert warm.run(f"{web.url}/of/sd,hd", LIMITS, fetch).media.facts.title == "Doubtful"
    assert web.hits == ["/hd", "/hd"]


def test_a_look_tests_nothing(warm: Worker, web: Web) -> None:
    assert warm.run(f"{web.url}/of/sd,hd", LIMITS, look).error.detail == "Doubtful"
    assert web.hits == []


def test_the_failure_of_the_only_format_is_told(warm: Worker, web: Web) -> None:
    web.answers["/hd"] = status(503)
    assert warm.run(f"{web.url}/of/hd", LIMITS, fetch).error.reason is Reason.SITE_ERROR
