"""How a job may fail.

A `JobError` decides the outcome where it is raised. The outcome of a `TelegramError` depends on
the job that made the call; `worker.dispatch.outcomes` decides it. All of them are pickled on their
way to the main process, and the ledger stores reasons and faults by value.
"""

import errno
import secrets
from enum import StrEnum

SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN})
"""Errors of a machine that is out of descriptors, memory or processes, for the time being."""

PASSING_ERRNOS = SHORTAGES | {
    *(errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ESTALE, errno.ETIMEDOUT),
    errno.EBUSY,
}
"""Errors that may pass without a change of settings: also a disk that is full or fails."""


def new_error_id() -> str:
    """An id by which people report a failure and the operator finds it in the log."""
    return secrets.token_hex(3)


class Fault(StrEnum):
    """Who can do something about a failure."""

    RETRYABLE = "retryable"  # nobody need: the same job may succeed later
    PERMANENT = "permanent"  # nobody can: the same job will fail again
    OPERATOR = "operator"  # the operator: until then no retry helps


class Reason(StrEnum):
    """Why a request ended without media; `worker.telegram.texts` has a sentence for each."""

    INVALID_LINK = "invalid link"
    REFUSED_ADDRESS = "refused address"
    UNSUPPORTED = "unsupported site"
    NO_MEDIA = "no media"
    NOTHING_FOUND = "nothing found"  # by a search
    NOT_FOUND = "not found"
    FORBIDDEN = "forbidden"
    PRIVATE = "private"
    LOGIN_NEEDED = "login needed"
    AGE_RESTRICTED = "age restricted"
    GEO_BLOCKED = "geo blocked"
    DRM = "drm"
    LIVE = "live"
    NOT_STARTED = "not started"
    JUST_ENDED = "just ended"  # a live stream whose site has yet to make a video of it
    NO_FORMAT = "no format"
    NO_SOUND = "no sound"
    NO_COVER = "no cover"
    NO_SUBTITLES = "no subtitles"
    NO_SUCH_SUBTITLES = "no such subtitles"  # in the language that is wanted
    NO_SUCH_LANGUAGE = "no such language"  # of the sound
    NOT_CUT = "not cut"  # no clip can be made of it, for example of a picture
    BEYOND_END = "beyond the end"  # a clip that begins when the video is over
    TOO_LARGE = "too large"
    TOO_LONG = "too long"
    HUGE_PAGE = "huge page"
    LEADS_NOWHERE = "leads nowhere"
    EMPTY_FILE = "empty file"
    BROKEN_FILE = "broken file"
    UNLIKE_PARTS = "unlike parts"  # it is put together from parts that cannot be joined
    SITE_BUSY = "site busy"  # HTTP 429
    SITE_ERROR = "site error"  # HTTP 5xx
    BLOCKED_HERE = "blocked here"  # this machine's address, cookies or software are turned away
    STOPPED = "stopped"  # by the operator
    SITE_OFF = "site off"  # the operator wants no downloads from it
    SITE_DOWN = "site down"  # it fails for everyone, and is left alone for a while
    NETWORK = "network"
    TIMED_OUT = "timed out"
    STALLED = "stalled"
    OUT_OF_MEMORY = "out of memory"
    CRASHED = "crashed"
    DISK_FULL = "disk full"
    UPLOAD_REFUSED = "upload refused"
    TELEGRAM_FAILS = "Telegram fails"  # again and again for this answer, and not for others
    NO_RIGHT_TO_VIDEOS = "no right to send videos"
    NO_RIGHT_TO_PHOTOS = "no right to send photos"
    NO_RIGHT_TO_MUSIC = "no right to send music"
    NO_RIGHT_TO_FILES = "no right to send files"
    NO_RIGHT_TO_GIFS = "no right to send GIFs"
    NO_RIGHT_TO_MEDIA = "no right to send media"
    TOPIC_CLOSED = "topic closed"
    OUTDATED = "outdated"  # yt-dlp asks for a bug report or an update
    INTERNAL = "internal"

    @classmethod
    def known(cls, word: str) -> "Reason":
        """The reason with this value; `INTERNAL` for one that only a newer bot knows."""
        return cls(word) if word in list(cls) else cls.INTERNAL

    @property
    def lies_in_link(self) -> bool:
        """Whether it says something about the link only, and nothing about the bot or its sites."""
        return self in _OF_LINKS

    @property
    def lies_in_chat(self) -> bool:
        """Whether the chat's own rules are to blame, and neither the bot nor its sites."""
        return self in _OF_CHATS


_OF_LINKS = frozenset(
    {
        Reason.STOPPED,
        *(Reason.INVALID_LINK, Reason.REFUSED_ADDRESS, Reason.UNSUPPORTED, Reason.NO_MEDIA),
        *(Reason.NOT_FOUND, Reason.FORBIDDEN, Reason.PRIVATE, Reason.LOGIN_NEEDED),
        *(Reason.AGE_RESTRICTED, Reason.GEO_BLOCKED, Reason.DRM, Reason.LIVE),
        *(Reason.NOT_STARTED, Reason.JUST_ENDED, Reason.NO_SOUND, Reason.NO_COVER),
        *(Reason.TOO_LARGE, Reason.TOO_LONG),
        *(Reason.HUGE_PAGE, Reason.LEADS_NOWHERE, Reason.EMPTY_FILE, Reason.BROKEN_FILE),
        *(Reason.UNLIKE_PARTS, Reason.SITE_OFF, Reason.BEYOND_END, Reason.NOTHING_FOUND),
        *(Reason.NOT_CUT, Reason.NO_SUBTITLES, Reason.NO_SUCH_SUBTITLES),
        Reason.NO_SUCH_LANGUAGE,
    }
)

_OF_CHATS = frozenset(
    {
        *(Reason.NO_RIGHT_TO_VIDEOS, Reason.NO_RIGHT_TO_PHOTOS, Reason.NO_RIGHT_TO_MUSIC),
        *(Reason.NO_RIGHT_TO_FILES, Reason.NO_RIGHT_TO_GIFS, Reason.NO_RIGHT_TO_MEDIA),
        Reason.TOPIC_CLOSED,
    }
)


class Remedy(StrEnum):
    """What the operator can do for a site that turns this machine away."""

    COOKIES = "cookies"  # of an account, where there are none
    NEW_COOKIES = "new cookies"  # in place of those that are refused
    ADDRESS = "address"  # another than this machine's
    PACE = "pace"  # to ask less often, or to wait
    SOFTWARE = "software"  # what yt-dlp needs is missing or does not work


class JobError(Exception):
    """A failure of a job.

    `detail` is for the log only and contains no secret. `retry_after_s` is the shortest delay that
    the site has asked for. `remedy` is what would help against it, if that is known. `languages`
    are the tags of those that exist, if the one that is wanted does not.
    """

    def __init__(
        self,
        reason: Reason,
        fault: Fault,
        detail: str = "",
        retry_after_s: float | None = None,
        remedy: Remedy | None = None,
        languages: tuple[str, ...] = (),
    ) -> None:
        super().__init__(reason, fault, detail, retry_after_s, remedy, languages)
        self.reason = reason
        self.fault = fault
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.remedy = remedy
        self.languages = languages

    def __str__(self) -> str:
        return f"{self.reason} ({self.fault}): {self.detail}" if self.detail else str(self.reason)


class JudgeLost(JobError):
    """A download lost its connection to the judge, through no fault of its own or its site's."""

    def __init__(self, detail: str) -> None:
        super().__init__(Reason.CRASHED, Fault.RETRYABLE, detail)

    def __reduce__(self) -> tuple[type["JudgeLost"], tuple[str]]:
        return (JudgeLost, (self.detail,))


class LinkFlaw(StrEnum):
    """Why a URL is refused."""

    TOO_LONG = "longer than 2048 characters"
    SCHEME = "not http or https"
    CREDENTIALS = "contains a user name or a password"
    CHARACTERS = "contains characters that no URL has"
    HOST = "has no valid host"
    PORT = "has a port below 1024 other than 80 and 443"


class InvalidLink(JobError):
    """A URL that is refused before anything is fetched; `flaw` says why."""

    def __init__(self, flaw: LinkFlaw) -> None:
        super().__init__(Reason.INVALID_LINK, Fault.PERMANENT, flaw.value)
        self.flaw = flaw

    def __reduce__(self) -> tuple[type["InvalidLink"], tuple[LinkFlaw]]:
        return (InvalidLink, (self.flaw,))


class TelegramError(Exception):
    """A call to the Bot API that did not do what it should."""


class MessageGone(TelegramError):
    """The message to be edited no longer exists or can no longer be edited."""


class FileIdRefused(TelegramError):
    """Telegram no longer accepts a cached `file_id`: forget it and upload the file again."""


class ChatClosed(TelegramError):
    """The chat accepts no messages from us: the bot was blocked or removed, or the chat deleted."""


class ChatMoved(ChatClosed):
    """A group that has become a supergroup: it goes on as `chat_id`, with new ids for messages."""

    def __init__(self, chat_id: int) -> None:
        super().__init__(chat_id)
        self.chat_id = chat_id


class TopicClosed(TelegramError):
    """A topic of a forum is closed or deleted. The forum's other topics are not."""


class TelegramBusy(TelegramError):
    """Telegram asks to wait for `retry_after_s` (429)."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(retry_after_s)
        self.retry_after_s = retry_after_s


class TelegramUnreachable(TelegramError):
    """No usable answer: network, timeout, 5xx. Whether the call took effect is unknown."""


class MessageDeleted(TelegramUnreachable):
    """A new message was deleted at once, as by a bot that moderates its chat."""


class TelegramUnauthorized(TelegramError):
    """The token is not valid (401, or 404 for its URL): the operator must replace it."""


class TelegramConflict(TelegramError):
    """Another poller or a webhook receives this bot's updates (409)."""
