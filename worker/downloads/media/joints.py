"""Find where a file was put together of parts: of advertisements, or what was encoded again.

Players begin again at such a place, and a file goes on as if nothing had happened: with the size
and the clock of its first part. Pure, apart from reading the file. Containers that are not known
here count as one part.
"""

import itertools
import mmap
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from worker.downloads.media import adts
from worker.downloads.media.mp4 import boxes as mp4_boxes
from worker.downloads.media.transport_stream import joints_of_ts

# Ten hours in fragments of two seconds, each in four boxes.
_MAX_BOXES = 80_000
_EBML = re.compile(rb"\x1a\x45\xdf\xa3.{1,60}?(?:webm|matroska)", re.DOTALL)


def parts(path: Path) -> list[tuple[int, int]]:
    """Where in the file its parts begin and end, in bytes; one if it is in one piece."""
    size = path.stat().st_size
    if not size:
        return [(0, 0)]
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        head = bytes(data[:12])
        if head[4:8] in (b"ftyp", b"styp", b"moov"):
            starts = [*_joints_of_mp4(path)]
        elif head[:1] == b"\x47":
            starts = [*joints_of_ts(data)]
        elif head[:4] == b"\x1a\x45\xdf\xa3":
            starts = [found.start() for found in _EBML.finditer(data)][1:]
        elif adts.is_at_start(head):
            starts = [*_joints_of_adts(data)]
        else:
            starts = []
    edges = [0, *starts, size]
    return [*itertools.pairwise(edges)]


def merged(path: Path, edges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same parts, but neighbours as one where an MP4 repeats its index and its clock goes on.

    A player plays these as if they were one piece.
    """
    found: list[tuple[int, int]] = []
    before, time = b"", 0
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for start, end in edges:
            index, then, time = _index(data, start, end), time, _time(data, start, end)
            if index and index == before and then <= time:
                start = found.pop()[0]
            found.append((start, end))
            before = index
    return found


def _index(data: mmap.mmap, start: int, end: int) -> bytes:
    """The first moov box of a part."""
    at = data.find(b"moov", start + 4, end) - 4
    return data[at : at + int.from_bytes(data[at : at + 4], "big")] if at >= 0 else b""


def _time(data: mmap.mmap, start: int, end: int) -> int:
    """When a part begins, as its first fragment tells (ISO/IEC 14496-12, 8.8.12); 0 without."""
    at = data.find(b"tfdt", start, end)
    if not 0 <= at <= end - 16:
        return 0
    return int.from_bytes(data[at + 8 : at + (16 if data[at + 4] else 12)], "big")


def _joints_of_mp4(path: Path) -> Iterator[int]:
    """Where an initialisation section begins that is not the first."""
    position, began, has_index = 0, 0, False
    with open(path, "rb") as file:
        for box in mp4_boxes.boxes(file, _MAX_BOXES):
            if box.kind == b"ftyp":
                began = position
            elif box.kind == b"moov":
                if has_index:
                    yield began or position
                has_index, began = True, 0
            elif box.kind in (b"moof", b"styp") and has_index:
                began = 0
            if not box.size:
                return
            position += box.size


def _joints_of_adts(data: mmap.mmap) -> Iterator[int]:
    """Where the profile, the rate or the channels of AAC frames change."""
    before = b""
    for position, header in adts.frames(data):
        now = bytes((header[2] & 0xFD, header[3] & 0xC0))
        if before and now != before:
            yield position
        before = now
