"""How a job may fail.

A `JobError` is a failure whose outcome is decided where it is raised. What a call to Telegram
raises is decided by `worker.dispatch.outcomes`, since it depends on which job made the call.
All of this travels between processes (pickled), and the reasons rest in the ledger by value.
"""

from enum import StrEnum
from typing import Any


class Fault(StrEnum):
    """Whose move it is after a failure."""

    RETRYABLE = "retryable"  # the world's: the same job may succeed later
    PERMANENT = "permanent"  # the link's: the same job will fail again
    OPERATOR = "operator"  # ours: no retry helps until the operator has acted


class Reason(StrEnum):
    """Why a request ended without media; each has one sentence for people."""

    INVALID_LINK = "invalid link"
    REFUSED_ADDRESS = "refused address"
    UNSUPPORTED = "unsupported site"
    NO_MEDIA = "no media"
    NOT_FOUND = "not found"
    FORBIDDEN = "forbidden"
    PRIVATE = "private"
    LOGIN_NEEDED = "login needed"
    AGE_RESTRICTED = "age restricted"
    GEO_BLOCKED = "geo blocked"
    DRM = "drm"
    LIVE = "live"
    NOT_STARTED = "not started"
    NO_FORMAT = "no format"
    NO_SOUND = "no sound"
    TOO_LARGE = "too large"
    TOO_LONG = "too long"
    HUGE_PAGE = "huge page"
    LEADS_NOWHERE = "leads nowhere"
    EMPTY_FILE = "empty file"
    BROKEN_FILE = "broken file"
    SITE_BUSY = "site busy"  # HTTP 429
    SITE_ERROR = "site error"  # HTTP 5xx
    BLOCKED_HERE = "blocked here"  # this machine's address, cookies or software are turned away
    SITE_DOWN = "site down"  # it fails for everybody, and is not asked for a while
    NETWORK = "network"
    TIMED_OUT = "timed out"
    STALLED = "stalled"
    OUT_OF_MEMORY = "out of memory"
    CRASHED = "crashed"
    DISK_FULL = "disk full"
    UPLOAD_REFUSED = "upload refused"
    OUTDATED = "outdated"  # yt-dlp asks to be reported or updated
    INTERNAL = "internal"


class JobError(Exception):
    """A job's failure, decided: its reason, whose fault it is, and words for the log.

    `detail` is for the log alone and holds no secret; `retry_after_s` is the least wait that
    the other side has asked for.
    """

    def __init__(
        self,
        reason: Reason,
        fault: Fault,
        detail: str = "",
        *,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(reason, fault, detail)
        self.reason = reason
        self.fault = fault
        self.detail = detail
        self.retry_after_s = retry_after_s

    def __reduce__(self) -> tuple[Any, ...]:
        return (_job_error, (self.reason, self.fault, self.detail, self.retry_after_s))

    def __str__(self) -> str:
        return f"{self.reason} ({self.fault}): {self.detail}" if self.detail else str(self.reason)


def _job_error(reason: Reason, fault: Fault, detail: str, retry_after_s: float | None) -> JobError:
    return JobError(reason, fault, detail, retry_after_s=retry_after_s)


# --------------------------------------------------------------------------------- telegram


class MessageGone(Exception):
    """The message to be edited no longer exists or cannot be edited any more."""


class FileIdRefused(Exception):
    """Telegram no longer takes a remembered `file_id`: forget it and upload the file again."""


class ChatClosed(Exception):
    """The chat will take no message of ours: blocked, kicked out, or deleted."""


class TelegramBusy(Exception):
    """Telegram asks to wait (429); `retry_after_s` in seconds."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(retry_after_s)
        self.retry_after_s = retry_after_s


class TelegramUnreachable(Exception):
    """No usable answer: network, timeout, 5xx. Whether the call took effect is unknown."""


class TelegramUnauthorized(Exception):
    """401 or 404 for the token: the operator must give a valid one."""


class TelegramConflict(Exception):
    """409: another poller or a webhook takes this bot's updates."""
