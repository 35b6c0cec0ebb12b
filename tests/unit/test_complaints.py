"""Which warnings of yt-dlp's ask something of the operator, and what follows from them."""

import doctest

import pytest

from worker.downloads.ytdlp.failures import complaints
from worker.downloads.ytdlp.failures.complaints import Complaint, complaint_in
from worker.errors import Fault, JobError, Reason, Remedy

UNSOLVED = "[youtube] dQw4w9WgXcQ: n challenge solving failed: Some formats may be missing."
NO_TARGET = "but no impersonate target is available. If you encounter errors, then see"
NO_OTHER_TARGET = "but none of these impersonate targets are available: chrome-999. If"
SOFTWARE = Remedy.SOFTWARE
ROTATED = (
    "[youtube] The provided YouTube account cookies are no longer valid. They have likely been"
    " rotated in the browser as a security measure."
)


@pytest.mark.parametrize(
    ("warning", "remedy"),
    [
        (UNSOLVED, Remedy.SOFTWARE),
        ("[youtube] dQw4w9WgXcQ: Signature solving failed: Some formats.", Remedy.SOFTWARE),
        ("[youtube] No title found", None),
        ("[youtube] [jsc:deno] Error solving 2 challenge requests using", Remedy.SOFTWARE),
        ("[youtube] [jsc] Remote component challenge solver script (deno)", Remedy.SOFTWARE),
        ("[youtube:tab] [jsc:node] Unexpected error", Remedy.SOFTWARE),
        ("[youtube] No supported JavaScript runtime could be found.", Remedy.SOFTWARE),
        ("[youtube] [pot:cache] A warning", None),
        ("[generic] [jsc] n challenge solving failed", None),
        ("A page says: [youtube] [jsc] failed", None),
        ("[youtubed] x", None),
        (ROTATED, Remedy.NEW_COOKIES),
        (ROTATED.replace("[youtube]", "[youtube:tab]"), Remedy.NEW_COOKIES),
        (
            "[Instagram] The provided Instagram account cookies are no longer valid",
            Remedy.NEW_COOKIES,
        ),
        ("[soundcloud] Provided authorization token is invalid. Continuing", Remedy.NEW_COOKIES),
        ("[Boosty] Failed to extract token from auth cookie; please report", Remedy.NEW_COOKIES),
        ("[site] abc: Your session has expired", Remedy.NEW_COOKIES),
        ("[site] abc: the cookies have been revoked", Remedy.NEW_COOKIES),
        ('[youtube] Skipping client "visionos" since it does not support cookies', None),
        ("[newspicks] Full video is for Premium members. Without cookies, only a preview", None),
        ("[BiliBili] Subtitles are only available when logged in. Use --cookies", None),
        ("[Instagram] abc: No CSRF token set by Instagram API", None),
        ("[CBC] Refresh token has been invalidated; retrying with credentials", None),
        ("[generic] a title: the provided cookies are no longer valid", None),
        ("The provided YouTube account cookies are no longer valid", None),
        (f"[vimeo] 1: The extractor is attempting impersonation, {NO_TARGET}", SOFTWARE),
        (f"[site] The extractor is attempting impersonation, {NO_OTHER_TARGET}", SOFTWARE),
        (f"The extractor specified to use impersonation for this download, {NO_TARGET}", SOFTWARE),
        ("[generic] a title: The extractor is attempting it", None),
    ],
)
def test_only_what_an_extractor_says_itself_counts(warning: str, remedy: Remedy | None) -> None:
    found = complaint_in(warning)
    assert (found.remedy if found else None) is remedy


@pytest.mark.parametrize(
    ("warning", "remedy"), [(UNSOLVED, Remedy.SOFTWARE), (ROTATED, Remedy.NEW_COOKIES)]
)
@pytest.mark.parametrize(
    ("reason", "fault"),
    [
        (Reason.NOT_FOUND, Fault.PERMANENT),  # "Video unavailable"
        (Reason.NO_MEDIA, Fault.PERMANENT),  # "No video formats found"
        (Reason.NO_FORMAT, Fault.PERMANENT),
        (Reason.BLOCKED_HERE, Fault.OPERATOR),  # only storyboards
        (Reason.FORBIDDEN, Fault.PERMANENT),
        (Reason.SITE_ERROR, Fault.RETRYABLE),  # 403 for the media
        (Reason.OUTDATED, Fault.OPERATOR),
    ],
)
def test_what_follows_is_for_the_operator_to_mend(
    reason: Reason, fault: Fault, warning: str, remedy: Remedy
) -> None:
    blamed = Complaint(warning, remedy).blamed(JobError(reason, fault, "Video unavailable"))
    assert (blamed.reason, blamed.fault) == (Reason.BLOCKED_HERE, Fault.OPERATOR)
    assert blamed.remedy is remedy
    assert warning[:60] in blamed.detail
    assert "Video unavailable" in blamed.detail


@pytest.mark.parametrize(
    "reason", [Reason.TOO_LARGE, Reason.NETWORK, Reason.DISK_FULL, Reason.LIVE], ids=str
)
def test_what_has_another_cause_stays_what_it_is(reason: Reason) -> None:
    error = JobError(reason, Fault.PERMANENT)
    assert Complaint(UNSOLVED, Remedy.SOFTWARE).blamed(error) is error


def test_the_detail_has_no_path_of_a_link() -> None:
    warning = f"{UNSOLVED} player_url='https://www.youtube.com/s/player/secret/base.js'"
    complaint = Complaint(warning, Remedy.SOFTWARE)
    detail = complaint.blamed(JobError(Reason.NO_MEDIA, Fault.PERMANENT)).detail
    assert "secret" not in detail
    assert "https://www.youtube.com/" in detail


def test_the_example_is_true() -> None:
    assert doctest.testmod(complaints) == (0, 1)
