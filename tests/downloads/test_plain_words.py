"""Each way in which a link comes to nothing, from a real yt-dlp to the sentence in the chat."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.globals import extractors as known
from yt_dlp.utils import ExtractorError

from tests.hostile import floods
from tests.hostile.web import Web, content, status
from tests.support.download_limits import limits_with
from tests.support.downloads_harness import Worker
from worker.downloads.ytdlp import fetch as ytdlp_fetch
from worker.downloads.ytdlp.extractor_index import ExtractorIndex
from worker.errors import Fault, JobError, Reason
from worker.telegram import texts
from worker.telegram.texts import ENGLISH


class TalkativeIE(InfoExtractor):
    """A site whose pages say in JSON what its extractor is to make of them."""

    _VALID_URL = r"https?://127\.0\.0\.1:\d+/watch/(?P<id>[a-z-]+)"

    def _real_extract(self, url: str) -> Any:
        video_id = self._match_id(url)
        page: dict[str, Any] = self._download_json(url, video_id)
        match page:
            case {"says": str(text)}:
                raise ExtractorError(text, expected=True)
            case {"wants": "login"}:
                self.raise_login_required()
            case {"wants": "another country"}:
                self.raise_geo_restricted(countries=["NZ"])
            case {"has": "drm"}:
                self.report_drm(video_id)
            case {"has": "changed"}:
                self._search_regex(r"nothing", "", "player")
        return {"id": video_id, "title": video_id, "url": url, "ext": "mp4", **page}


def fetch(task: Any, rules: Any, report: Any, extractors: Any) -> Any:
    """The real one, which knows this site and no other."""
    generic = extractors["Generic"]
    known.value["TalkativeIE"] = TalkativeIE
    return ytdlp_fetch.fetch(
        task, rules, report, ExtractorIndex({"Talkative": TalkativeIE, "Generic": generic})
    )


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as web:
        yield web


def says(text: str) -> dict[str, str]:
    return {"says": text}


PRIVATE = "This is private, so I cannot get it. Trying again will not help."
LOGIN = "The site shows this only to people who are logged in. Trying again will not help."
GEO = "The site does not show this in the country I am in. Trying again will not help."
AGE = "The site asks for proof of age, which I do not have. Trying again will not help."
DRM = "This is copy-protected, so I cannot get it. Trying again will not help."
LIVE = "This is a live stream. Send the link again when it is over."
NOT_STARTED = "This has not started yet. Send the link again when it is over."
JUST_ENDED = (
    "This stream has just ended, and its site is still making the video."
    " Send the link again in an hour."
)
REMOVED = "That page does not exist any more. Please check the link."
UNSUPPORTED = "I found no video, sound or picture behind that link. Trying again will not help."
TOO_LONG = "This is too long for me to send. Trying again will not help."
TOO_LARGE = "This is larger than the 5 MB that I can send at once. Trying again will not help."
LIMITING = "The site is turning me away for now. Please try again in an hour (error 7f3a2c)."
BLOCKED_HERE = (
    "That site does not let me in at the moment; my owner knows."
    " Please try again later (error 7f3a2c)."
)
TROUBLE = "The site is having problems. Please try again later (error 7f3a2c)."
OUTDATED = "The site has changed, and I need an update. Try again in a few days (error 7f3a2c)."

# What is behind the link: a page of that site, a status, or something without end.
CASES: list[tuple[str, Any, str]] = [
    ("private", says("Private video. Sign in if you've been granted access"), PRIVATE),
    ("members", says("Join this channel to get access to members-only content"), PRIVATE),
    ("login", {"wants": "login"}, LOGIN),
    ("login-by-status", 401, LOGIN),
    ("paid", says("This video requires payment to watch"), LOGIN),
    ("geo", {"wants": "another country"}, GEO),
    ("geo-by-status", 451, GEO),
    ("geo-in-words", says("The uploader has not made this available in your country"), GEO),
    ("age", says("Sign in to confirm your age"), AGE),
    ("drm", {"has": "drm"}, DRM),
    ("drm-in-each-format", {"formats": [{"url": "http://127.0.0.1/", "has_drm": True}]}, DRM),
    ("live", {"is_live": True}, LIVE),
    ("live-playlist", floods.a_live_playlist, LIVE),
    ("upcoming", {"live_status": "is_upcoming"}, NOT_STARTED),
    ("premiere", says("Premieres in 20 minutes"), NOT_STARTED),
    ("offline", says("This channel is not currently live"), NOT_STARTED),
    ("just-ended", {"live_status": "post_live", "formats": []}, JUST_ENDED),
    ("just-ended-and-there", {"live_status": "post_live", "duration": 36_000}, TOO_LONG),
    ("removed", 404, REMOVED),
    ("removed-for-good", 410, REMOVED),
    ("removed-in-words", says("This video has been removed by the uploader"), REMOVED),
    ("unsupported", floods.a_manifest_that_multiplies, UNSUPPORTED),
    ("too-long", {"duration": 36_000}, TOO_LONG),
    ("too-large", floods.an_endless_file, TOO_LARGE),
    ("limiting", 429, LIMITING),
    ("limiting-in-words", says("You have exceeded the rate limit"), LIMITING),
    ("blocked-here", says("Sign in to confirm you’re not a bot"), BLOCKED_HERE),
    ("trouble", 503, TROUBLE),
    ("outdated", {"has": "changed"}, OUTDATED),
]


@pytest.mark.parametrize(
    ("name", "behind", "sentence"), [pytest.param(*case, id=case[0]) for case in CASES]
)
def test_person_is_told_what_happened_and_whether_to_try_again(
    name: str, behind: Any, sentence: str, warm: Worker, web: Web
) -> None:
    if callable(behind):
        url = behind(web)
    else:
        page = content(json.dumps(behind).encode(), "application/json")
        answer = status(behind) if isinstance(behind, int) else page
        url = floods.put(web, f"/watch/{name}", answer)
    assert said(warm.run(url, limits_with(max_file_bytes=5_000_000), fetch).error) == sentence


def test_person_is_told_that_it_took_too_long(warm: Worker, web: Web) -> None:
    error = warm.run(floods.a_slow_file(web), limits_with(timeout_s=1.0), fetch).error
    assert said(error) == (
        "The download took too long, so I stopped it. A shorter one may work (error 7f3a2c)."
    )


def test_person_is_told_that_it_takes_too_much_memory(warm: Worker, web: Web) -> None:
    web.answers["/0.ts"] = content(bytes(188), "video/mp2t")
    url = floods.a_manifest_of_a_billion_pieces(web)
    error = warm.run(url, limits_with(memory_bytes=400 << 20), fetch).error
    assert said(error) == (
        "This needs more memory than I have. A shorter one may work (error 7f3a2c)."
    )


def test_person_is_told_that_it_is_the_bots_fault(warm: Worker, web: Web) -> None:
    rules = limits_with(cookies_file="/nowhere/cookies.txt")
    error = warm.run(web.url, rules, fetch, cookies_always=True).error
    assert error.fault is Fault.OPERATOR
    assert said(error) == (
        "Something went wrong on my side. Please try again later (error 7f3a2c)."
    )


def said(error: JobError) -> str:
    """The sentence; one that is said of a failure which is tried again never denies it."""
    sentence = texts.explanation(ENGLISH, error.reason, "7f3a2c", limit_mb=5)
    if error.fault is Fault.RETRYABLE:
        assert "will not help" not in sentence
    assert error.reason is not Reason.NO_MEDIA, error.detail
    return sentence
