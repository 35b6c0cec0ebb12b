"""What media is: its kind, its facts, its files, and how it differs from what was asked for."""

from dataclasses import dataclass
from enum import StrEnum

from worker.protocol.choices import NO_OFFER, SiteOffer
from worker.protocol.lists import MediaList
from worker.protocol.looks import MediaLook


class MediaKind(StrEnum):
    """How Telegram shows a file; the value is the name in the Bot API."""

    VIDEO = "video"
    AUDIO = "audio"
    VOICE = "voice"
    ANIMATION = "animation"
    PHOTO = "photo"
    DOCUMENT = "document"


class Note(StrEnum):
    """How the media differs from what the link promised; each member has a sentence for people."""

    LOWER_QUALITY = "lower quality"  # a better one is too large
    AUDIO_ONLY = "audio only"  # every video is too large
    NO_SPONSORBLOCK = "no SponsorBlock"  # it could not be asked, or its cuts could not be made
    EARLY_START = "early start"  # a clip that begins at the key frame before it
    CUT = "cut"  # the file is too large, and its parts are not
    NO_SUBTITLES_INSIDE = "no subtitles inside"  # because it is no single video
    NO_SUCH_SUBTITLES = "no such subtitles"  # in the language that is wanted, but in others
    AUTOMATIC_SUBTITLES = "automatic subtitles"  # no person has written them
    INCOMPLETE = "incomplete"  # a post without the items that cannot be had
    MORE_IN_POST = "more in post"  # than one answer holds
    SLOW_SITE = "slow site"  # a better one would have taken too long to fetch
    RECORDING_STOPPED = "recording stopped"  # before its end, by a person or with the bot
    RECORDING_FULL = "recording full"  # it has become as large as an answer may be
    STREAM_ENDED = "stream ended"  # before as much was recorded as was wanted
    PARTS_LEFT_OUT = "parts left out"  # of a recording: they differ from most of it
    # Why it is a file and not what a player plays:
    NOT_CONVERTED = "not converted"  # a conversion would take too long
    TOO_LARGE_CONVERTED = "too large converted"
    NOT_CONVERTIBLE = "not convertible"  # a conversion failed


@dataclass(frozen=True)
class MediaFacts:
    """What is known about one file of media, wherever it is.

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

    `source_url` is the link that the file answers, and `file_id` Telegram's id for it, once
    Telegram has it.
    """

    path: str
    size_bytes: int
    source_url: str
    facts: MediaFacts
    thumbnail: str | None = None
    file_id: str | None = None


@dataclass(frozen=True)
class Media:
    """What a link leads to: one file, or several that belong together, in their order.

    A link to a list gives `found_list` in place of files, and one that was only to be looked at
    gives a `look`.
    """

    files: tuple[MediaFile, ...]
    offer: SiteOffer = NO_OFFER
    found_list: MediaList | None = None
    look: MediaLook | None = None
