"""Give a piece its range of bytes though the server ignores ranges and sends all of the file."""

import io
from typing import Any

from yt_dlp.networking.common import Response
from yt_dlp.utils import int_or_none, parse_http_range

_CHUNK_BYTES = 64 * 1024


class RangesIgnored(Exception):
    """A server has sent a file for one of its pieces."""


def is_ignored(request: Any, response: Any) -> bool:
    """Whether a response holds the whole file though a range with an end was asked for."""
    return end_of(request) is not None and not response.headers.get("Content-Range")


def end_of(request: Any) -> int | None:
    """The last byte that a request asks for; None if that is the end of the file."""
    end: int | None = parse_http_range(request.headers.get("Range"))[1]
    return end


def cut(request: Any, response: Any) -> Response:
    """The response as a server that serves ranges would have sent it."""
    start: int
    end: int
    start, end, _ = parse_http_range(request.headers.get("Range"))  # type: ignore[assignment]
    headers, size = dict(response.headers.items()), length_of(response)
    if size is not None:
        # Playlists may promise more than there is.
        end = min(end, size - 1)
    length = max(0, end - start + 1)
    headers |= {"Content-Range": f"bytes {start}-{end}/{size or '*'}"}
    headers |= {"Content-Length": str(length)}
    return Response(_Cut(response, start, length), response.url, headers, status=206)


def length_of(response: Any) -> int | None:
    """How many bytes a response says it has; None if it does not say, or is compressed."""
    if response.headers.get("Content-Encoding"):
        return None
    length: int | None = int_or_none(response.headers.get("Content-Length"))
    return length


class _Cut(io.RawIOBase):
    """A response, cut to a range of its bytes."""

    def __init__(self, response: Any, skipped: int, length: int) -> None:
        self._response = response
        self._skipped = skipped
        self._left = length

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        while self._skipped:
            data = self._response.read(min(self._skipped, _CHUNK_BYTES))
            if not data:
                return b""
            self._skipped -= len(data)
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        data = self._response.read(wanted) if wanted else b""
        self._left -= len(data)
        return bytes(data)

    def close(self) -> None:
        self._response.close()
        super().close()
