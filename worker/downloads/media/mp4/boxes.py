"""The outline of an MP4 file, read from its box headers alone (ISO/IEC 14496-12).

Enough to know whether a player must fetch the whole file before its first picture, and whether
the file ends where it says, without starting a program for the question. `tracks` says more.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_MOST_BOXES = 64
_MVHD_BYTES = 40


@dataclass(frozen=True)
class Box:
    """One box of a file: its kind, its bytes with and without its header, as it says itself.

    A size of 0 means: to the end of the file. `is_cut_off` when it ends behind that.
    """

    kind: bytes
    size: int
    content_size: int
    is_cut_off: bool


@dataclass(frozen=True)
class Outline:
    """What stands where: `is_streamable` when the index comes before the media, unfragmented.

    QuickTime's own files look the same and are no MP4. `is_cut_off` when a box ends behind the
    end of the file.
    """

    is_mp4: bool
    is_streamable: bool
    duration_s: float | None
    is_cut_off: bool = False


NOT_MP4 = Outline(is_mp4=False, is_streamable=False, duration_s=None)

_QUICKTIME = b"qt  "


def outline(path: Path) -> Outline:
    """The outline of `path`; `NOT_MP4` for anything else. Raises OSError."""
    with open(path, "rb") as file:
        seen: list[bytes] = []
        brand, duration_s, is_cut_off = b"", None, False
        for box in boxes(file):
            if not seen:
                if box.kind != b"ftyp":
                    return NOT_MP4
                brand = file.read(4)
            seen.append(box.kind)
            is_cut_off = box.is_cut_off
            if box.kind == b"moov":
                duration_s = _duration_s(file.read(_MVHD_BYTES))
            if box.kind in {b"moof", b"mdat"} or not box.size:
                break
    # With the media found first, the index stands behind it or in pieces between.
    return Outline(
        is_mp4=bool(seen) and brand != _QUICKTIME,
        is_streamable=b"moov" in seen and b"moof" not in seen,
        duration_s=duration_s,
        is_cut_off=is_cut_off,
    )


def boxes(file: BinaryIO) -> Iterator[Box]:
    """The outermost boxes of a file, the first few of them.

    The file stands at the box's content while that is looked at.
    """
    position, end = 0, os.fstat(file.fileno()).st_size
    for _ in range(_MOST_BOXES):
        if position >= end:  # a size is any number that somebody wrote there
            return
        file.seek(position)
        header = file.read(8)
        if len(header) < 8:
            return
        size, kind = struct.unpack(">I4s", header)
        header_size = 8
        if size == 1:  # the real size follows, in 64 bits
            size, header_size = int.from_bytes(file.read(8), "big"), 16
        if size and size < header_size:
            return
        yield Box(kind, size, max(0, size - header_size), position + size > end)
        position += size


def _duration_s(movie: bytes) -> float | None:
    """The duration in a `moov` box's first box, which is `mvhd` in every file but odd ones."""
    if len(movie) < _MVHD_BYTES or movie[4:8] != b"mvhd":
        return None
    if movie[8] == 1:
        scale, length = struct.unpack(">IQ", movie[28:40])
    else:
        scale, length = struct.unpack(">II", movie[20:28])
    return length / scale if scale and length else None
