"""Read AAC in a file of its own: ADTS frames (ISO/IEC 14496-3, 1.A.2) with ID3 tags in between."""

import mmap
from collections.abc import Iterator
from pathlib import Path

from worker.downloads.media import id3

_HEADER = 7
_RATES_HZ = (
    *(96000, 88200, 64000, 48000, 44100, 32000, 24000),
    *(22050, 16000, 12000, 11025, 8000, 7350),
)
_SAMPLES = 1024


def is_header(header: bytes) -> bool:
    """Whether a frame begins with these bytes."""
    return len(header) >= _HEADER and header[0] == 0xFF and header[1] & 0xF6 == 0xF0


def is_at_start(head: bytes) -> bool:
    """Whether a file that begins with these bytes may be in frames."""
    return id3.is_tag(head) or is_header(head)


def frames(data: mmap.mmap) -> Iterator[tuple[int, bytes]]:
    """Where each frame begins, and its header; up to what is neither a frame nor a tag."""
    position = 0
    while header := data[position : position + id3.HEADER_BYTES]:
        if tag_bytes := id3.tag_bytes(header):
            position += tag_bytes
        elif is_header(header):
            yield position, header
            position += _frame_bytes(header)
        else:
            return


def _frame_bytes(header: bytes) -> int:
    return max((header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5, _HEADER)


def length_s(path: Path) -> float | None:
    """How long the sound in a file is, by its frames; None if it does not begin with one.

    The header has the rate of the core, which SBR doubles along with the samples.
    """
    found_s, known = 0.0, 0
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for position, header in frames(data):
            rate = header[2] >> 2 & 0xF
            if rate < len(_RATES_HZ):
                found_s += _SAMPLES * ((header[6] & 3) + 1) / _RATES_HZ[rate]
            known = position + _frame_bytes(header)
        # What stands behind something else is taken to be like what stands before it.
        return found_s * max(1.0, len(data) / known) if found_s else None
