"""Make a file that is too large ready to be sent: videos are cut into parts, at key frames.

Pictures are not encoded, so it takes little longer than a copy. For sound see `sound_cutting`.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from worker.downloads.limits import DownloadLimits
from worker.downloads.media import contents, conversion, ffmpeg, file_types, pieces
from worker.downloads.media.contents import Contents
from worker.downloads.media.conversion import Conversion
from worker.downloads.media.finishing import checked, contents_of, facts_of
from worker.downloads.media.mp4 import reader
from worker.downloads.media.program_run import ProgramFailed, ProgramLimits
from worker.downloads.media.sound_cutting import cut_sound
from worker.downloads.reports import ReadyFile
from worker.errors import Fault, JobError, Reason
from worker.form import WHOLE, Form
from worker.protocol import MediaKind, Note

_THUMBNAIL_AT_S = 1.0


def cut(
    path: Path, info: Mapping[str, Any], limits: DownloadLimits, form: Form = WHOLE
) -> list[ReadyFile]:
    """Replace the file at `path` with files that are small enough, and return these in order.

    `form` may want only the sound of a video. Raises JobError for a video that does
    not play everywhere, is incomplete, or cannot be cut small enough.
    """
    if file_types.of(path) is not None:
        raise JobError(Reason.TOO_LARGE, Fault.PERMANENT, "neither video nor sound")
    checked(path)
    found = contents_of(path)
    if form.is_sound_only or not found.video:
        return cut_sound(path, found, info, limits, form)
    return _cut_video(path, found, info, limits)


def _cut_video(
    path: Path, found: Contents, info: Mapping[str, Any], limits: DownloadLimits
) -> list[ReadyFile]:
    length_s = found.duration_s or contents.positive(info.get("duration"))
    if not (found.video and length_s and conversion.is_playable(found.video)):
        raise JobError(Reason.TOO_LARGE, Fault.PERMANENT, "cannot be cut without encoding")
    encodes_audio = found.audio not in {None, "aac"}
    plan = Conversion(".mp4", None, encodes_audio, found.audio_number)

    def run(piece_s: float, run_limits: ProgramLimits) -> None:
        ffmpeg.cut(path, piece_s, plan, run_limits)

    made = pieces.make(path, ".mp4", length_s, limits, run)
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
                parts=len(made),
            ),
            _thumbnail(piece),
        )
        for number, piece in enumerate(made, 1)
    ]


def _thumbnail(piece: Path) -> str | None:
    thumbnail = piece.with_suffix(".jpg")
    try:
        ffmpeg.wait_for(ffmpeg.start_thumbnail(piece, thumbnail, _THUMBNAIL_AT_S))
    except ProgramFailed:
        return None
    return thumbnail.name if ffmpeg.is_thumbnail(thumbnail) else None
