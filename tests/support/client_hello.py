"""A TLS client's first message (RFC 8446, 4.1.2), by which sites tell browsers from programs."""

from __future__ import annotations

import socket
from collections.abc import Iterator

_RECORD_HEADER_BYTES = 5
_ALPN = 16


def is_browsers(connection: socket.socket) -> bool:
    """Whether a browser begins here: with GREASE values (RFC 8701) and an offer of HTTP/2.

    The message is looked at and left to be read.
    """
    header = _peek(connection, _RECORD_HEADER_BYTES)
    length = int.from_bytes(header[3:], "big")
    record = _peek(connection, _RECORD_HEADER_BYTES + length)[_RECORD_HEADER_BYTES:]
    extensions = dict(_extensions(record))
    return b"\x02h2" in extensions.get(_ALPN, b"") and any(map(_is_grease, extensions))


def _peek(connection: socket.socket, count: int) -> bytes:
    return connection.recv(count, socket.MSG_PEEK | socket.MSG_WAITALL)


def _is_grease(number: int) -> bool:
    return number & 0x0F0F == 0x0A0A and number >> 8 == number & 0xFF


def _extensions(record: bytes) -> Iterator[tuple[int, bytes]]:
    # The message's own header, its version and its random bytes, and then three lists.
    rest = record[4 + 2 + 32 :]
    for size_bytes in (1, 2, 1):
        size = int.from_bytes(rest[:size_bytes], "big")
        rest = rest[size_bytes + size :]
    rest = rest[2:]
    while rest:
        size = int.from_bytes(rest[2:4], "big")
        yield int.from_bytes(rest[:2], "big"), rest[4 : 4 + size]
        rest = rest[4 + size :]
