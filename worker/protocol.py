"""The vocabulary: what a job is told and what it answers; `worker.errors` is how it may fail.

Everything here is a small frozen dataclass, or a word in one, that travels between processes
(pickled) or rests in the ledger (as JSON, see `worker.as_json`). Nothing here does anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from worker.choices import Chapter, Language, Menu, Quality, Subtitles
from worker.errors import Reason
from worker.form import WHOLE, Form
from worker.lists import ListMenu, MediaList, Summary
from worker.looks import MediaLook
from worker.notices import Notice
from worker.preferences import Captions

# -------------------------------------------------------------------------------- downloads


class MediaKind(StrEnum):
    """How Telegram shows a file; the value is the name in the Bot API."""

    VIDEO = "video"
    AUDIO = "audio"
    VOICE = "voice"
    ANIMATION = "animation"
    PHOTO = "photo"
    DOCUMENT = "document"


class Note(StrEnum):
    """In what the media is not quite what the link promised; each has a sentence for people."""

    LOWER_QUALITY = "lower quality"  # a better one is too large
    AUDIO_ONLY = "audio only"  # every video is too large
    NO_SPONSORBLOCK = "no SponsorBlock"  # that could be asked, or whose cuts could be made
    EARLY_START = "early start"  # a clip that begins at the key frame before it
    CUT = "cut"  # the file is too large, and its parts are not
    NO_SUBTITLES_INSIDE = "no subtitles inside"  # of what is no single video
    NO_SUCH_SUBTITLES = "no such subtitles"  # in the language that is wanted, but in others
    AUTOMATIC_SUBTITLES = "automatic subtitles"  # no person has written them
    INCOMPLETE = "incomplete"  # a post without what of it cannot be had
    MORE_IN_POST = "more in post"  # than one answer holds
    SLOW_SITE = "slow site"  # a better one would have taken too long to fetch
    RECORDING_STOPPED = "recording stopped"  # before its end, by a person or with the bot
    RECORDING_FULL = "recording full"  # it has become as large as an answer may be
    STREAM_ENDED = "stream ended"  # before as much was recorded as was wanted
    # Why it is a file and not what a player plays:
    NOT_CONVERTED = "not converted"  # a conversion would take too long
    TOO_LARGE_CONVERTED = "too large converted"
    NOT_CONVERTIBLE = "not convertible"  # a conversion failed


class Stage(StrEnum):
    """Where a request is between the link and its answer."""

    ACCEPTED = "accepted"
    LOOKING = "looking"  # at what there is, for nothing is to be downloaded
    AWAITING_START = "awaiting start"  # of a live stream
    OTHER_RECORDINGS = "other recordings"  # as many as are made at a time
    RECORDING = "recording"  # a live stream
    IN_LINE = "in line"
    PACED = "paced"  # its site has been asked as often as the operator allows in an hour
    NO_ROOM = "no room"  # on the disk
    OUT_OF_ORDER = "out of order"  # no download can be made before the operator has mended it
    MAINTENANCE = "maintenance"  # the operator has paused all downloads
    SITE_WAIT = "site wait"  # the site gives the media only after a while, for its advertisements
    DOWNLOADING = "downloading"
    FINISHING = "finishing"
    RETRYING = "retrying"
    UPLOADING = "uploading"
    PAUSED = "paused"  # the bot stops


@dataclass(frozen=True)
class Retry:
    """Why a download is tried again, and which of how many tries comes next."""

    reason: Reason
    next_try: int
    max_tries: int


@dataclass(frozen=True)
class Progress:
    """How far a request is, mostly by its download's own report. Bytes, bytes per second, seconds.

    `retry` belongs to the stage of that name, and `eta_s` is the time until it then, as it is for a
    site's wait, for its pace and for the end of a recording; `ahead` is
    how many downloads are before this one in the line; `kind` is what is being uploaded.
    `is_silent`: that of a download was some time ago, and nothing has been heard of it since.
    """

    stage: Stage
    done_bytes: int = 0
    total_bytes: int | None = None
    speed_bps: float | None = None
    eta_s: float | None = None
    retry: Retry | None = None
    ahead: int = 0
    kind: MediaKind | None = None
    is_silent: bool = False


@dataclass(frozen=True)
class SiteAccess:
    """How a site is asked, as its operator has decided.

    A `proxy` and a `cookies_file` come in place of those for all sites, and are used from the
    start with `cookies_always`. `options` are those of `worker.settings.site_keys`.
    `hidden_files` are what no download may read, beside what never may be. `cookies_work_ns` tells
    the file whose cookies have worked for other links.
    """

    proxy: str | None = field(default=None, repr=False)
    cookies_file: str | None = None
    cookies_always: bool = False
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    hidden_files: tuple[str, ...] = ()
    cookies_work_ns: int | None = None


USUAL_ACCESS = SiteAccess()


@dataclass(frozen=True)
class Download:
    """Fetch what is wanted of the media behind `url` into `directory`.

    The job makes that directory and owns it. `max_bytes`: how much came in all the time of an
    earlier attempt, which is what this one may fetch. `access` is for the site of `url`. `fresh`:
    what was found behind it lately will not do. `record_s`: how much of a live stream may be
    recorded; 0 for nothing more than is there.
    """

    job_id: int
    url: str
    directory: str
    form: Form = WHOLE
    max_bytes: int | None = None
    access: SiteAccess = USUAL_ACCESS
    fresh: bool = False
    record_s: float = 0.0


@dataclass(frozen=True)
class Identified:
    """A download's report of what it fetches: the key of the media, see `worker.media_keys`."""

    media_key: str


@dataclass(frozen=True)
class YtDlpStarted:
    """A download's report that its session exists: the leader's pid and start, for the journal."""

    pid: int
    started: int


@dataclass(frozen=True)
class Outpaced:
    """A download's report that its time is over, and how many bytes have come in it."""

    done_bytes: int


@dataclass(frozen=True)
class DownloadUsage:
    """A download's report of what it used, when it has come to nothing. Seconds, bytes.

    `log` is the end of what yt-dlp's process wrote, without secrets. `passed_bytes` have passed the
    judge in both directions, None where it has not said.
    """

    run_s: float
    cpu_s: float
    peak_bytes: int
    log: str
    passed_bytes: int | None = None


@dataclass(frozen=True)
class MediaFacts:
    """What is known of one file of media, wherever it lies and whoever has it.

    Sides in pixels as they are seen, rotation included. A video that was cut has `parts`, and
    the file is number `part` of them, counted from 1. A clip says when in the whole it starts.
    """

    kind: MediaKind
    title: str = ""
    uploader: str | None = None
    width: int | None = None
    height: int | None = None
    duration_s: float | None = None
    note: Note | None = None
    part: int = 1
    parts: int = 1
    starts_s: float | None = None


@dataclass(frozen=True)
class MediaFile:
    """One file ready to be sent. Paths are absolute.

    `file_id` is Telegram's id for the file, once Telegram has it.
    """

    path: str
    size_bytes: int
    source_url: str
    facts: MediaFacts
    thumbnail: str | None = None
    file_id: str | None = None


@dataclass(frozen=True)
class Media:
    """What a link gives: one file, or several that belong together, in their order.

    `qualities` are those that its site has of a video, the highest first. `description` is what the
    site says of it, in lines. A link to a list gives no file but what is known of that, and one
    that was only to be looked at a `look`.
    """

    files: tuple[MediaFile, ...]
    qualities: tuple[Quality, ...] = ()
    found_list: MediaList | None = None
    look: MediaLook | None = None
    description: str = ""
    chapters: tuple[Chapter, ...] = ()
    languages: tuple[Language, ...] = ()
    subtitles: tuple[Subtitles, ...] = ()


# --------------------------------------------------------------------------------- telegram

DEFAULT_LANGUAGE = "en"


@dataclass(frozen=True)
class Place:
    """Where a message is shown: in a chat, and in one topic of it if it has topics.

    `thread_id` is the topic's `message_thread_id` in the Bot API.
    """

    chat_id: int
    thread_id: int | None = None


@dataclass(frozen=True)
class Reader:
    """Who reads a message: a chat, and the IETF tag of the language in which it is written.

    `thread_id` as in `Place`.
    """

    chat_id: int
    language: str = DEFAULT_LANGUAGE
    thread_id: int | None = None


@dataclass(frozen=True)
class HandleUpdate:
    """Decide what an update asks for. Answers with a tuple of effects; calls nobody.

    `language` is what the person has set who has sent it, as in `Reader`; None: nothing.
    """

    update: Mapping[str, Any]
    language: str | None = None


@dataclass(frozen=True)
class PostStatus:
    """Send the status message of a request, as a reply to the link. Answers with `Posted`."""

    request_id: int
    reader: Reader
    reply_to: int
    stage: Stage = Stage.ACCEPTED


@dataclass(frozen=True)
class EditStatus:
    """Show progress in the status message; worth nothing once the next one is due."""

    request_id: int
    reader: Reader
    message_id: int
    progress: Progress


class Action(StrEnum):
    """What a chat shows of the bot for five seconds; the value is the name in the Bot API."""

    UPLOAD_VIDEO = "upload_video"
    UPLOAD_VOICE = "upload_voice"
    UPLOAD_PHOTO = "upload_photo"
    UPLOAD_DOCUMENT = "upload_document"


@dataclass(frozen=True)
class ShowAction:
    """Show that the bot is at work; worth nothing once the next one is due."""

    place: Place
    action: Action


@dataclass(frozen=True)
class Deliver:
    """Turn the status message into the file. Answers with `Delivered`.

    With `reply_to`, the link's message, the file comes as a message of its own instead, and the
    status message is removed; otherwise it gets the buttons of its `menu`.
    """

    request_id: int
    reader: Reader
    message_id: int
    file: MediaFile
    reply_to: int | None = None
    menu: Menu | None = None
    captions: Captions = Captions.FULL


@dataclass(frozen=True)
class SendGroup:
    """Send files that belong to the answer beside it. Answers with `GroupSent`.

    At most ten, which one album may hold (`worker.dispatch.albums`). Where Telegram does not take
    them together it may be the first of them alone.
    """

    request_id: int
    reader: Reader
    reply_to: int
    files: tuple[MediaFile, ...]
    captions: Captions = Captions.FULL


@dataclass(frozen=True)
class LiveOffer:
    """What is offered for a live stream, in the form with this code.

    To record so many `minutes` of it, one of them; or where it has not started to tell when it
    does.
    """

    code: str
    minutes: tuple[int, ...]


@dataclass(frozen=True)
class ShowLook:
    """Turn the status message into what is known of media. Answers with `Delivered`, of no file.

    `reply_to` as in `Explain`, but for the buttons: they stand below that message then.
    """

    request_id: int
    reader: Reader
    message_id: int
    look: MediaLook
    reply_to: int | None = None
    offer: LiveOffer | None = None


@dataclass(frozen=True)
class Explain:
    """Turn the status message into one plain sentence that says why there is no media.

    `reason` None stands for a request that its own requester has cancelled. `wait_s` is the time
    after which the same link may work, where that is known; `limit_mb` is how large a file may be,
    and `languages` are those that there are in place of the one that is wanted.
    With `reply_to`, the link's message, the sentence comes as a message of its own instead.
    """

    request_id: int
    reader: Reader
    message_id: int
    reason: Reason | None
    error_id: str = ""
    wait_s: float | None = None
    limit_mb: int | None = None
    reply_to: int | None = None
    languages: tuple[str, ...] = ()
    offer: LiveOffer | None = None


@dataclass(frozen=True)
class ShowList:
    """Turn the status message into what is known of a list. Answers with `Delivered`.

    With `reply_to`, the link's message, that comes as a message of its own instead, without the
    buttons of its `menu`.
    """

    request_id: int
    reader: Reader
    message_id: int
    found: MediaList
    menu: ListMenu
    reply_to: int | None = None


@dataclass(frozen=True)
class ShowSummary:
    """Say how far the items of a batch are, in a new message if there is none. Answers `Posted`."""

    batch_id: int
    reader: Reader
    reply_to: int
    message_id: int | None
    summary: Summary


@dataclass(frozen=True)
class Reply:
    """Say something that is not the answer to a link, a line for each notice."""

    reader: Reader
    reply_to: int | None
    notices: tuple[Notice, ...]


@dataclass(frozen=True)
class AnswerButton:
    """Stop the little clock on a pressed button, with a short notice to who pressed it.

    Before that a `menu`, or a `list_menu`, is shown in place of the buttons that were there.
    Without a `callback_id` nothing was pressed, and the menu has ended by itself.
    """

    callback_id: str
    language: str
    notice: Notice | None
    menu: Menu | None = None
    list_menu: ListMenu | None = None


@dataclass(frozen=True)
class SetMenus:
    """Tell Telegram the menus of commands, and take theirs from who is no admin any more.

    `fingerprint` names what they hold, see `worker.telegram.command_menus`.
    """

    fingerprint: str
    admins: tuple[int, ...]
    former_admins: tuple[int, ...]


@dataclass(frozen=True)
class Posted:
    """The status message stands in the chat."""

    message_id: int


@dataclass(frozen=True)
class Delivered:
    """A file stands in the chat. `file_id` is None when Telegram did not repeat it.

    `kind` is what Telegram made of it (a silent video becomes an animation): the only kind that
    it takes this `file_id` for again. `message_id` is that of an answer with buttons that took
    the status message's place.
    """

    file_id: str | None
    kind: MediaKind | None = None
    message_id: int | None = None


@dataclass(frozen=True)
class GroupSent:
    """The first files of a group stand in the chat, in their order; mostly all of them."""

    sent: tuple[Delivered, ...]


TelegramTask = (
    HandleUpdate
    | PostStatus
    | EditStatus
    | ShowAction
    | Deliver
    | SendGroup
    | ShowLook
    | Explain
    | ShowList
    | ShowSummary
    | Reply
    | AnswerButton
    | SetMenus
)
