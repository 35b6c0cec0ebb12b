"""Find out whether a file ends before its own headers say so.

Only what a file says by itself is looked at. Many files play nevertheless, so this decides only
where nobody else knows the length, and a connection may have ended too early.
"""

import mmap
from pathlib import Path
from typing import BinaryIO

from worker.downloads.media.mp4 import boxes as mp4_boxes

# Ten hours in fragments of two seconds, each in four boxes.
_MAX_BOXES = 80_000
_HOLD_MEDIA = frozenset({b"moof", b"mdat"})
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_LARGEST_VINT = 8
# Programs that do not know the length write numbers from here on, and files above are odd.
_LARGEST_RIFF = 0x7FFF_0000
_RIFF_HEADER = 8
_JPEG, _SCAN, _END_OF_IMAGE = b"\xff\xd8\xff", 0xDA, b"\xff\xd9"
_MAX_SEGMENTS = 1000


def is_cut_off(path: Path) -> bool:
    """Whether Matroska, RIFF, an MP4 or a JPEG lacks its end; False for others."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        file.seek(0)
        if head[4:8] == b"ftyp":
            boxes = mp4_boxes.boxes(file, _MAX_BOXES)
            return any(box.is_cut_off and box.kind in _HOLD_MEDIA for box in boxes)
        if head[:4] == _EBML:
            return _end_of_matroska(file) > size
        if head[:4] == b"RIFF":
            length = int.from_bytes(head[4:8], "little")
            return size < _RIFF_HEADER + length and length < _LARGEST_RIFF
        return head[:3] == _JPEG and not _has_end_of_jpeg(file)


def _end_of_matroska(file: BinaryIO) -> int:
    """Where the first segment ends; 0 if it does not say (RFC 8794, 6.2)."""
    file.seek(len(_EBML))
    header = _vint(file)
    if header is None:
        return 0
    file.seek(header, 1)
    if file.read(4) != _SEGMENT or (length := _vint(file)) is None:
        return 0
    return file.tell() + length


def _vint(file: BinaryIO) -> int | None:
    """A number of one to eight bytes; None if it stands for an unknown size."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    length = _LARGEST_VINT + 1 - first[0].bit_length()
    value = int.from_bytes(first + file.read(length - 1)) & ~(1 << 7 * length)
    return None if value == (1 << 7 * length) - 1 else value


def _has_end_of_jpeg(file: BinaryIO) -> bool:
    """Whether the picture itself ends, and not just the small one in its header (ITU-T T.81, B)."""
    file.seek(2)
    for _ in range(_MAX_SEGMENTS):
        marker = file.read(4)
        if len(marker) < 4:
            return False
        if marker[0] != 0xFF:
            return True  # damaged in another way
        if marker[1] == 0xFF:  # a byte that fills (B.1.1.2)
            file.seek(-3, 1)
            continue
        if marker[1] == _SCAN:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return data.find(_END_OF_IMAGE, file.tell()) >= 0
        file.seek(max(0, int.from_bytes(marker[2:]) - 2), 1)
    return True
