"""Which warnings of yt-dlp's say that a challenge was not solved, and what follows from them."""

import doctest

import pytest

from worker.downloads.ytdlp import solver
from worker.errors import Fault, JobError, Reason

UNSOLVED = "[youtube] dQw4w9WgXcQ: n challenge solving failed: Some formats may be missing."


@pytest.mark.parametrize(
    ("warning", "says_so"),
    [
        (UNSOLVED, True),
        ("[youtube] dQw4w9WgXcQ: Signature solving failed: Some formats may be missing.", True),
        ("[youtube] No title found", False),
        ("[youtube] [jsc:deno] Error solving 2 challenge requests using", True),
        ("[youtube] [jsc] Remote component challenge solver script (deno) was skipped.", True),
        ("[youtube:tab] [jsc:node] Unexpected error", True),
        ("[youtube] No supported JavaScript runtime could be found.", True),
        ("[youtube] [pot:cache] A warning", False),
        ("[generic] [jsc] n challenge solving failed", False),
        ("A page says: [youtube] [jsc] failed", False),
        ("[youtubed] x", False),
    ],
)
def test_only_the_solvers_own_warnings_count(warning: str, says_so: bool) -> None:
    assert solver.says_unsolved(warning) is says_so


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
def test_what_follows_is_for_the_operator_to_mend(reason: Reason, fault: Fault) -> None:
    blamed = solver.blame(JobError(reason, fault, "Video unavailable"), UNSOLVED)
    assert (blamed.reason, blamed.fault) == (Reason.BLOCKED_HERE, Fault.OPERATOR)
    assert "n challenge solving failed" in blamed.detail
    assert "Video unavailable" in blamed.detail


@pytest.mark.parametrize(
    "reason", [Reason.TOO_LARGE, Reason.NETWORK, Reason.DISK_FULL, Reason.LIVE], ids=str
)
def test_what_has_another_cause_stays_what_it_is(reason: Reason) -> None:
    error = JobError(reason, Fault.PERMANENT)
    assert solver.blame(error, UNSOLVED) is error


def test_the_detail_has_no_path_of_a_link() -> None:
    warning = f"{UNSOLVED} player_url='https://www.youtube.com/s/player/secret/base.js'"
    detail = solver.blame(JobError(Reason.NO_MEDIA, Fault.PERMANENT), warning).detail
    assert "secret" not in detail
    assert "https://www.youtube.com/" in detail


def test_the_example_is_true() -> None:
    assert doctest.testmod(solver) == (0, 1)
