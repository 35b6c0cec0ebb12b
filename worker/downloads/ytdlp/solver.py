"""Tell from yt-dlp's warnings that a challenge was not solved, and whose fault a failure is then.

YouTube has a link's formats for whoever solves its player's challenges. yt-dlp only warns where
that fails, and ends with whatever the rest of the page allows: "Video unavailable", "No video
formats found", pictures instead of a video, media that are forbidden.
"""

import re

from worker.downloads.text import clean, without_paths
from worker.errors import Fault, JobError, Reason, Remedy

# At the start, where no page can put words.
_FAILED = re.compile(
    r"\[youtube[^\]\s]*\] (\[jsc\b|(\S+: )?(No supported JavaScript runtime"
    r"|n challenge solving failed|Signature solving failed))"
)
_WARNING_LIMIT = 300

# What has nothing to do with a challenge.
_OTHER_REASONS = frozenset(
    {
        *(Reason.REFUSED_ADDRESS, Reason.TOO_LARGE, Reason.TOO_LONG, Reason.HUGE_PAGE),
        *(Reason.LIVE, Reason.NOT_STARTED, Reason.NETWORK, Reason.TIMED_OUT, Reason.STALLED),
        *(Reason.OUT_OF_MEMORY, Reason.CRASHED, Reason.DISK_FULL, Reason.INTERNAL),
    }
)


def says_unsolved(warning: str) -> bool:
    """Whether a warning of yt-dlp's says that a challenge was not solved.

    >>> says_unsolved("[youtube] abc: n challenge solving failed: Some formats may be missing")
    True
    """
    return _FAILED.match(warning) is not None


def blame(error: JobError, warning: str) -> JobError:
    """The error of a download that began with such a warning: it is for the operator to mend."""
    if error.reason in _OTHER_REASONS:
        return error
    words = clean(without_paths(warning), _WARNING_LIMIT)
    detail = f"{words} ({error.reason}: {error.detail})"
    return JobError(Reason.BLOCKED_HERE, Fault.OPERATOR, detail, remedy=Remedy.SOFTWARE)
