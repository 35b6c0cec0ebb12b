"""Fetch only what a span needs of an MP4 on a server: its index, and one range of its bytes."""

import contextlib
import re
import struct
from pathlib import Path
from typing import Any

from yt_dlp.utils import YoutubeDLError

from worker.downloads.media.mp4 import part
from worker.downloads.media.mp4.h264 import Unusual
from worker.downloads.media.mp4.part import Part
from worker.downloads.spans import Span
from worker.downloads.ytdlp.formats.streams import Format
from worker.downloads.ytdlp.network.page_limits import LimitedYoutubeDL

_HEAD_BYTES = 32 * 1024
_MAX_INDEX_BYTES = 16 * 1024 * 1024
_MAX_BOXES = 20
_COPY_BYTES = 1 << 20
# A part that is hardly smaller than the whole is not worth the trouble.
_WORTH = 0.8
# What is raised by tables that cannot be true.
_UNREADABLE = (Unusual, struct.error, ArithmeticError, LookupError, ValueError)
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


def plan(ydl: LimitedYoutubeDL, media: Format, span: Span) -> Part | None:
    """Which part of a file to fetch; None for one that is better fetched whole.

    Raises JobError for a span that is after the end.
    """
    with contextlib.suppress(YoutubeDLError, OSError, *_UNREADABLE):
        file = _RemoteFile(ydl, media)
        found = _part(file, span)
        if 0 < found.end - found.start < _WORTH * file.size and found.end <= file.size:
            return found
    return None


def as_range(media: Format, found: Part) -> dict[str, Any]:
    """The format as yt-dlp fetches the bytes of this part of it."""
    where = {"Range": f"bytes={found.start}-{found.end - 1}"}
    return {**media, "http_headers": {**(media.get("http_headers") or {}), **where}}


def complete(path: Path, found: Part) -> None:
    """Put the head before the bytes that have come."""
    target = path.with_name(f"{path.name}.whole")
    with open(target, "wb") as file, open(path, "rb") as source:
        file.write(found.head)
        while data := source.read(_COPY_BYTES):
            file.write(data)
    target.replace(path)


def _part(file: "_RemoteFile", span: Span) -> Part:
    """Look for the index among the outermost boxes."""
    at, head, index = 0, b"", b""
    for _ in range(_MAX_BOXES):
        size, kind, header = file.box_at(at)
        if kind == b"sidx":
            content = memoryview(file.read(at + header, size - header))
            return part.of_fragments(head + index, content, at + size, span)
        if kind in (b"ftyp", b"moov"):
            data = file.read(at, size)
            head, index = (data, index) if kind == b"ftyp" else (head, data)
        if index and head and b"mvex" not in index:
            return part.of_index(head, memoryview(index)[8:], span)
        at += size
    raise Unusual("no index")


class _RemoteFile:
    """A file on a server that serves ranges. Raises Unusual for another."""

    def __init__(self, ydl: LimitedYoutubeDL, media: Format) -> None:
        self._ydl = ydl
        self._media = media
        self.size = 0
        self._at = 0
        self._data = b""
        self._fetch(0, _HEAD_BYTES)

    def box_at(self, at: int) -> tuple[int, bytes, int]:
        """The size and the kind of a box, and the size of its header."""
        size, kind = struct.unpack(">I4s", self.read(at, 8))
        header = 8
        if size == 1:
            size, header = struct.unpack(">Q", self.read(at + 8, 8))[0], 16
        size = size or self.size - at
        if size < header or at + size > self.size:
            raise Unusual(f"a box {kind!r} of {size} bytes")
        return size, kind, header

    def read(self, at: int, size: int) -> bytes:
        """Read so many bytes from an offset on."""
        if size > _MAX_INDEX_BYTES or at + size > self.size:
            raise Unusual(f"{size} bytes of an index")
        if not self._at <= at or at + size > self._at + len(self._data):
            self._fetch(at, max(size, _HEAD_BYTES))
        found = self._data[at - self._at :][:size]
        if len(found) < size:
            raise Unusual("an index that is cut off")
        return found

    def _fetch(self, at: int, size: int) -> None:
        wanted = f"bytes={at}-{at + size - 1}"
        request = self._ydl.request_for(
            self._media, Range=wanted, **{"Accept-Encoding": "identity"}
        )
        response = self._ydl.urlopen(request)
        with contextlib.closing(response):
            told = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range") or "")
            if not told or int(told[1]) != at:
                raise Unusual("a server without ranges")
            self.size, self._at, data = int(told[2]), at, b""
            while chunk := response.read(size - len(data)):
                data += chunk
        self._data = data
