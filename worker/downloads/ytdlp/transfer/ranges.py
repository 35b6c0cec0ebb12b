"""Give a piece its range of bytes though the server sends another, or all of the file."""

import io
from http import HTTPStatus
from typing import Any

from yt_dlp.networking.common import Response
from yt_dlp.networking.exceptions import IncompleteRead, TransportError
from yt_dlp.utils import int_or_none, parse_http_range

_CHUNK_BYTES = 64 * 1024


class RangesIgnored(Exception):
    """A server has sent a file, or another part of it, for one of its pieces."""


def is_met(request: Any, response: Any) -> bool:
    """Whether a response holds just the bytes that were asked for.

    Also if it holds all of a file whose end was asked for: yt-dlp begins again then.
    """
    start, end, _ = parse_http_range(request.headers.get("Range"))
    if start is None:
        return True
    sent_from, sent_to, size = _told(response)
    if sent_from is None:
        is_part = response.status == HTTPStatus.PARTIAL_CONTENT and end is not None
        return end is None or (is_part and length_of(response) == end - start + 1)
    return bool(sent_from == start and sent_to == _last(end, size, sent_to))


def end_of(request: Any) -> int | None:
    """The last byte that a request asks for; None if that is the end of the file."""
    end: int | None = parse_http_range(request.headers.get("Range"))[1]
    return end


def cut(request: Any, response: Any) -> Response:
    """The response as a server that serves ranges would have sent it.

    Raises TransportError if it does not have the beginning of what was asked for.
    """
    start: int
    start, end, _ = parse_http_range(request.headers.get("Range"))  # type: ignore[assignment]
    sent_from, sent_to, size = _told(response)
    if sent_from is None:
        sent_from, size = 0, length_of(response)
    last = _last(end, size, sent_to)
    if sent_from > start or last is None or (sent_to is not None and sent_to < start):
        response.close()
        raise TransportError("another range than was asked for")
    length = max(0, last - start + 1)
    headers = dict(response.headers.items())
    headers |= {"Content-Range": f"bytes {start}-{last}/{size or '*'}"}
    headers |= {"Content-Length": str(length)}
    source = _Cut(response, start - sent_from, length)
    return Response(source, response.url, headers, status=HTTPStatus.PARTIAL_CONTENT)


def _told(response: Any) -> tuple[int | None, int | None, int | None]:
    """Where the sent bytes begin and end, the last one included, and the size of the file."""
    start, end, size = parse_http_range(response.headers.get("Content-Range"))
    return start, end, size


def _last(end: int | None, size: int | None, sent_to: int | None) -> int | None:
    """The last byte that there is to send; playlists may promise more than there is."""
    ends = [each for each in (end, size - 1 if size else None) if each is not None]
    return min(ends, default=sent_to)


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
        if wanted and not data:
            # So that the rest is asked for.
            raise IncompleteRead(0, self._left)
        self._left -= len(data)
        return bytes(data)

    def close(self) -> None:
        self._response.close()
        super().close()
