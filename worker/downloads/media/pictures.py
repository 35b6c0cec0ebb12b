"""Turn a picture into a photo where Telegram can show it as one."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from worker.downloads import program_paths
from worker.downloads.limits import DownloadLimits
from worker.downloads.media import contents, conversion, ffmpeg
from worker.downloads.media.contents import Contents, Video
from worker.downloads.media.file_types import FileType
from worker.downloads.media.finishing import facts_of
from worker.downloads.media.program_run import ProgramFailed, ProgramLimits
from worker.downloads.reports import ReadyFile
from worker.protocol import MediaKind

# Bot API, sendPhoto: bytes, the sum of width and height, and their ratio.
_PHOTO_LIMIT_BYTES = 10 * 1000 * 1000
_PHOTO_LONGEST = 10_000
_PHOTO_RATIO = 20

_SEE_THROUGH = re.compile(r"yuva|gbrap|ya\d|rgba|bgra|argb|abgr|pal8")


class MovingPicture(Exception):
    """Raised for a moving picture, of which ffmpeg can make a video."""


def finish_picture(
    path: Path, kind: FileType, info: Mapping[str, Any], limits: DownloadLimits
) -> ReadyFile:
    """Make the picture at `path` ready to be sent: as a photo, a GIF, or the file that it is.

    Raises MovingPicture, and ProgramFailed for a picture that ffmpeg cannot read.
    """
    path = path.rename(path.with_suffix(kind.suffix))
    if program_paths.missing_ffmpeg():
        shown = MediaKind.PHOTO if kind.is_photo else MediaKind.DOCUMENT
        return ReadyFile(path.name, facts_of(info, shown))
    probed = ffmpeg.probe_result(ffmpeg.start_probe(path, counts_packets=not kind.is_photo))
    found = contents.read(probed)
    if found.video is None:
        raise ProgramFailed("no picture")
    if _moves(probed, found):
        if kind.suffix != ".gif":
            raise MovingPicture
        facts = facts_of(info, MediaKind.ANIMATION, found.video, found.duration_s)
        return ReadyFile(path.name, facts)
    photo = _photo(path, kind, found.video, limits) if _may_be_shown(found.video) else None
    shown = MediaKind.PHOTO if photo else MediaKind.DOCUMENT
    return ReadyFile((photo or path).name, facts_of(info, shown, found.video))


def _moves(probed: Mapping[str, Any], found: Contents) -> bool:
    packets = contents.positive(probed["streams"][0].get("nb_read_packets")) or 1
    return packets > 1 or "apng" in found.containers


def _may_be_shown(picture: Video) -> bool:
    longest, shortest = max(picture.width, picture.height), min(picture.width, picture.height)
    return longest + shortest <= _PHOTO_LONGEST and longest <= shortest * _PHOTO_RATIO


def _photo(path: Path, kind: FileType, picture: Video, limits: DownloadLimits) -> Path | None:
    """The file to be sent as a photo, a new one if need be; None if there can be none."""
    photo = path
    if not kind.is_photo:
        suffix = ".png" if _SEE_THROUGH.match(picture.pixel_format) else ".jpg"
        photo = path.with_name(f"{path.stem}.photo{suffix}")
        time_s = conversion.budget_of(limits).time_s
        try:
            program_limits = ProgramLimits(time_s, limits.memory_bytes)
            ffmpeg.convert_picture(path, photo, program_limits)
        except ProgramFailed:
            return None
    return photo if photo.stat().st_size <= _PHOTO_LIMIT_BYTES else None
