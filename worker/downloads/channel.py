"""The pipe from a download process to its worker: one line of JSON for each message.

`Sender` runs in the download process, which has parsed a stranger's page and is not trusted.
`Receiver` runs in the worker, bounds the length of a line and has `decoding` check what is in it.
"""

import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from worker.downloads.decoding import Garbled, decode
from worker.downloads.reports import (
    DESCRIPTION_LIMIT,
    DETAIL_LIMIT,
    LARGEST_BYTES,
    LARGEST_SECONDS,
    MAX_FILES,
    TITLE_LIMIT,
    WORD_LIMIT,
    DownloadMessage,
    FoundMedia,
    NeedsPlayer,
    Result,
)
from worker.downloads.text import clean_lines
from worker.errors import JobError
from worker.protocol import Progress
from worker.protocol.as_json import to_json
from worker.protocol.choices import MAX_SUBTITLES, Quality, SiteOffer
from worker.protocol.looks import MediaLook

LINE_LIMIT_BYTES = MAX_FILES * 16 * 1024
"""The longest message. A title and a name of 400 characters each, escaped, are 10 KB in the worst
case, and each file of an answer may have them. An item of a list is 4 KB with its link and 100
characters of a title, and there are four times as many. A description, which one file alone has, is
36 KB."""

_Figure = TypeVar("_Figure", int, float)

_CHUNK_BYTES = 64 * 1024

_KINDS: Mapping[type[object], str] = {
    Progress: "progress",
    FoundMedia: "found",
    NeedsPlayer: "needs_player",
}


class Sender:
    """The download process's end of the pipe; it writes to `fd`.

    Figures of a site that cannot be true are left out: the receiver would refuse the message.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        # yt-dlp calls progress hooks from the threads that fetch fragments.
        self._lock = threading.Lock()

    def report(self, message: Progress | FoundMedia | NeedsPlayer) -> None:
        """Report progress, what was found, or what is needed."""
        if isinstance(message, Progress):
            message = _believed(message)
        self._send({_KINDS[type(message)]: vars(message)})

    def send_result(self, result: Result) -> None:
        """Send the files of a download; the last message of its process."""
        self._send({"finished": to_json(replace(result, offer=_believed_offer(result.offer)))})

    def send_look(self, look: MediaLook) -> None:
        """Send what a look has found; the last message of its process."""
        self._send({"looked": to_json(_believed_look(look))})

    def send_failure(self, error: JobError) -> None:
        """Send why there is no file; the last message of the process."""
        fields = {
            "reason": error.reason,
            "fault": error.fault,
            "detail": error.detail[:DETAIL_LIMIT],
            "retry_after_s": _believable(error.retry_after_s, LARGEST_SECONDS),
            "remedy": error.remedy,
            "languages": error.languages[:MAX_SUBTITLES],
        }
        self._send({"failed": fields})

    def _send(self, message: dict[str, Any]) -> None:
        line = json.dumps(message).encode() + b"\n"
        with self._lock:
            while line:
                line = line[os.write(self.fd, line) :]


def _believed_offer(offer: SiteOffer) -> SiteOffer:
    qualities = _believed_qualities(offer.qualities)
    description = clean_lines(offer.description, DESCRIPTION_LIMIT)
    return replace(offer, qualities=qualities, description=description)


def _believed_qualities(qualities: Iterable[Quality]) -> tuple[Quality, ...]:
    return tuple(
        replace(each, size_bytes=_believable(each.size_bytes, LARGEST_BYTES)) for each in qualities
    )


def _believed_look(look: MediaLook) -> MediaLook:
    return replace(
        look,
        title=look.title[:TITLE_LIMIT],
        uploader=look.uploader and look.uploader[:WORD_LIMIT],
        description=look.description[:DESCRIPTION_LIMIT],
        duration_s=_believable(look.duration_s, LARGEST_SECONDS),
        views=_believable(look.views, LARGEST_BYTES),
        qualities=_believed_qualities(look.qualities),
        results=tuple(
            replace(
                each,
                title=each.title[:TITLE_LIMIT],
                uploader=each.uploader and each.uploader[:WORD_LIMIT],
                duration_s=_believable(each.duration_s, LARGEST_SECONDS),
            )
            for each in look.results
        ),
    )


def _believed(progress: Progress) -> Progress:
    return replace(
        progress,
        total_bytes=_believable(progress.total_bytes, LARGEST_BYTES),
        speed_bps=_believable(progress.speed_bps, LARGEST_BYTES),
        eta_s=_believable(progress.eta_s, LARGEST_SECONDS),
    )


def _believable(figure: _Figure | None, largest: float) -> _Figure | None:
    """The figure; None for one that cannot be true."""
    return figure if figure is not None and 0 <= figure <= largest else None


class Receiver:
    """The worker's end of the pipe: turns bytes into messages."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[DownloadMessage]:
        """The messages that `data` completes. Raises Garbled."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if max(map(len, [*lines, self._rest])) > LINE_LIMIT_BYTES:
            raise Garbled("a message is too long")
        return map(decode, lines)


def read_chunk(fd: int) -> bytes | None:
    """What is in a pipe that does not block: None for nothing yet, b"" at end-of-file."""
    try:
        return os.read(fd, _CHUNK_BYTES)
    except BlockingIOError:
        return None
