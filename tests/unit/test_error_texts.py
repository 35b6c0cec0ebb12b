"""What the tables of texts leave alone."""

import pytest

from worker.downloads.ytdlp.failures.error_texts import classify_site_text, classify_text, remedy_of
from worker.errors import Reason, Remedy

HINT = (
    " Use --cookies-from-browser or --cookies for the authentication. See"
    "  https://github.com/yt-dlp/yt-dlp/wiki/FAQ  for how to manually pass cookies"
)


def test_words_of_one_site_do_not_count_at_another() -> None:
    assert classify_site_text("You need to log in to access this content", "Example") is None
    assert classify_site_text("Offline.", "vimeo") is None


def test_a_text_that_says_nothing_known_is_not_classified() -> None:
    assert classify_text("Something strange has come to pass") is None


def test_advice_to_use_cookies_is_no_reason() -> None:
    assert classify_text(f"Something strange has come to pass.{HINT}") is None


BLOCKED, LOGIN = Reason.BLOCKED_HERE, Reason.LOGIN_NEEDED


@pytest.mark.parametrize(
    ("reason", "text", "remedy"),
    [
        (BLOCKED, "Sign in to confirm you’re not a bot", Remedy.COOKIES),
        (BLOCKED, "Fresh cookies (not necessarily logged in) are needed", Remedy.COOKIES),
        (BLOCKED, "Instagram sent an empty media response", Remedy.COOKIES),
        (BLOCKED, "Account authentication is required", Remedy.COOKIES),
        (BLOCKED, "The cookies have expired", Remedy.NEW_COOKIES),
        (BLOCKED, "The provided YouTube account cookies are no longer valid", Remedy.NEW_COOKIES),
        (BLOCKED, "Expired token. Refresh your cookies in browser", Remedy.NEW_COOKIES),
        (BLOCKED, "Invalid session, re-login required", Remedy.NEW_COOKIES),
        (BLOCKED, "All player responses are invalid. Your IP is likely blocked", Remedy.ADDRESS),
        (BLOCKED, "If you are using a data center IP, try impersonation", Remedy.ADDRESS),
        (BLOCKED, "Unable to download webpage: HTTP Error 403: Forbidden", Remedy.ADDRESS),
        (BLOCKED, "Unable to download JSON metadata: HTTP Error 429", Remedy.PACE),
        (BLOCKED, "Please wait a few minutes before you try again", Remedy.PACE),
        (Reason.SITE_BUSY, "Unable to download webpage: HTTP Error 429", Remedy.PACE),
        (BLOCKED, "none of these impersonate targets are available", Remedy.SOFTWARE),
        (BLOCKED, "This request has been blocked due to its TLS fingerprint.", Remedy.SOFTWARE),
        (LOGIN, "You need to log in to access this content", Remedy.COOKIES),
        (LOGIN, "HTTP Error 401: Unauthorized", Remedy.COOKIES),
        # A link's own fault
        (LOGIN, "This video requires payment to watch", None),
        (LOGIN, "This video is only available to Music Premium members", None),
        (LOGIN, "Your account does not have access to this subscriber-only content", None),
        (Reason.PRIVATE, "This account is private. Log in", None),
        (Reason.GEO_BLOCKED, "Not available in your country; use a VPN", None),
        (Reason.NOT_FOUND, "Your IP is fine, the video is not", None),
    ],
)
def test_what_the_operator_can_do(reason: Reason, text: str, remedy: Remedy | None) -> None:
    assert remedy_of(reason, text) is remedy
