"""When a file begins by the clock that all tracks of its film share, as those of HLS do."""

from pathlib import Path

from worker.downloads.media import ffmpeg
from worker.downloads.media.mp4 import boxes
from worker.downloads.media.program_run import ProgramFailed

# The boxes of an MP4 of which the first one tells whether it is in fragments.
_HOLD = (b"moof", b"mdat")


def start_s(path: Path) -> float | None:
    """When a file begins, in seconds, as ffmpeg understands it.

    None if it has no such clock, like a file that was joined, or sound in no container.
    """
    with path.open("rb") as file:
        in_fragments = next((b.kind for b in boxes.boxes(file) if b.kind in _HOLD), b"") == b"moof"
    try:
        probed = ffmpeg.probe_result(ffmpeg.start_probe(path))["format"]
        has_clock = in_fragments or probed["format_name"] == "mpegts"
        return float(probed["start_time"]) if has_clock else None
    except (ProgramFailed, OSError, KeyError, ValueError):
        return None  # what to say about a broken file is decided later
