"""What sites and yt-dlp's extractors say when they fail, and what is made of it."""

import pytest

from worker.downloads.ytdlp.error_texts import Classification, classify_site_text, classify_text
from worker.errors import Fault, Reason

GONE = (Reason.NOT_FOUND, Fault.PERMANENT)
PRIVATE = (Reason.PRIVATE, Fault.PERMANENT)
LOGIN = (Reason.LOGIN_NEEDED, Fault.PERMANENT)
AGE = (Reason.AGE_RESTRICTED, Fault.PERMANENT)
GEO = (Reason.GEO_BLOCKED, Fault.PERMANENT)
DRM = (Reason.DRM, Fault.PERMANENT)
NOT_STARTED = (Reason.NOT_STARTED, Fault.PERMANENT)
NO_MEDIA = (Reason.NO_MEDIA, Fault.PERMANENT)
NO_FORMAT = (Reason.NO_FORMAT, Fault.PERMANENT)
AGAIN = (Reason.SITE_ERROR, Fault.RETRYABLE)
BUSY = (Reason.SITE_BUSY, Fault.RETRYABLE)
NETWORK = (Reason.NETWORK, Fault.RETRYABLE)
BLOCKED = (Reason.BLOCKED_HERE, Fault.OPERATOR)
OUTDATED = (Reason.OUTDATED, Fault.OPERATOR)

HINT = (
    " Use --cookies-from-browser or --cookies for the authentication. See"
    "  https://github.com/yt-dlp/yt-dlp/wiki/FAQ  for how to manually pass cookies"
)


@pytest.mark.parametrize(
    ("extractor", "text", "classification"),
    [
        # YouTube
        ("youtube", f"Sign in to confirm you’re not a bot.{HINT}", BLOCKED),
        (
            "youtube",
            "Sign in to confirm you're not a bot. This helps protect our community",
            BLOCKED,
        ),
        ("youtube", "All player responses are invalid. Your IP is likely being blocked", BLOCKED),
        ("youtube", "YouTube is requiring a captcha challenge before playback", BLOCKED),
        ("youtube", f"Sign in to confirm your age. This video may be inappropriate.{HINT}", AGE),
        ("youtube", f"Private video. Sign in if you've been granted access to it.{HINT}", PRIVATE),
        ("youtube", "Video unavailable. This video is private", PRIVATE),
        ("youtube", "Join this channel to get access to members-only content", PRIVATE),
        (
            "youtube",
            "This video is available to this channel's members on level: X (or any higher level).",
            PRIVATE,
        ),
        (
            "youtube",
            "This video is no longer available because its YouTube account has been terminated.",
            GONE,
        ),
        ("youtube", "This account has been terminated.", GONE),
        ("youtube", "Video unavailable. This video has been removed by the uploader", GONE),
        ("youtube", "This video has been removed for violating the Terms of Service", GONE),
        ("youtube", "Video unavailable", GONE),
        ("youtube", "This video is not available", GONE),
        ("youtube", "This content isn’t available.", GONE),
        ("youtube", "Who has blocked it in your country on copyright grounds", GEO),
        ("youtube", "The uploader has not made this video available in your country", GEO),
        ("youtube", "Offline.", NOT_STARTED),
        ("youtube", "Premiere will begin shortly", NOT_STARTED),
        ("youtube", "Premieres in 3 hours", NOT_STARTED),
        ("youtube", "This live event will begin in a few moments.", NOT_STARTED),
        ("youtube", "This live stream recording is not available.", GONE),
        ("youtube", "The page needs to be reloaded.", AGAIN),
        ("youtube", "We're processing this video. Check back later.", AGAIN),
        ("youtube", "Failed to extract any player response", AGAIN),
        ("youtube", "This content isn't available, try again later. The session is limited", BUSY),
        ("youtube", "This video is DRM protected", DRM),
        ("youtube", "This video requires payment to watch", LOGIN),
        ("youtube:tab", "The page needs to be reloaded.", AGAIN),
        # TikTok
        ("TikTok", "Video not available, status code 10231", GONE),
        ("TikTok", "Video not available, status code 10204", GONE),
        ("TikTok", "Unable to extract universal data for rehydration", AGAIN),
        ("TikTok", "Unexpected response from webpage request", AGAIN),
        ("TikTok", "Your IP address is blocked from accessing this post", BLOCKED),
        ("vm.tiktok", "Your IP address is blocked from accessing this post", BLOCKED),
        (
            "TikTok",
            f"You do not have permission to view this post. Log into an account.{HINT}",
            PRIVATE,
        ),
        ("TikTok", f"This post may not be comfortable for some audiences. Log in.{HINT}", LOGIN),
        # Instagram
        (
            "Instagram",
            f"Instagram sent an empty media response. Check if it is there.{HINT}",
            BLOCKED,
        ),
        (
            "Instagram",
            "Requested content is not available, rate-limit reached or login required",
            BLOCKED,
        ),
        ("Instagram", f"You need to log in to access this content.{HINT}", BLOCKED),
        ("Instagram", "The webpage request was redirected to the login page.", BLOCKED),
        ("Instagram", "This content is only available for users who follow this account", PRIVATE),
        ("Instagram", "There is no video in this post", NO_MEDIA),
        # X
        ("twitter", "Twitter API says: Authorization: User has been suspended account", GONE),
        ("twitter", "This Tweet is from a suspended account.", GONE),
        ("twitter", "This account owner limits who can view their Tweets.", PRIVATE),
        ("twitter", "You are not authorized to view this protected tweet", PRIVATE),
        ("twitter", "This Post has been withheld in DE based on local law", GEO),
        ("twitter", "Error(s) while querying API: Bad guest token", AGAIN),
        ("twitter", "Could not retrieve guest token", AGAIN),
        ("twitter", f"NSFW tweet requires authentication.{HINT}", AGE),
        ("twitter", "No video could be found in this tweet", NO_MEDIA),
        ("twitter:spaces", "Twitter Space not started yet", NOT_STARTED),
        # Reddit
        ("Reddit", "Unable to download JSON metadata: HTTP Error 403: Blocked", BLOCKED),
        ("Reddit", "Your IP address is unable to access the Reddit API", BLOCKED),
        ("Reddit", f"Account authentication is required.{HINT}", BLOCKED),
        ("Reddit", "Private subreddit; an account that has been approved is required", PRIVATE),
        ("Reddit", "HTTP Error 403 Forbidden; reason given: banned", GONE),
        # Bilibili
        ("BiliBili", "Request is blocked by server (412), please wait and try later.", BLOCKED),
        ("BiliBili", "Unable to download webpage: HTTP Error 412: Precondition Failed", BLOCKED),
        ("BiliBili", "Request is rejected by server (352)", BLOCKED),
        ("BiliBili", "This video may be deleted or geo-restricted.", GONE),
        ("BiliBili", "This video is for premium members only", LOGIN),
        # VK
        ("vk", "Access denied", PRIVATE),
        ("vk", "The video is temporarily unavailable. Please try again later.", AGAIN),
        ("vk", "This video was removed from public access by request of the owner.", GONE),
        # Vimeo and others
        ("vimeo", "Failed to fetch OAuth token", OUTDATED),
        ("vimeo", "This request has been blocked due to its TLS fingerprint.", BLOCKED),
        (
            "vimeo",
            "This video is protected by a password, use the --video-password option",
            PRIVATE,
        ),
        ("facebook", "Cannot parse data", BLOCKED),
        ("twitch:stream", "The channel is not currently live", NOT_STARTED),
        ("twitch:clips", "This clip is no longer available", GONE),
        ("soundcloud", "This track is DRM protected", DRM),
        ("Bandcamp", "Got client challenge webpage response with impersonate target", BLOCKED),
        # Any site
        ("Example", "The downloaded file is empty", (Reason.EMPTY_FILE, Fault.RETRYABLE)),
        ("Example", f"This video is only available for registered users.{HINT}", LOGIN),
        ("Example", "This user's account has been suspended", GONE),
        ("Example", "The account is closed", GONE),
        ("Example", "The video is temporarily unavailable", AGAIN),
        ("Example", "Service temporarily unavailable, come back later", AGAIN),
        ("Example", "Withheld in your region", GEO),
        ("Example", "fragment 7 not found, unable to continue", NETWORK),
        ("Example", "Initialization fragment found after media fragments", NO_FORMAT),
        ("Example", "This fragment of a film is for subscribers only", PRIVATE),
        ("Example", "Requested format is not available. Use --list-formats", NO_FORMAT),
        ("Example", "The site needs impersonation", BLOCKED),
        ("Example", "Your IP address has been banned", BLOCKED),
    ],
)
def test_what_a_site_says_means(extractor: str, text: str, classification: Classification) -> None:
    assert (classify_site_text(text, extractor) or classify_text(text)) == classification


def test_words_of_one_site_do_not_count_at_another() -> None:
    assert classify_site_text("You need to log in to access this content", "Example") is None
    assert classify_site_text("Offline.", "vimeo") is None


def test_a_text_that_says_nothing_known_is_not_classified() -> None:
    assert classify_text("Something strange has come to pass") is None


def test_advice_to_use_cookies_is_no_reason() -> None:
    assert classify_text(f"Something strange has come to pass.{HINT}") is None
