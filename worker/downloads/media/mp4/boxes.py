"""The outermost boxes of an MP4 file, found by their headers alone (ISO/IEC 14496-12, 4.2)."""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

ENCRYPTED = (b"encv", b"enca")
"""The kinds of the sample entries of encrypted streams (ISO/IEC 14496-12, 8.12)."""

_MAX_BOXES = 64


@dataclass(frozen=True)
class Box:
    """One box: its kind, and its size in bytes with and without the header, as the header says.

    A size of 0 means that it extends to the end of the file. `is_cut_off` when it ends beyond
    the end of the file.
    """

    kind: bytes
    size: int
    content_size: int
    is_cut_off: bool


def boxes(file: BinaryIO, most: int = _MAX_BOXES) -> Iterator[Box]:
    """The outermost boxes of a file, only the first few unless `most` says more.

    While a box is looked at, the file is positioned at its content.
    """
    position, end = 0, os.fstat(file.fileno()).st_size
    for _ in range(most):
        if position >= end:  # any number may have been written as a size
            return
        file.seek(position)
        header = file.read(8)
        if len(header) < 8:
            return
        size, kind = struct.unpack(">I4s", header)
        header_size = 8
        if size == 1:  # the real size follows in 64 bits
            size, header_size = int.from_bytes(file.read(8), "big"), 16
        if size and size < header_size:
            return
        yield Box(kind, size, max(0, size - header_size), position + size > end)
        position += size
