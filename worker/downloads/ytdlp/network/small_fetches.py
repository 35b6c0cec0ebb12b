"""Fetch small things besides the media: a song's cover, the first bytes of a video.

Nothing depends on them, so a failure means going on without.
"""

import contextlib
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from yt_dlp.utils import YoutubeDLError

from worker.downloads.file_names import cover_path
from worker.downloads.media.mp4 import beginning
from worker.downloads.ytdlp.formats.streams import Format
from worker.downloads.ytdlp.network.page_limits import LimitedYoutubeDL
from worker.errors import JobError

_TIMEOUT_S = 5.0
# Enough for the index of most videos, or for the part of it that names the codecs.
_BEGINNING_BYTES = 256 * 1024


def fetch_cover(ydl: LimitedYoutubeDL, path: Path, info: Mapping[str, Any]) -> None:
    """Fetch the cover of the song at `path`, if its site has one."""
    url = info.get("thumbnail")
    if url and info.get("vcodec") == "none":
        with without_failures():
            cover_path(path).write_bytes(ydl.urlopen(url).read())


def codecs_of(ydl: LimitedYoutubeDL, media: Format) -> dict[str, str]:
    """The codecs of a format by its first bytes, in yt-dlp's fields; empty if these do not say."""
    data = b""
    with without_failures():
        response = ydl.urlopen(ydl.request_for(media, Range=f"bytes=0-{_BEGINNING_BYTES - 1}"))
        with contextlib.closing(response):
            # A server may ignore the range, or send it in pieces.
            while chunk := response.read(_BEGINNING_BYTES - len(data)):
                data += chunk
    return beginning.codecs(data)


@contextlib.contextmanager
def without_failures() -> Iterator[None]:
    """Run the block for a few seconds at most, and end it in silence when something fails."""
    with (
        contextlib.suppress(YoutubeDLError, JobError, OSError, ValueError),
        _timeout(_TIMEOUT_S),
    ):
        yield


@contextlib.contextmanager
def _timeout(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the block after `seconds`, and again each second.

    Once is not enough, because yt-dlp tries its next request handler when one has failed.
    """

    def end(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
