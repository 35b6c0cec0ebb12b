"""Find how long an MP3 file is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from worker.downloads.media import id3
from worker.downloads.media.contents import positive

# In the first frame, whose header and side information are at most 40 bytes.
_LENGTHS, _WITHIN = (b"Xing", b"Info", b"VBRI"), 64

# The samples of a frame at the rates of MPEG-1, and at those of its successors.
_LOWEST_RATE_HZ, _SAMPLES, _FEWER_SAMPLES = 32_000, 1152, 576


def tells_length(path: Path) -> bool:
    """Whether the first frame has the number of all frames, as most programs write it there."""
    with path.open("rb") as file:
        file.seek(id3.tag_bytes(file.read(id3.HEADER_BYTES)))
        head = file.read(_WITHIN)
    return any(name in head for name in _LENGTHS)


def counted_s(probed: Mapping[str, Any]) -> float | None:
    """The length in seconds by the number of packets that ffprobe has counted; None without any."""
    for stream in probed.get("streams") or ():
        if stream.get("codec_name") == "mp3" and (rate := positive(stream.get("sample_rate"))):
            samples = _SAMPLES if rate >= _LOWEST_RATE_HZ else _FEWER_SAMPLES
            return (positive(stream.get("nb_read_packets")) or 0.0) * samples / rate or None
    return None
