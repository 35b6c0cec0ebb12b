"""Cut a video that is too large for one file into parts, at key frames.

Pictures are not encoded, so it takes little longer than a copy.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from worker.downloads.channel import MOST_FILES, ReadyFile
from worker.downloads.limits import DownloadLimits
from worker.downloads.media import contents, conversion, ffmpeg, file_types
from worker.downloads.media.contents import Contents
from worker.downloads.media.ffmpeg import NoRoom, ProgramFailed, ProgramKilled
from worker.downloads.media.finishing import contents_of, facts_of
from worker.downloads.media.mp4 import reader
from worker.downloads.media.parts import parts_needed
from worker.errors import Fault, JobError, Reason
from worker.protocol import MediaKind, Note

_MORE_PARTS = 3
_THUMBNAIL_AT_S = 1.0


def cut(path: Path, info: Mapping[str, Any], limits: DownloadLimits) -> list[ReadyFile]:
    """Replace the video at `path` with its parts, and return these in order.

    Raises JobError if it does not play everywhere, is incomplete, or cannot be cut small enough.
    """
    if file_types.of(path) is not None:
        raise JobError(Reason.TOO_LARGE, Fault.PERMANENT, "neither video nor sound")
    if reader.read(path).is_cut_off:
        raise JobError(Reason.BROKEN_FILE, Fault.PERMANENT, "an incomplete MP4")
    found = contents_of(path)
    length_s = found.duration_s or contents.positive(info.get("duration"))
    if not (found.video and length_s and conversion.is_playable(found.video)):
        raise JobError(Reason.TOO_LARGE, Fault.PERMANENT, "cannot be cut without encoding")
    pieces = _pieces(path, found, length_s, limits)
    path.unlink()
    whole = facts_of(info, MediaKind.VIDEO, found.video)
    return [
        ReadyFile(
            piece.name,
            replace(
                whole,
                duration_s=reader.read(piece).duration_s,
                note=Note.CUT if number == 1 else None,
                part=number,
                parts=len(pieces),
            ),
            _thumbnail(piece),
        )
        for number, piece in enumerate(pieces, 1)
    ]


def _pieces(path: Path, found: Contents, length_s: float, limits: DownloadLimits) -> list[Path]:
    ends_at = time.monotonic() + conversion.budget_of(limits).time_s
    fewest = parts_needed(path.stat().st_size, limits.max_file_bytes)
    encodes_audio = found.audio not in {None, "aac"}
    for count in range(fewest, fewest + _MORE_PARTS):
        run_limits = ffmpeg.ProgramLimits(ends_at - time.monotonic(), limits.memory_bytes)
        try:
            ffmpeg.cut(path, length_s / count, encodes_audio, run_limits)
        except ProgramKilled as error:
            raise JobError(Reason.CRASHED, Fault.RETRYABLE, f"cut: {error}") from error
        except NoRoom as error:
            raise JobError(Reason.DISK_FULL, Fault.RETRYABLE, f"cut: {error}") from error
        except ProgramFailed as error:
            raise JobError(Reason.TOO_LARGE, Fault.PERMANENT, f"cut: {error}") from error
        pieces = sorted(path.parent.glob(f"{path.stem}.part-*.mp4"))
        if not 1 < len(pieces) <= MOST_FILES:
            # The timestamps contradict the index, and a cut makes one piece or a thousand.
            detail = f"cutting into {count} parts made {len(pieces)}"
            raise JobError(Reason.TOO_LARGE, Fault.PERMANENT, detail)
        if all(piece.stat().st_size <= limits.max_file_bytes for piece in pieces):
            return pieces
        for piece in pieces:
            piece.unlink()
    raise JobError(Reason.TOO_LARGE, Fault.PERMANENT, "the key frames are too far apart")


def _thumbnail(piece: Path) -> str | None:
    thumbnail = piece.with_suffix(".jpg")
    try:
        ffmpeg.wait_for(ffmpeg.start_thumbnail(piece, thumbnail, _THUMBNAIL_AT_S))
    except ProgramFailed:
        return None
    return thumbnail.name if ffmpeg.is_thumbnail(thumbnail) else None
