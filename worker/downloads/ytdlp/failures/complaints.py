"""Find in yt-dlp's warnings what only the operator can mend, and blame later failures on that.

YouTube gives formats only to clients that solve its player's challenges, and some sites only to
accounts. If that fails, yt-dlp only warns, and then ends with whatever the rest of the page allows:
"Video unavailable", "No video formats found", "Private video", pictures instead of a video, media
that are forbidden.
"""

import re
from dataclasses import dataclass

from worker.downloads.text import clean, without_paths
from worker.errors import Fault, JobError, Reason, Remedy

# At the start, where no page can put words. Some extractors name the media first.
_COMPLAINTS: tuple[tuple[re.Pattern[str], Remedy], ...] = (
    (
        re.compile(
            r"\[youtube[^\]\s]*\] (\[jsc\b|(\S+: )?(No supported JavaScript runtime"
            r"|n challenge solving failed|Signature solving failed))"
        ),
        Remedy.SOFTWARE,
    ),
    (
        # Without a browser's handshake the site may answer anything.
        re.compile(
            r"(\[[^\]\s]+\] )?(\S+: )?The extractor (is attempting impersonation"
            r"|specified to use impersonation for this download), but no"
        ),
        Remedy.SOFTWARE,
    ),
    (
        re.compile(
            r"\[[^\]\s]+\] (\S+: )?("
            r"((the|your) )?(provided )?(\w+ ){0,2}(cookies|authorization token|session)"
            r" (is|are|has|have)( \w+)? (no longer valid|invalid|expired|rotated|revoked)\b"
            r"|failed to extract \w+ from \w+ cookie)",
            re.IGNORECASE,
        ),
        Remedy.NEW_COOKIES,
    ),
)
_WARNING_LIMIT = 300

# Failures that have nothing to do with a challenge or an account.
_OTHER_REASONS = frozenset(
    {
        *(Reason.REFUSED_ADDRESS, Reason.TOO_LARGE, Reason.TOO_LONG, Reason.HUGE_PAGE),
        *(Reason.LIVE, Reason.NOT_STARTED, Reason.JUST_ENDED, Reason.NETWORK, Reason.TIMED_OUT),
        *(Reason.STALLED, Reason.OUT_OF_MEMORY, Reason.CRASHED, Reason.DISK_FULL, Reason.INTERNAL),
    }
)


@dataclass(frozen=True)
class Complaint:
    """A warning of yt-dlp's, and what the operator can do about it."""

    warning: str
    remedy: Remedy

    def blamed(self, error: JobError) -> JobError:
        """The error of a download that began with this warning: it is for the operator to mend."""
        if error.reason in _OTHER_REASONS:
            return error
        words = clean(without_paths(self.warning), _WARNING_LIMIT)
        detail = f"{words} ({error.reason}: {error.detail})"
        return JobError(Reason.BLOCKED_HERE, Fault.OPERATOR, detail, remedy=self.remedy)


def complaint_in(warning: str) -> Complaint | None:
    """What a warning of yt-dlp's asks of the operator; None if it asks for nothing.

    >>> complaint_in("[youtube] abc: n challenge solving failed: Some formats").remedy
    <Remedy.SOFTWARE: 'software'>
    """
    for pattern, remedy in _COMPLAINTS:
        if pattern.match(warning):
            return Complaint(warning, remedy)
    return None
