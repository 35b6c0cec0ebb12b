"""Read what an MP4 file says of itself, without starting a program."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from worker.downloads.media.contents import Contents
from worker.downloads.media.mp4 import tracks
from worker.downloads.media.mp4.boxes import ENCRYPTED, boxes

_MVHD_BYTES = 40
# The box of encrypted streams in which their protection is described (ISO/IEC 14496-12, 8.12).
_PROTECTION = b"sinf"
_UNKNOWN_LENGTHS = frozenset({(1 << 32) - 1, (1 << 64) - 1})  # ISO/IEC 14496-12, 8.2.2.3
_QUICKTIME = b"qt  "


@dataclass(frozen=True)
class Mp4:
    """What a file says of itself, which need not be an MP4.

    `is_streamable` when the index comes before the media, which is not in fragments: only then
    can a player begin before it has the whole file. `is_cut_off` when a box ends beyond the end
    of the file, `is_encrypted` when a stream is. QuickTime files have the same structure, but
    `is_mp4` is False for them. `contents` is only known of ordinary files (see `tracks`); ask
    ffprobe about others.
    """

    is_mp4: bool
    is_streamable: bool
    duration_s: float | None
    is_cut_off: bool = False
    contents: Contents | None = None
    is_encrypted: bool = False


def read(path: Path) -> Mp4:
    """Read the file at `path` in milliseconds and a few megabytes. Raises OSError."""
    contents = tracks.read(path)
    with open(path, "rb") as file:
        kinds: list[bytes] = []
        brand, duration_s, is_cut_off = b"", None, False
        for box in boxes(file):
            if not kinds:
                if box.kind != b"ftyp":
                    break
                brand = file.read(4)
            kinds.append(box.kind)
            is_cut_off = box.is_cut_off
            if box.kind == b"moov":
                duration_s = _duration_s(file.read(_MVHD_BYTES))
            # If the media comes first, the index comes after it or in fragments.
            if box.kind in {b"moof", b"mdat"} or not box.size:
                break
        is_encrypted = bool(kinds) and contents is None and _is_encrypted(file)
    return Mp4(
        is_mp4=bool(kinds) and brand != _QUICKTIME,
        is_streamable=b"moov" in kinds and b"moof" not in kinds,
        duration_s=duration_s,
        is_cut_off=is_cut_off,
        contents=contents,
        is_encrypted=is_encrypted,
    )


def _is_encrypted(file: BinaryIO) -> bool:
    """Whether the index announces an encrypted stream."""
    for box in boxes(file):
        if box.kind == b"moov":
            index = file.read(min(box.content_size, tracks.LARGEST_INDEX_BYTES))
            return _PROTECTION in index and any(kind in index for kind in ENCRYPTED)
        if not box.size:
            break
    return False


def _duration_s(movie: bytes) -> float | None:
    """The duration in the first box of a `moov` box, which is `mvhd` in nearly all files."""
    if len(movie) < _MVHD_BYTES or movie[4:8] != b"mvhd":
        return None
    if movie[8] == 1:
        scale, length = struct.unpack(">IQ", movie[28:40])
    else:
        scale, length = struct.unpack(">II", movie[20:28])
    return length / scale if scale and length and length not in _UNKNOWN_LENGTHS else None
