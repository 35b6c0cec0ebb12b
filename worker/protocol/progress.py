"""How far a request is, as its status message shows it."""

from dataclasses import dataclass
from enum import StrEnum

from worker.errors import Reason
from worker.protocol.media import MediaKind


class Stage(StrEnum):
    """Where a request is between the link and its answer."""

    ACCEPTED = "accepted"
    LOOKING = "looking"  # at the media, of which nothing is to be downloaded
    AWAITING_START = "awaiting start"  # of a live stream
    OTHER_RECORDINGS = "other recordings"  # as many as are made at a time
    RECORDING = "recording"  # a live stream
    IN_LINE = "in line"
    PACED = "paced"  # its site has been asked as often as the operator allows in an hour
    NO_ROOM = "no room"  # on the disk
    OUT_OF_ORDER = "out of order"  # no download is possible until the operator mends something
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

    `retry` belongs to the stage `RETRYING`. `eta_s` is the time until the stage ends: until the
    next try, the end of a site's wait or its pace, or the end of a recording. `ahead` is how many
    downloads are before this one in the line; `kind` is what is being uploaded. `is_silent`: a
    download has not reported for some time.
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
