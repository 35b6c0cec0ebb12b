"""When a live stream starts, and whether it is over, by what its site tells."""

import time
from typing import Any

import pytest
from yt_dlp.utils import ExtractorError

from tests.support.download_limits import LIMITS
from worker.downloads.media.conversion import budget_of
from worker.downloads.ytdlp import looking
from worker.downloads.ytdlp.failures import starts
from worker.downloads.ytdlp.failures.errors import classify
from worker.downloads.ytdlp.formats.formats import Chooser
from worker.errors import JobError, Reason
from worker.protocol.looks import Live

MINUTE_S, HOUR_S, DAY_S = 60.0, 3600.0, 86_400.0


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("This live event will begin in a few moments.", MINUTE_S),
        ("This live event will begin in 20 minutes.", 20 * MINUTE_S),
        ("This live event will begin in an hour.", HOUR_S),
        ("Premieres in 3 hours", 3 * HOUR_S),
        ("This live event will begin in 2 days.", 2 * DAY_S),
        ("Premiere will begin shortly", None),
        ("Upcoming", None),
    ],
)
def test_words_tell_when_it_starts(words: str, seconds: float | None) -> None:
    assert starts.told_in_s(words) == seconds
    error = classify(ExtractorError(words, expected=True))
    assert (error.reason, error.retry_after_s) == (Reason.NOT_STARTED, seconds)


def test_words_about_something_else_tell_nothing() -> None:
    error = classify(ExtractorError("Video unavailable in 20 minutes", expected=True))
    assert (error.reason is Reason.NOT_STARTED, error.retry_after_s) == (False, None)


def test_a_time_tells_when_it_starts() -> None:
    now = time.time()
    assert starts.in_s({"release_timestamp": now + 100}) == pytest.approx(100, abs=30)
    assert starts.in_s({"release_timestamp": now - 100}) == 0.0
    assert starts.in_s({}) is None


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        ({"live_status": "is_live"}, Reason.LIVE),
        ({"live_status": "was_live", "is_live": True}, Reason.LIVE),
        ({"live_status": "is_upcoming"}, Reason.NOT_STARTED),
        ({"live_status": "post_live", "extractor_key": "Youtube"}, Reason.JUST_ENDED),
    ],
)
def test_what_cannot_be_downloaded_now_is_refused(info: dict[str, Any], reason: Reason) -> None:
    with pytest.raises(JobError) as refused:
        starts.refuse_live(info)
    assert refused.value.reason is reason


@pytest.mark.parametrize("status", [None, "not_live", "was_live", "post_live"])
def test_what_is_over_is_downloaded_if_its_site_has_it(status: str | None) -> None:
    starts.refuse_live({"live_status": status, "extractor_key": "Rumble"})


def test_a_look_offers_nothing_of_a_stream_that_its_site_still_makes_a_video_of() -> None:
    chooser = Chooser(budget_of(LIMITS), has_ffmpeg=True)
    learn = looking._learning(chooser, is_awaited=False)
    learn({"live_status": "post_live", "extractor_key": "Rumble"})
    with pytest.raises(JobError) as refused:
        learn({"live_status": "post_live", "extractor_key": "Youtube"})
    assert refused.value.reason is Reason.JUST_ENDED


@pytest.mark.parametrize("status", ["was_live", "post_live"])
def test_a_look_tells_that_a_stream_is_over(status: str) -> None:
    assert looking._told({"title": "A talk", "live_status": status}, ()).live is Live.OVER
