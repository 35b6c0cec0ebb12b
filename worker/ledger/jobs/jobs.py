"""Claimed jobs: a class for each kind, with what a job of that kind needs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from worker.clocks import Wall
from worker.form import WHOLE, Form
from worker.ledger.records import Batch, Request
from worker.protocol import AnswerButton, Media, RemoveStatus, Reply, SetMenus
from worker.protocol.lists import Summary
from worker.protocol.panels import Panel, View
from worker.protocol.site_cookies import KeepCookies

DOWNLOADS, TELEGRAM = "downloads", "telegram"


class Kind(StrEnum):
    """What a job is for."""

    UPDATE = "update"
    STATUS = "status"
    DOWNLOAD = "download"
    LOOK = "look"
    RECORDING = "recording"
    GROUP = "group"
    DELIVER = "deliver"
    EXPLAIN = "explain"
    REPLY = "reply"
    BUTTON = "button"
    COOKIES = "cookies"
    PANEL = "panel"
    PANEL_EDIT = "panel edit"
    MENUS = "menus"
    SUMMARY = "summary"
    REMOVAL = "removal"

    @property
    def noun(self) -> str:
        """What such a job is called in the sentences of the log."""
        return _NOUNS[self]

    @property
    def is_download(self) -> bool:
        """Whether such jobs ask the site of a link."""
        return self in (Kind.DOWNLOAD, Kind.LOOK, Kind.RECORDING)

    @property
    def is_call(self) -> bool:
        """Whether such jobs always call Telegram."""
        return not self.is_download and self is not Kind.UPDATE

    @property
    def is_panel(self) -> bool:
        """Whether such jobs show a panel."""
        return self in (Kind.PANEL, Kind.PANEL_EDIT)

    @property
    def is_upload(self) -> bool:
        """Whether such jobs may upload files, which takes time."""
        return self in (Kind.GROUP, Kind.DELIVER)

    @property
    def listens_to_stop(self) -> bool:
        """Whether such a job ends by itself when it is told to stop; others are killed."""
        return self.is_download

    @property
    def pool(self) -> str:
        """The pool in which such jobs run."""
        return DOWNLOADS if self.is_download else TELEGRAM

    @property
    def priority(self) -> int:
        """The place in the queue: the lowest number is taken first, equal ones by their turns."""
        return _PRIORITIES[self]


_NOUNS = {
    Kind.UPDATE: "update",
    Kind.STATUS: "status message",
    Kind.DOWNLOAD: "download",
    Kind.LOOK: "look",
    Kind.RECORDING: "recording",
    Kind.GROUP: "album",
    Kind.DELIVER: "delivery",
    Kind.EXPLAIN: "explanation",
    Kind.REPLY: "reply",
    Kind.BUTTON: "answer to a button",
    Kind.COOKIES: "storing of cookies",
    Kind.PANEL: "panel",
    Kind.PANEL_EDIT: "edit of a panel",
    Kind.MENUS: "menu of commands",
    Kind.SUMMARY: "summary",
    Kind.REMOVAL: "removal of a status message",
}

BEGUN_RECORDING = 5
"""The priority of a recording that has begun: mostly it only has to be turned into a file, so it
comes before all downloads."""

# What keeps a person waiting least comes first. The numbers are stored in existing ledgers.
_PRIORITIES = {
    Kind.BUTTON: 0,
    Kind.UPDATE: 1,
    Kind.REPLY: 4,
    Kind.COOKIES: 4,
    Kind.PANEL: 4,
    Kind.PANEL_EDIT: 4,
    # Equals: Telegram takes one message a second in a chat, so an answer that had to wait for
    # the status messages of all later links would come a minute after it was there.
    Kind.STATUS: 5,
    Kind.EXPLAIN: 5,
    Kind.GROUP: 5,
    Kind.DELIVER: 5,
    Kind.REMOVAL: 5,
    Kind.DOWNLOAD: 6,
    # Answers go first, also those of its own items.
    Kind.SUMMARY: 6,
    # Nobody waits for it.
    Kind.MENUS: 9,
    # By their turns among downloads: a look takes seconds, but somebody may ask for many.
    Kind.LOOK: 6,
    Kind.RECORDING: 6,
}


def _in_sql(kinds: Iterable[Kind]) -> str:
    return "(" + ", ".join(f"'{kind}'" for kind in kinds) + ")"


DOWNLOADS_SQL = _in_sql(kind for kind in Kind if kind.is_download)
UPLOADS_SQL = _in_sql(kind for kind in Kind if kind.is_upload)
PANELS_SQL = _in_sql(kind for kind in Kind if kind.is_panel)
"""The kinds of one sort as a list in SQL: `kind IN ('group', 'deliver')`.

Constants in a statement, and no parameters, so that SQLite can plan it once.
"""


@dataclass(frozen=True, kw_only=True)
class ClaimedJob:
    """What every claimed job has, of whatever kind.

    `attempts` counts this one. `chat_id` is the chat that the job is for, if it is for one. A
    download runs on the account of `user_id`, see `worker.ledger.jobs.fairness`. Telegram has given
    the job no usable answer `unanswered` times, for `refused_s` seconds while others got one, the
    last time at `waits_since`.
    """

    kind: ClassVar[Kind]
    id: int
    attempts: int
    created_at: Wall
    waits_since: Wall = field(default=Wall(0))
    chat_id: int | None = None
    user_id: int | None = None
    unanswered: int = 0
    refused_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class UpdateJob(ClaimedJob):
    """Find out what an update asks for.

    `language` is the one that its sender has set; None if they have set none.
    """

    kind = Kind.UPDATE
    update: Mapping[str, Any]
    language: str | None = None


@dataclass(frozen=True, kw_only=True)
class ReplyJob(ClaimedJob):
    """Send a message that is not the answer to a link."""

    kind = Kind.REPLY
    reply: Reply


@dataclass(frozen=True, kw_only=True)
class ButtonJob(ClaimedJob):
    """Tell Telegram that a pressed button was noticed. `chat_id` is that of the menu it opens."""

    kind = Kind.BUTTON
    answer: AnswerButton


@dataclass(frozen=True, kw_only=True)
class CookiesJob(ClaimedJob):
    """Store the cookies in a file that an admin has sent."""

    kind = Kind.COOKIES
    sent: KeepCookies


@dataclass(frozen=True, kw_only=True)
class MenusJob(ClaimedJob):
    """Tell Telegram which commands there are."""

    kind = Kind.MENUS
    task: SetMenus


@dataclass(frozen=True, kw_only=True)
class RemovalJob(ClaimedJob):
    """Remove the status message that an answer has left in the chat."""

    kind = Kind.REMOVAL
    task: RemoveStatus


@dataclass(frozen=True, kw_only=True)
class PanelJob(ClaimedJob):
    """Post a panel, as it is at this moment."""

    kind = Kind.PANEL
    panel: Panel
    view: View


@dataclass(frozen=True, kw_only=True)
class PanelEditJob(PanelJob):
    """Show a panel in its message as it is at this moment."""

    kind = Kind.PANEL_EDIT


@dataclass(frozen=True, kw_only=True)
class SummaryJob(ClaimedJob):
    """Say in the chat how far the items of a batch are."""

    kind = Kind.SUMMARY
    batch: Batch
    summary: Summary


@dataclass(frozen=True, kw_only=True)
class DownloadJob(ClaimedJob):
    """Fetch the media behind a link, for all requests that wait for it.

    `max_bytes`: how much an earlier attempt could fetch in its time. `fresh`: nothing that is
    remembered may be used.
    """

    kind = Kind.DOWNLOAD
    media_key: str
    url: str
    form: Form = WHOLE
    max_bytes: int | None = None
    fresh: bool = False

    @property
    def needs_no_site(self) -> bool:
        """Whether it can be done, as far as is known, without its site."""
        return False


@dataclass(frozen=True, kw_only=True)
class LookJob(DownloadJob):
    """Find out what there is behind a link, for all who have asked, and download nothing.

    While one waits for a stream to start, `created_at` is when somebody last came to wait for it.
    """

    kind = Kind.LOOK


@dataclass(frozen=True, kw_only=True)
class RecordingJob(DownloadJob):
    """Record a live stream, or make a file of what has been recorded.

    `has_begun`: some of it may be on disk. `is_stopped`: its person wants no more than has
    been recorded.
    """

    kind = Kind.RECORDING
    has_begun: bool = False
    is_stopped: bool = False

    @property
    def needs_no_site(self) -> bool:
        return self.has_begun


@dataclass(frozen=True, kw_only=True)
class RequestJob(ClaimedJob):
    """A job that is done for one request."""

    request: Request


@dataclass(frozen=True, kw_only=True)
class StatusJob(RequestJob):
    """Post the status message of a request."""

    kind = Kind.STATUS


@dataclass(frozen=True, kw_only=True)
class AnswerJob(RequestJob):
    """Turn the status message, which is `message_id`, into the answer, or send a part of it."""

    message_id: int


@dataclass(frozen=True, kw_only=True)
class ExplainJob(AnswerJob):
    """Say why there is no media."""

    kind = Kind.EXPLAIN


@dataclass(frozen=True, kw_only=True)
class GroupJob(AnswerJob):
    """Send files beside the status message. `media` is None if they are gone."""

    kind = Kind.GROUP
    media: Media | None


@dataclass(frozen=True, kw_only=True)
class DeliverJob(AnswerJob):
    """Turn the status message into the first file. `media` is None if it is gone."""

    kind = Kind.DELIVER
    media: Media | None


Job = (
    UpdateJob
    | ReplyJob
    | ButtonJob
    | CookiesJob
    | MenusJob
    | RemovalJob
    | PanelJob
    | PanelEditJob
    | SummaryJob
    | DownloadJob
    | LookJob
    | RecordingJob
    | StatusJob
    | ExplainJob
    | GroupJob
    | DeliverJob
)


def download_directory(job_id: int, attempt: int, kind: Kind = Kind.DOWNLOAD) -> str:
    """The name of the directory in which one attempt of a download works.

    What is recorded is there for all attempts.
    """
    return f"{job_id}-{1 if kind is Kind.RECORDING else attempt}"


DIRECTORY_SQL = "id || '-' || iif(kind = 'recording', 1, attempts)"
"""The name of a job's directory, as `download_directory` makes it, in SQL."""


SENDER_SQL = """
    iif(json_valid(payload), CAST(coalesce(payload ->> '$.message.from.id',
        payload ->> '$.edited_message.from.id', payload ->> '$.callback_query.from.id')
        AS INTEGER), NULL)
"""
"""The id of the person whose update a payload holds, in SQL; NULL where there is none.

SQLite does not take every update for JSON, nor does every sender's id have to be a number.
"""
