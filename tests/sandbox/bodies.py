"""Request bodies: read as a stream, uploads straight to disk.

Nothing here holds more than a few hundred kilobytes of an upload in memory, whatever its size.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import dataclass, field
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl

from .errors import ApiError, bad_request

CHUNK = 128 * 1024
MAX_FIELDS = 4 * 1024 * 1024
MAX_PART_HEADER = 16 * 1024
MAX_UPLOADS = 500


class Readable(Protocol):
    """The two methods that a connection's input side must have."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes, fewer only at the end."""
        ...

    def readline(self, limit: int, /) -> bytes:
        """A line with its end, at most `limit` bytes."""
        ...


class BodyCut(Exception):
    """The connection ended before the body did."""


@dataclass(frozen=True)
class Upload:
    """A file part of a multipart body, already on disk."""

    field: str
    file_name: str
    content_type: str
    path: Path
    size: int
    digest: str


@dataclass
class Request:
    """The raw parameters of a call, and its uploads by field name."""

    params: dict[str, Any] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)

    def discard(self) -> None:
        """Remove the uploads that were not kept."""
        for upload in self.uploads.values():
            upload.path.unlink(missing_ok=True)


class BodyStream:
    """A body of known length or in chunks (RFC 9112, 7.1), bounded by `limit` bytes.

    Going over the limit raises a 413, a cut connection `BodyCut`.
    """

    def __init__(self, source: Readable, headers: Message, limit: int) -> None:
        self._source = source
        self._limit = limit
        self._taken = 0
        self._chunked = "chunked" in headers.get("Transfer-Encoding", "").lower()
        self._left = 0 if self._chunked else _content_length(headers)
        self.ended = not self._chunked and self._left == 0
        if self._left > limit:
            raise ApiError(413, "Request Entity Too Large")

    def read(self, size: int) -> bytes:
        """Some bytes, at most `size`; none at the end of the body."""
        if self._chunked and not self._left and not self.ended:
            self._next_chunk()
        if self.ended:
            return b""
        data = self._source.read(min(size, self._left))
        if not data:
            raise BodyCut
        self._left -= len(data)
        self._taken += len(data)
        if self._taken > self._limit:
            raise ApiError(413, "Request Entity Too Large")
        if not self._left:
            if self._chunked:
                self._source.readline(8)
            else:
                self.ended = True
        return data

    def read_all(self) -> bytes:
        """The whole body, which must be small."""
        parts: list[bytes] = []
        total = 0
        while data := self.read(CHUNK):
            total += len(data)
            if total > MAX_FIELDS:
                raise ApiError(413, "Request Entity Too Large: too much parameters")
            parts.append(data)
        return b"".join(parts)

    def drain(self, limit: int) -> bool:
        """Discard the rest of the body; False if that is more than `limit` bytes."""
        self._limit = self._taken + limit
        try:
            while self.read(CHUNK):
                pass
        except (ApiError, BodyCut, OSError):
            return False
        return True

    def _next_chunk(self) -> None:
        line = self._source.readline(1024)
        try:
            self._left = int(line.split(b";")[0].strip(), 16)
        except ValueError:
            raise (bad_request("wrong chunk size") if line else BodyCut()) from None
        if self._left == 0:
            self.ended = True
            while self._source.readline(8192) not in (b"\r\n", b"\n", b""):
                pass


def _content_length(headers: Message) -> int:
    value = headers.get("Content-Length") or "0"
    if not value.isdigit():
        raise bad_request("wrong Content-Length")
    return int(value)


def read_request(query: str, headers: Message, body: BodyStream, folder: Path) -> Request:
    """All parameters of a call: those of the query string, then those of the body."""
    request = Request(params=dict(parse_qsl(query, keep_blank_values=True)))
    content_type = headers.get("Content-Type", "")
    kind = content_type.split(";")[0].strip().lower()
    if kind == "multipart/form-data":
        boundary = headers.get_param("boundary")
        if not isinstance(boundary, str) or not boundary:
            raise bad_request("boundary not found")
        try:
            _read_multipart(body, boundary, folder, request)
        except BaseException:
            request.discard()
            raise
    elif kind == "application/json":
        request.params |= _json_fields(body.read_all())
    elif kind == "application/x-www-form-urlencoded":
        text = body.read_all().decode("utf-8", "replace")
        request.params |= dict(parse_qsl(text, keep_blank_values=True))
    elif body.read(1):
        raise ApiError(415, "Unsupported Media Type")
    return request


def _json_fields(data: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(data or b"{}")
    except ValueError:
        raise bad_request("can't parse the JSON body") from None
    if not isinstance(fields, dict):
        raise bad_request("the JSON body must be an Object")
    return fields


class _Lookahead:
    """A buffer over the body that can hand out everything before a separator."""

    def __init__(self, body: BodyStream) -> None:
        self._body = body
        self._buffer = bytearray()

    def before(self, mark: bytes) -> bytes | None:
        """The next piece before `mark`; None when the mark itself was reached and skipped."""
        while True:
            at = self._buffer.find(mark)
            if at == 0:
                del self._buffer[: len(mark)]
                return None
            # Without a mark in sight its beginning may still be the buffer's last bytes.
            ready = at if at > 0 else len(self._buffer) - len(mark) + 1
            if ready > 0:
                piece = bytes(self._buffer[:ready])
                del self._buffer[:ready]
                return piece
            self._fill()

    def upto(self, mark: bytes, limit: int) -> bytes:
        """Everything before `mark`, which is skipped; at most `limit` bytes."""
        found = bytearray()
        while (piece := self.before(mark)) is not None:
            found += piece
            if len(found) > limit:
                raise ApiError(413, "Request Entity Too Large: too much parameters")
        return bytes(found)

    def take(self, size: int) -> bytes:
        """Exactly `size` bytes."""
        while len(self._buffer) < size:
            self._fill()
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _fill(self) -> None:
        data = self._body.read(CHUNK)
        if not data:
            raise bad_request("the multipart body ends too early")
        self._buffer += data


def _read_multipart(body: BodyStream, boundary: str, folder: Path, request: Request) -> None:
    mark = b"\r\n--" + boundary.encode()
    ahead = _Lookahead(body)
    ahead.upto(mark[2:], MAX_PART_HEADER)
    while ahead.take(2) != b"--":
        lines = ahead.upto(b"\r\n\r\n", MAX_PART_HEADER).decode("utf-8", "replace").lstrip()
        header = Parser().parsestr(lines + "\n\n")
        name = header.get_param("name", header="content-disposition")
        file_name = header.get_param("filename", header="content-disposition")
        if not isinstance(name, str) or not name:
            raise bad_request("field name in multipart/form-data not found")
        if isinstance(file_name, str):
            if len(request.uploads) >= MAX_UPLOADS:
                raise ApiError(413, "Request Entity Too Large: too much files attached")
            content_type = header.get_content_type()
            upload = _save_part(ahead, mark, folder, name, file_name, content_type)
            request.uploads[name] = upload
        else:
            request.params[name] = ahead.upto(mark, MAX_FIELDS).decode("utf-8", "replace")
    while body.read(CHUNK):
        pass


def _save_part(
    ahead: _Lookahead, mark: bytes, folder: Path, name: str, file_name: str, content_type: str
) -> Upload:
    digest = hashlib.sha256()
    size = 0
    with tempfile.NamedTemporaryFile(dir=folder, prefix="upload-", delete=False) as file:
        path = Path(file.name)
        try:
            while (piece := ahead.before(mark)) is not None:
                file.write(piece)
                digest.update(piece)
                size += len(piece)
        except BaseException:
            path.unlink()
            raise
    return Upload(name, file_name, content_type, path, size, digest.hexdigest())
