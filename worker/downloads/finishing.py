"""From what yt-dlp wrote to what Telegram shows: kind, dimensions, streamable, a thumbnail.

All of it is best effort but the file itself: without ffmpeg a video is still a video.
"""

import contextlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worker.downloads import mp4
from worker.downloads.programs import (
    THUMBNAIL_LIMIT_BYTES,
    ProgramFailed,
    probe_result,
    remux,
    start_probe,
    start_thumbnail,
    wait_for_thumbnail,
)
from worker.jobs import Fault, JobError, MediaKind, Reason

THUMBNAIL_NAME = "thumbnail.jpg"

# Bot API, sendPhoto.
_PHOTO_LIMIT_BYTES = 10 * 1000 * 1000
_PHOTO_FORMATS = frozenset({"image2", "png_pipe", "jpeg_pipe", "webp_pipe"})
_PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".webm", ".mkv", ".flv", ".avi", ".ts", ".3gp"}
)
_AUDIO_SUFFIXES = frozenset({".mp3", ".m4a", ".aac", ".ogg", ".opus", ".flac", ".wav"})
# A first frame is often black; three seconds in, the film has begun.
_THUMBNAIL_AT_S = 3.0


@dataclass(frozen=True)
class Finished:
    """A file as it will be sent. Pixels as they are seen, rotation included; seconds."""

    path: Path
    kind: MediaKind
    width: int | None = None
    height: int | None = None
    duration_s: float | None = None
    thumbnail: Path | None = None


def finish(path: Path, info: Mapping[str, Any]) -> Finished:
    """Make `path` ready to be sent; `info` is what yt-dlp knows, for when ffmpeg is missing.

    Raises JobError when it holds no media.
    """
    has_ffmpeg = shutil.which("ffmpeg") is not None and shutil.which("ffprobe") is not None
    if not has_ffmpeg:
        return _by_name(path, info)
    path, outline = _made_streamable(path)
    # Both look at the same file and neither needs the other, so they run side by side.
    probe = start_probe(path)
    drawing = None
    if path.suffix in _VIDEO_SUFFIXES:
        length_s = outline.duration_s or _positive(info.get("duration")) or 0.0
        thumbnail = path.with_name(THUMBNAIL_NAME)
        drawing = start_thumbnail(path, thumbnail, min(_THUMBNAIL_AT_S, length_s / 3))
    try:
        probed = probe_result(probe)
    except (ProgramFailed, ValueError) as error:
        raise JobError(Reason.NO_MEDIA, Fault.PERMANENT, f"ffprobe: {error}") from error
    finally:
        if drawing is not None:
            with contextlib.suppress(ProgramFailed):
                wait_for_thumbnail(drawing)
    return _by_streams(path, probed)


def _made_streamable(path: Path) -> tuple[Path, mp4.Outline]:
    """`path`, or an MP4 of the same streams whose index stands in front."""
    outline = mp4.outline(path)
    is_video = path.suffix in _VIDEO_SUFFIXES
    # HLS leaves MPEG-TS under the name of an MP4, DASH an MP4 in fragments.
    if outline.is_streamable or not (is_video or outline.is_mp4):
        return path, outline
    target = path.with_name("streamable.m4a" if path.suffix == ".m4a" else "streamable.mp4")
    try:
        remux(path, target)
    except ProgramFailed:
        target.unlink(missing_ok=True)
        return path, outline
    path.unlink()
    return target, mp4.outline(target)


def _by_streams(path: Path, probed: Mapping[str, Any]) -> Finished:
    streams = [stream for stream in probed.get("streams") or [] if isinstance(stream, dict)]
    pictures = [s for s in streams if s.get("codec_type") == "video" and not _is_cover(s)]
    sounds = [s for s in streams if s.get("codec_type") == "audio"]
    container = str((probed.get("format") or {}).get("format_name"))
    duration_s = _positive((probed.get("format") or {}).get("duration"))
    if not pictures and not sounds:
        raise JobError(Reason.NO_MEDIA, Fault.PERMANENT, f"no stream in {container}")
    if not pictures:
        return Finished(path, MediaKind.AUDIO, duration_s=duration_s)
    width, height = _as_seen(pictures[0])
    if container == "gif":
        return Finished(path, MediaKind.ANIMATION, width, height, duration_s)
    if container in _PHOTO_FORMATS:
        is_photo = path.suffix in _PHOTO_SUFFIXES and path.stat().st_size <= _PHOTO_LIMIT_BYTES
        return Finished(path, MediaKind.PHOTO if is_photo else MediaKind.DOCUMENT, width, height)
    kind = MediaKind.VIDEO if "mp4" in container.split(",") else MediaKind.DOCUMENT
    return Finished(path, kind, width, height, duration_s, _usable(path.with_name(THUMBNAIL_NAME)))


def _by_name(path: Path, info: Mapping[str, Any]) -> Finished:
    outline = mp4.outline(path)
    duration_s = outline.duration_s or _positive(info.get("duration"))
    if path.suffix in _AUDIO_SUFFIXES:
        return Finished(path, MediaKind.AUDIO, duration_s=duration_s)
    if path.suffix in _PHOTO_SUFFIXES:
        return Finished(path, MediaKind.PHOTO)
    kind = MediaKind.VIDEO if outline.is_mp4 else MediaKind.DOCUMENT
    return Finished(path, kind, _side(info.get("width")), _side(info.get("height")), duration_s)


def _usable(thumbnail: Path) -> Path | None:
    try:
        size = thumbnail.stat().st_size
    except FileNotFoundError:
        return None
    return thumbnail if 0 < size < THUMBNAIL_LIMIT_BYTES else None


def _is_cover(stream: Mapping[str, Any]) -> bool:
    return bool((stream.get("disposition") or {}).get("attached_pic"))


def _as_seen(stream: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Width and height after the rotation that a player applies."""
    width, height = _side(stream.get("width")), _side(stream.get("height"))
    sideways = (stream.get("tags") or {}).get("rotate")
    for data in stream.get("side_data_list") or []:
        sideways = data.get("rotation", sideways)
    with contextlib.suppress(ValueError):
        if round(float(sideways or 0)) % 180 == 90:
            return height, width
    return width, height


def _side(value: object) -> int | None:
    return value if isinstance(value, int) and 0 < value < 1 << 16 else None


def _positive(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if 0 < number < float("inf") else None
