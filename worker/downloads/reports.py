"""What a download process tells its worker, and how much of it may be said.

The process has parsed a stranger's page: `worker.downloads.decoding` believes none of it unseen.
"""

from dataclasses import dataclass

from worker.errors import JobError
from worker.protocol import MediaFacts, Progress
from worker.protocol.choices import NO_OFFER, SiteOffer
from worker.protocol.lists import MediaList
from worker.protocol.looks import MediaLook

TITLE_LIMIT = 300
WORD_LIMIT = 200
DETAIL_LIMIT = 1000
DESCRIPTION_LIMIT = 2000

MAX_FILES = 50
"""The most files of one answer: five full albums. TikTok takes 35 pictures in a post, others 20."""

MAX_QUALITIES = 12
"""The most qualities among which people can choose: more would not fit on a screen."""

LARGEST_BYTES = 1 << 50
LARGEST_SECONDS = 1e7

LONGEST_WAIT_S = 24 * 3600.0
"""The longest that a site may have a download wait before it is tried again."""


@dataclass(frozen=True)
class FoundMedia:
    """What a link leads to, by yt-dlp's names, as the download process claims."""

    extractor: str
    media_id: str


@dataclass(frozen=True)
class NeedsPlayer:
    """A download waits for the player at this address, see `worker.downloads.players`."""

    address: str


@dataclass(frozen=True)
class ReadyFile:
    """A file that can be sent, as the download process claims.

    `name` and `thumbnail` are file names in the download's directory.
    """

    name: str
    facts: MediaFacts
    thumbnail: str | None = None


@dataclass(frozen=True)
class Result:
    """The last message of a successful download: its files in order, as in `Media`."""

    files: tuple[ReadyFile, ...]
    offer: SiteOffer = NO_OFFER
    found_list: MediaList | None = None


@dataclass(frozen=True)
class Looked:
    """The last message of a successful look."""

    look: MediaLook


DownloadMessage = Progress | FoundMedia | NeedsPlayer | Result | Looked | JobError
