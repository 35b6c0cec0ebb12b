"""A video that is too large for one file, cut at key frames into parts that are not.

Nothing is encoded, so it takes little more time than a copy.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from worker.downloads.channel import MOST_FILES, ReadyFile
from worker.downloads.limits import DownloadLimits
from worker.downloads.media import contents, conversion, ffmpeg
from worker.downloads.media.contents import Contents
from worker.downloads.media.ffmpeg import NoRoom, ProgramFailed, ProgramKilled
from worker.downloads.media.finishing import contents_of, facts_of
from worker.downloads.media.mp4 import reader
from worker.downloads.media.parts import parts_needed
from worker.errors import Fault, JobError, Reason
from worker.protocol import MediaKind, Note

_MORE_PARTS = 3
_THUMBNAIL_AT_S = 1.0


def cut(path: Path, info: Mapping[str, Any], rules: DownloadLimits) -> list[ReadyFile]:
    """The parts of the video at `path`, which is gone afterwards, in their order.

    Raises JobError when it is none that every player shows, is not whole, or does not come apart.
    """
    if reader.read(path).is_cut_off:
        raise JobError(Reason.BROKEN_FILE, Fault.PERMANENT, "an MP4 that ends in its middle")
    found = contents_of(path)
    length_s = found.duration_s or contents.positive(info.get("duration"))
    if not (found.video and length_s and conversion.is_playable(found.video)):
        raise JobError(Reason.TOO_LARGE, Fault.PERMANENT, "it cannot be cut as it is")
    pieces = _pieces(path, found, length_s, rules)
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


def _pieces(path: Path, found: Contents, length_s: float, rules: DownloadLimits) -> list[Path]:
    ends_at = time.monotonic() + conversion.budget_of(rules).time_s
    fewest = parts_needed(path.stat().st_size, rules.max_file_bytes)
    encodes_audio = found.audio not in {None, "aac"}
    for count in range(fewest, fewest + _MORE_PARTS):
        limits = ffmpeg.ProgramLimits(ends_at - time.monotonic(), rules.memory_bytes)
        try:
            ffmpeg.cut(path, length_s / count, encodes_audio, limits)
        except ProgramKilled as error:
            raise JobError(Reason.CRASHED, Fault.RETRYABLE, f"cut: {error}") from error
        except NoRoom as error:
            raise JobError(Reason.DISK_FULL, Fault.RETRYABLE, f"cut: {error}") from error
        except ProgramFailed as error:
            raise JobError(Reason.TOO_LARGE, Fault.PERMANENT, f"cut: {error}") from error
        pieces = sorted(path.parent.glob(f"{path.stem}.part-*.mp4"))
        if not 1 < len(pieces) <= MOST_FILES:
            # Its times are not what its index says: such a cut makes one piece, or a thousand.
            detail = f"cut into {count} parts it comes to {len(pieces)}"
            raise JobError(Reason.TOO_LARGE, Fault.PERMANENT, detail)
        if all(piece.stat().st_size <= rules.max_file_bytes for piece in pieces):
            return pieces
        for piece in pieces:
            piece.unlink()
    raise JobError(Reason.TOO_LARGE, Fault.PERMANENT, "its key frames are too far apart")


def _thumbnail(piece: Path) -> str | None:
    thumbnail = piece.with_suffix(".jpg")
    try:
        ffmpeg.wait_for(ffmpeg.start_thumbnail(piece, thumbnail, _THUMBNAIL_AT_S))
    except ProgramFailed:
        return None
    return thumbnail.name if ffmpeg.is_thumbnail(thumbnail) else None
