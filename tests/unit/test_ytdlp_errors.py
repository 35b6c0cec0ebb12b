"""What yt-dlp's errors mean, in our words."""

from __future__ import annotations

import errno
import io
import json
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.cookiejar import LoadError
from pathlib import Path

import pytest
from yt_dlp.cookies import YoutubeDLCookieJar
from yt_dlp.networking.common import Response
from yt_dlp.networking.exceptions import (
    CertificateVerifyError,
    HTTPError,
    IncompleteRead,
    NoSupportingHandlers,
    ProxyError,
    RequestError,
    SSLError,
    TransportError,
)
from yt_dlp.utils import (
    ContentTooShortError,
    DownloadError,
    ExtractorError,
    GeoRestrictedError,
    PostProcessingError,
    UnavailableVideoError,
    UnsupportedError,
    UserNotLive,
)

from tests.support.cookie_jar import jar
from worker.downloads.confinement.egress_guard import Guard
from worker.downloads.ytdlp.failures.errors import classify
from worker.errors import Fault, JobError, Reason, Remedy

RETRYABLE, PERMANENT, OPERATOR = Fault.RETRYABLE, Fault.PERMANENT, Fault.OPERATOR


def unsupported(url: str) -> DownloadError:
    return reported(UnsupportedError(url))


def http(status: int, **headers: str) -> HTTPError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HTTPError(Response(io.BytesIO(), "https://example.com/", named, status))


def reported(cause: Exception, text: str = "") -> DownloadError:
    """As YoutubeDL.report_error makes it."""
    exc_info = (type(cause), cause, cause.__traceback__)
    return DownloadError(f"ERROR: {text or cause}", exc_info)  # type: ignore[arg-type]


def extraction(text: str, cause: Exception | None = None, expected: bool = True) -> DownloadError:
    return reported(ExtractorError(text, expected=expected, cause=cause, video_id="private"))


def at(site: str, note: str, cause: Exception) -> DownloadError:
    """As a site's extractor fails whose request fails."""
    text = f"{note}: {cause}"
    return reported(ExtractorError(text, cause=cause, video_id="x", ie=site))  # type: ignore[arg-type]


def no_json(text: str) -> json.JSONDecodeError:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return error
    raise AssertionError("this is JSON")


def unknown_host(code: int) -> TransportError:
    return TransportError(cause=socket.gaierror(code, "unknown"))


def said(text: str) -> DownloadError:
    return DownloadError(f"ERROR: {text}")


@pytest.mark.parametrize(
    ("error", "reason", "fault"),
    [
        (JobError(Reason.LIVE, PERMANENT), Reason.LIVE, PERMANENT),
        (reported(JobError(Reason.TOO_LARGE, PERMANENT)), Reason.TOO_LARGE, PERMANENT),
        (reported(UnsupportedError("https://example.com")), Reason.UNSUPPORTED, PERMANENT),
        (reported(GeoRestrictedError("not here")), Reason.GEO_BLOCKED, PERMANENT),
        (reported(UserNotLive()), Reason.NOT_STARTED, PERMANENT),
        # The page's status
        (extraction("Unable to download webpage", http(401)), Reason.LOGIN_NEEDED, PERMANENT),
        (extraction("Unable to download webpage", http(403)), Reason.FORBIDDEN, PERMANENT),
        (extraction("Unable to download webpage", http(404)), Reason.NOT_FOUND, PERMANENT),
        (extraction("Unable to download webpage", http(410)), Reason.NOT_FOUND, PERMANENT),
        (extraction("Unable to download webpage", http(429)), Reason.SITE_BUSY, RETRYABLE),
        (extraction("Unable to download webpage", http(407)), Reason.NETWORK, RETRYABLE),
        (extraction("Unable to download webpage", http(451)), Reason.GEO_BLOCKED, PERMANENT),
        (extraction("Unable to download webpage", http(500)), Reason.SITE_ERROR, RETRYABLE),
        (extraction("Unable to download webpage", http(503)), Reason.SITE_ERROR, RETRYABLE),
        (extraction("Unable to download webpage", http(402)), Reason.LOGIN_NEEDED, PERMANENT),
        (extraction("Unable to download webpage", http(300)), Reason.LEADS_NOWHERE, PERMANENT),
        (reported(http(451), "unable to download video data: x"), Reason.GEO_BLOCKED, PERMANENT),
        # The media's: its address was right a moment ago
        (reported(http(403), "unable to download video data: x"), Reason.SITE_ERROR, RETRYABLE),
        (reported(http(404), "unable to download video data: x"), Reason.SITE_ERROR, RETRYABLE),
        (said("fragment 7 not found, unable to continue"), Reason.BROKEN_FILE, RETRYABLE),
        (
            said("[download] Got error: HTTP Error 404: Not Found. Giving up after 3 retries"),
            Reason.BROKEN_FILE,
            RETRYABLE,
        ),
        (
            said("[download] Got error: 5 bytes read, 7 more expected. Giving up after 2 retries"),
            Reason.NETWORK,
            RETRYABLE,
        ),
        (
            said("[download] Got error: Pool(port=1): Read timed out.. Giving up after 2 retries"),
            Reason.STALLED,
            RETRYABLE,
        ),
        # The network
        (
            extraction("x", TransportError("The read operation timed out")),
            Reason.STALLED,
            RETRYABLE,
        ),
        (
            reported(
                TransportError(
                    "Failed to perform, curl: (28) Operation timed out after 5401 milliseconds "
                    "with 10240 out of 60924 bytes received"
                )
            ),
            Reason.STALLED,
            RETRYABLE,
        ),
        (
            reported(TransportError("curl: (28) Connection timed out after 5401 milliseconds")),
            Reason.NETWORK,
            RETRYABLE,
        ),
        (reported(TransportError("reset")), Reason.NETWORK, RETRYABLE),
        (RequestError("No host specified."), Reason.INVALID_LINK, PERMANENT),
        (
            RequestError("SSLV3_ALERT_HANDSHAKE_FAILURE: The server may", cause=SSLError("x")),
            Reason.NETWORK,
            PERMANENT,
        ),
        (reported(IncompleteRead(1, 2)), Reason.NETWORK, RETRYABLE),
        (reported(ContentTooShortError(1, 2)), Reason.NETWORK, RETRYABLE),
        (reported(CertificateVerifyError("expired")), Reason.NETWORK, PERMANENT),
        (
            reported(TransportError(cause=socket.gaierror(socket.EAI_NONAME, "unknown"))),
            Reason.NOT_FOUND,
            PERMANENT,
        ),
        (
            reported(TransportError(cause=socket.gaierror(socket.EAI_AGAIN, "later"))),
            Reason.NETWORK,
            RETRYABLE,
        ),
        (
            reported(NoSupportingHandlers([], [])),
            Reason.UNSUPPORTED,
            PERMANENT,
        ),
        (at("generic", "Page", unknown_host(socket.EAI_NONAME)), Reason.NOT_FOUND, PERMANENT),
        (at("generic", "Page", unknown_host(socket.EAI_NODATA)), Reason.NOT_FOUND, PERMANENT),
        (at("youtube", "Page", unknown_host(socket.EAI_NONAME)), Reason.NETWORK, RETRYABLE),
        (reported(SSLError("wrong version number")), Reason.NETWORK, RETRYABLE),
        (reported(ProxyError("refused")), Reason.NETWORK, RETRYABLE),
        # Statuses that mean something at a site, and failures that mean the same at each
        (at("Instagram", "Page", http(401)), Reason.BLOCKED_HERE, OPERATOR),
        (at("Instagram", "Page", http(429)), Reason.BLOCKED_HERE, OPERATOR),
        (at("Instagram", "Page", http(404)), Reason.NOT_FOUND, PERMANENT),
        (at("Instagram", "Page", http(502)), Reason.SITE_ERROR, RETRYABLE),
        (at("TikTok", "Page", http(403)), Reason.BLOCKED_HERE, OPERATOR),
        (at("BiliBili", "Page", http(412)), Reason.BLOCKED_HERE, OPERATOR),
        (at("twitter", "Page", http(429)), Reason.SITE_BUSY, RETRYABLE),
        (at("youtube", "Page", http(429)), Reason.SITE_BUSY, RETRYABLE),
        (at("Example", "Page", http(403)), Reason.FORBIDDEN, PERMANENT),
        (at("Example", "Private page", http(404)), Reason.NOT_FOUND, PERMANENT),
        (at("vimeo", "Failed to fetch OAuth token", http(400)), Reason.OUTDATED, OPERATOR),
        (at("vimeo", "Failed to fetch OAuth token", http(503)), Reason.SITE_ERROR, RETRYABLE),
        (
            at("vimeo", "Failed to fetch OAuth token", TransportError("timed out")),
            Reason.NETWORK,
            RETRYABLE,
        ),
        (at("Instagram", "Login page", TransportError("reset")), Reason.NETWORK, RETRYABLE),
        (at("Example", "Failed to parse JSON", no_json("")), Reason.SITE_ERROR, RETRYABLE),
        (at("Example", "Failed to parse JSON", no_json("<p>")), Reason.SITE_ERROR, RETRYABLE),
        (at("Example", "Failed to parse JSON", no_json("{1}")), Reason.OUTDATED, OPERATOR),
        (extraction("An extractor error", KeyError("live"), False), Reason.OUTDATED, OPERATOR),
        # What stands in front of a site, and what only looks like it
        (at("Example", "Page", http(403, Cf_Mitigated="challenge")), Reason.BLOCKED_HERE, OPERATOR),
        (at("Example", "Page", http(503, Cf_Mitigated="Challenge")), Reason.BLOCKED_HERE, OPERATOR),
        (reported(http(403, X_DataDome="protected")), Reason.BLOCKED_HERE, OPERATOR),
        (reported(http(405, X_Amzn_Waf_Action="captcha")), Reason.BLOCKED_HERE, OPERATOR),
        (at("Example", "Page", http(404, Cf_Mitigated="challenge")), Reason.NOT_FOUND, PERMANENT),
        (at("Example", "Page", http(403, Server="cloudflare")), Reason.FORBIDDEN, PERMANENT),
        (at("Example", "Page", http(403, Cf_Mitigated="no")), Reason.FORBIDDEN, PERMANENT),
        (unsupported("https://www.google.com/sorry/index?q=x"), Reason.BLOCKED_HERE, OPERATOR),
        (unsupported("https://example.com/showcaptcha?cc=1"), Reason.BLOCKED_HERE, OPERATOR),
        (unsupported("https://example.com/about?captcha=1"), Reason.UNSUPPORTED, PERMANENT),
        # Where a page leads to the login of a site
        (unsupported("https://www.instagram.com/accounts/login/"), Reason.BLOCKED_HERE, OPERATOR),
        (unsupported("https://m.facebook.com/login/?next=x"), Reason.LOGIN_NEEDED, PERMANENT),
        (unsupported("https://consent.example.com/m"), Reason.FORBIDDEN, PERMANENT),
        (unsupported("https://www.youtube.com/about/?login=1"), Reason.UNSUPPORTED, PERMANENT),
        # This machine
        (reported(OSError(errno.EFBIG, "large")), Reason.TOO_LARGE, PERMANENT),
        (reported(OSError(errno.ENOSPC, "full")), Reason.DISK_FULL, RETRYABLE),
        (reported(OSError(errno.EACCES, "no", "/x")), Reason.INTERNAL, OPERATOR),
        (FileNotFoundError(errno.ENOENT, "No such file", "/x"), Reason.INTERNAL, OPERATOR),
        (reported(OSError(errno.EROFS, "no", "/x")), Reason.INTERNAL, OPERATOR),
        (reported(OSError(errno.EMFILE, "no", "/x")), Reason.INTERNAL, OPERATOR),
        (reported(OSError(errno.ENFILE, "no", "/x")), Reason.CRASHED, RETRYABLE),
        (reported(BlockingIOError(errno.EAGAIN, "try again")), Reason.CRASHED, RETRYABLE),
        (reported(RuntimeError("can't start new thread")), Reason.CRASHED, RETRYABLE),
        (MemoryError(), Reason.OUT_OF_MEMORY, PERMANENT),
        (extraction("No", MemoryError()), Reason.OUT_OF_MEMORY, PERMANENT),
        (reported(UnavailableVideoError("?")), Reason.INTERNAL, OPERATOR),
        (reported(PostProcessingError("Conversion failed!")), Reason.SITE_ERROR, RETRYABLE),
        (KeyError("x"), Reason.INTERNAL, OPERATOR),
        # What sites say
        (extraction("Private video. Sign in if you have access"), Reason.PRIVATE, PERMANENT),
        (extraction("This video is for members-only"), Reason.PRIVATE, PERMANENT),
        (extraction("Sign in to confirm your age"), Reason.AGE_RESTRICTED, PERMANENT),
        (extraction("You need to log in to see this"), Reason.LOGIN_NEEDED, PERMANENT),
        (extraction("Only available for registered users"), Reason.LOGIN_NEEDED, PERMANENT),
        (extraction("Not available in your country"), Reason.GEO_BLOCKED, PERMANENT),
        (extraction("This video is DRM protected"), Reason.DRM, PERMANENT),
        (extraction("This live event will begin in 3 hours."), Reason.NOT_STARTED, PERMANENT),
        (extraction("Premieres in 20 minutes"), Reason.NOT_STARTED, PERMANENT),
        (extraction("This channel is not currently live"), Reason.NOT_STARTED, PERMANENT),
        (extraction("Stream is offline"), Reason.NOT_STARTED, PERMANENT),
        (extraction("This livestream has ended"), Reason.NOT_FOUND, PERMANENT),
        (extraction("Sign in to confirm you’re not a bot"), Reason.BLOCKED_HERE, OPERATOR),
        (extraction("Wait, or solve the CAPTCHA after you log in"), Reason.BLOCKED_HERE, OPERATOR),
        (extraction("Your IP is likely being blocked"), Reason.BLOCKED_HERE, OPERATOR),
        (extraction("This video requires payment to watch"), Reason.LOGIN_NEEDED, PERMANENT),
        (extraction("This is not available, try again later."), Reason.SITE_ERROR, RETRYABLE),
        (extraction("Video unavailable"), Reason.NOT_FOUND, PERMANENT),
        (extraction("This video has been removed by the uploader"), Reason.NOT_FOUND, PERMANENT),
        (extraction("Requested format is not available"), Reason.NO_FORMAT, PERMANENT),
        (extraction("No video formats found!", expected=False), Reason.NO_MEDIA, PERMANENT),
        (extraction("Something else", expected=True), Reason.NO_MEDIA, PERMANENT),
        (extraction("Unable to extract player", expected=False), Reason.OUTDATED, OPERATOR),
    ],
)
def test_each_error_has_a_reason_and_a_fault(
    error: BaseException, reason: Reason, fault: Fault
) -> None:
    found = classify(error)
    assert (found.reason, found.fault) == (reason, fault)


def test_words_of_the_link_decide_nothing() -> None:
    error = said("[generic] private-live-drm: Odd. See https://example.com/deleted?login=1")
    assert classify(error).reason is Reason.INTERNAL


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (extraction("Sign in to confirm you’re not a bot"), Remedy.COOKIES),
        (at("Instagram", "Page", http(429)), Remedy.PACE),
        (at("TikTok", "Page", http(403)), Remedy.ADDRESS),
        (at("Example", "Page", http(403, Cf_Mitigated="challenge")), Remedy.ADDRESS),
        (at("youtube", "Page", http(429)), Remedy.PACE),
        (said("[Example] cookies-429: Your IP has been blocked by us"), Remedy.ADDRESS),
        (reported(http(401)), Remedy.COOKIES),
        (reported(http(402)), None),
        (reported(http(404)), None),
        (extraction("Private video. Sign in if you have access"), None),
    ],
)
def test_a_failure_that_the_operator_can_mend_says_how(
    error: BaseException, remedy: Remedy | None
) -> None:
    assert classify(error).remedy is remedy


@pytest.mark.parametrize(
    ("note", "reason"),
    [
        (lambda guard: guard.refused_addresses.append("10.0.0.1"), Reason.REFUSED_ADDRESS),
        (lambda guard: guard.refused_programs.append("a URL"), Reason.NO_FORMAT),
    ],
)
def test_what_the_guard_refused_is_the_reason(
    note: Callable[[Guard], None], reason: Reason
) -> None:
    guard = Guard()
    note(guard)
    assert classify(reported(TransportError("anything")), guard).reason is reason


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        ("999999999", 86400),
        ("-5", None),
        ("soon", None),
    ],
)
def test_the_wait_that_a_site_asks_for(header: str, seconds: float | None) -> None:
    error = classify(extraction("Unable", http(429, Retry_After=header)))
    assert error.retry_after_s == seconds


def test_the_wait_may_be_a_date() -> None:
    header = format_datetime(datetime.now(UTC) + timedelta(seconds=600), usegmt=True)
    error = classify(extraction("Unable", http(429, Retry_After=header)))
    assert error.retry_after_s == pytest.approx(600, abs=30)


def test_a_detail_is_one_short_line_without_queries() -> None:
    error = said("bad\nthing at https://user:pass@example.com/path?token=secret " + "x" * 5000)
    detail = classify(error).detail
    assert "example.com" in detail
    assert "secret" not in detail
    assert "pass" not in detail
    assert "\n" not in detail
    assert len(detail) < 600


@pytest.mark.filterwarnings("ignore:http.cookiejar bug")
def test_a_cookie_that_yt_dlp_quotes_is_not_shown(tmp_path: Path) -> None:
    # Such a line is not given to it, but what it cannot read may change.
    odd = jar(tmp_path / "odd", "a.example", value="secret-of-a-cookie")
    with pytest.raises(LoadError, match="secret-of-a-cookie") as caught:
        YoutubeDLCookieJar(str(odd)).load()
    error = classify(reported(caught.value))
    assert (error.reason, error.fault) == (Reason.INTERNAL, OPERATOR)
    assert "invalid Netscape format cookies file" in error.detail
    assert "secret-of-a-cookie" not in error.detail
