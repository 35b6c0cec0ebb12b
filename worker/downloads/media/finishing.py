"""From what yt-dlp wrote to what Telegram shows: kind, dimensions, streamable, a thumbnail.

All of it is best effort but the file itself: without ffmpeg a video is still a video, and what
cannot be made to play everywhere is still a document. What is already fit costs one look into it,
by `tracks` or else by ffprobe, with the thumbnail drawn meanwhile; anything else one run of
ffmpeg more.
"""

import contextlib
import functools
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from worker.downloads.limits import DownloadLimits
from worker.downloads.media import contents, conversion, ffmpeg
from worker.downloads.media.contents import Contents, Video
from worker.downloads.media.conversion import Conversion, Unaffordable
from worker.downloads.media.ffmpeg import ProgramFailed, ProgramKilled
from worker.downloads.media.mp4 import boxes, tracks
from worker.downloads.media.thumbnail import THUMBNAIL_AT_S, ThumbnailDrawing
from worker.errors import Fault, JobError, Reason
from worker.protocol import MediaKind, Note

# Bot API, sendPhoto: bytes, the sum of both sides, and how much longer one may be.
_PHOTO_LIMIT_BYTES = 10 * 1000 * 1000
_PHOTO_LONGEST = 10_000
_PHOTO_RATIO = 20
_PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_AUDIO_SUFFIXES = frozenset({".mp3", ".m4a", ".aac", ".ogg", ".opus", ".flac", ".wav", ".weba"})


@dataclass(frozen=True)
class Finished:
    """A file as it will be sent. Pixels as they are seen, rotation included; seconds."""

    path: Path
    kind: MediaKind
    width: int | None = None
    height: int | None = None
    duration_s: float | None = None
    thumbnail: Path | None = None
    note: Note | None = None


def finish(
    path: Path,
    info: Mapping[str, Any],
    rules: DownloadLimits,
    drawing: ThumbnailDrawing | None = None,
    *,
    sound_only: bool = False,
) -> Finished:
    """Make `path` ready to be sent; `info` is what yt-dlp knows, for when ffmpeg is missing.

    A `drawing` is used for its thumbnail where it can be, and ends with this process at the
    latest. With `sound_only` the sound is taken out of a video. Raises JobError when the file
    holds no media, or not all of it.
    """
    outline = boxes.outline(path)
    if outline.is_cut_off:
        raise JobError(Reason.BROKEN_FILE, Fault.PERMANENT, "an MP4 that ends in its middle")
    if shutil.which("ffmpeg") is None or shutil.which("ffprobe") is None:
        return _by_name(path, outline, info)
    return _Finishing(path, outline, info, rules, drawing).run(sound_only)


def contents_of(path: Path) -> Contents:
    """What ffprobe finds in `path`. Raises JobError when it finds no media."""
    try:
        return contents.read(ffmpeg.probe_result(ffmpeg.start_probe(path)))
    except ProgramKilled as error:
        raise JobError(Reason.CRASHED, Fault.RETRYABLE, f"ffprobe: {error}") from error
    except (ProgramFailed, ValueError) as error:
        raise JobError(Reason.BROKEN_FILE, Fault.PERMANENT, f"ffprobe: {error}") from error


def may_be_film(suffix: str) -> bool:
    """Whether a file that is called so may have moving pictures."""
    return suffix not in _AUDIO_SUFFIXES | _PHOTO_SUFFIXES


def cover_of(path: Path) -> Path:
    """Where the picture of a song is found, if the site had one."""
    return path.with_name(f"{path.stem}.cover")


class _Finishing:
    """One file on its way. Use once: `run`."""

    def __init__(
        self,
        path: Path,
        outline: boxes.Outline,
        info: Mapping[str, Any],
        rules: DownloadLimits,
        drawing: ThumbnailDrawing | None,
    ) -> None:
        self._path = path
        self._outline = outline
        self._info = info
        self._size = path.stat().st_size
        self._prepared = drawing
        self._thumbnail = path.with_name(f"{path.stem}.thumbnail.jpg")
        self._memory_bytes = rules.memory_bytes
        self._budget = conversion.budget_of(rules)
        self._ends_at = time.monotonic() + self._budget.time_s

    def run(self, sound_only: bool) -> Finished:
        found = self._look()
        if found.video is None and found.audio is None:
            raise JobError(Reason.NO_MEDIA, Fault.PERMANENT, f"no stream in {found.containers}")
        if sound_only and found.audio is None:
            raise JobError(Reason.NO_SOUND, Fault.PERMANENT, "a video without sound")
        if found.video is None or sound_only:
            return self._as_audio(found)
        if found.is_still:
            return self._as_photo(found.video)
        if "gif" in found.containers:
            path = self._named(".gif")
            video = found.video
            return Finished(path, MediaKind.ANIMATION, video.width, video.height, found.duration_s)
        return self._as_video(found, found.video)

    def _look(self) -> Contents:
        """What is in the file. Whatever has a picture to be shown small has been drawn by then."""
        is_film = may_be_film(self._path.suffix)
        finish_drawing = self._begin_drawing() if is_film else self._drop_drawing
        try:
            # Both programs look at the same file and neither needs the other.
            ordinary = tracks.read(self._path) if is_film else None
            found = ordinary or contents_of(self._path)
        finally:
            with contextlib.suppress(ProgramFailed):
                finish_drawing()
        # An index can be in order where the media is not: then no picture comes of it.
        if found is ordinary and not ffmpeg.is_thumbnail(self._thumbnail):
            found = contents_of(self._path)
        return replace(found, duration_s=found.duration_s or self._length_s() or None)

    def _begin_drawing(self) -> Callable[[], None]:
        """What waits for the picture. Raises ProgramFailed when there will be none."""
        length_s = self._length_s()
        if self._prepared and length_s >= THUMBNAIL_AT_S:
            with contextlib.suppress(OSError):
                self._prepared.begin(self._path)
                self._thumbnail = self._prepared.picture
                return self._prepared.finish
        at_s = min(THUMBNAIL_AT_S, length_s / 3)
        drawing = ffmpeg.start_thumbnail(self._path, self._thumbnail, at_s)
        self._drop_drawing()
        return functools.partial(ffmpeg.wait_for, drawing)

    def _drop_drawing(self) -> None:
        if self._prepared:
            self._prepared.cancel()

    def _length_s(self) -> float:
        said = contents.positive(self._info.get("duration"))
        return self._outline.duration_s or said or 0.0

    def _drawn(self, source: Path) -> Path | None:
        """The thumbnail; drawn from the first picture of `source` if that has still to be done."""
        if not ffmpeg.is_thumbnail(self._thumbnail):
            with contextlib.suppress(ProgramFailed):
                ffmpeg.wait_for(ffmpeg.start_thumbnail(source, self._thumbnail, 0.0))
        return self._thumbnail if ffmpeg.is_thumbnail(self._thumbnail) else None

    # --------------------------------------------------------------------------- the kinds

    def _as_video(self, found: Contents, video: Video) -> Finished:
        fits = conversion.is_playable(video) and found.audio in {None, "aac"}
        if fits and self._outline.is_mp4 and self._outline.is_streamable:
            path = self._named(".mp4")
        else:
            try:
                how = conversion.for_video(found, video, self._size, self._budget)
                path = self._converted(how)
            except (Unaffordable, ProgramFailed):
                return self._as_it_is(found, video)
            if how.video:
                video = replace(video, width=how.video.width, height=how.video.height)
            found = replace(found, duration_s=boxes.outline(path).duration_s or found.duration_s)
        kind = MediaKind.ANIMATION if conversion.is_animation(found) else MediaKind.VIDEO
        thumbnail = self._drawn(path)
        return Finished(path, kind, video.width, video.height, found.duration_s, thumbnail)

    def _as_it_is(self, found: Contents, video: Video) -> Finished:
        return Finished(
            self._path,
            MediaKind.DOCUMENT,
            video.width,
            video.height,
            found.duration_s,
            self._drawn(self._path),
            Note.NOT_CONVERTED,
        )

    def _as_audio(self, found: Contents) -> Finished:
        is_mp4 = self._outline.is_mp4 and self._outline.is_streamable and not found.video
        path, kind, note = self._path, MediaKind.AUDIO, None
        if found.audio == "aac" and is_mp4:
            path = self._named(".m4a")
        elif found.audio == "mp3" and "mp3" in found.containers:
            path = self._named(".mp3")
        else:
            try:
                path = self._converted(conversion.for_audio(found, self._size, self._budget))
            except (Unaffordable, ProgramFailed):
                kind, note = MediaKind.DOCUMENT, Note.NOT_CONVERTED
        cover = cover_of(self._path)
        if not cover.exists():
            cover = self._thumbnail if found.video else path
        has_cover = cover is not path or found.has_cover
        thumbnail = self._drawn(cover) if has_cover else None
        return Finished(path, kind, duration_s=found.duration_s, thumbnail=thumbnail, note=note)

    def _as_photo(self, video: Video) -> Finished:
        longest, shortest = max(video.width, video.height), min(video.width, video.height)
        is_photo = (
            self._path.suffix in _PHOTO_SUFFIXES
            and self._size <= _PHOTO_LIMIT_BYTES
            and longest + shortest <= _PHOTO_LONGEST
            and longest <= shortest * _PHOTO_RATIO
        )
        kind = MediaKind.PHOTO if is_photo else MediaKind.DOCUMENT
        return Finished(self._path, kind, video.width, video.height)

    # --------------------------------------------------------------------------- the file

    def _converted(self, how: Conversion) -> Path:
        """A file made by `how` in place of the one there was. Raises ProgramFailed."""
        target = self._path.with_name(f"{self._path.stem}.finished{how.suffix}")
        limits = ffmpeg.ProgramLimits(self._ends_at - time.monotonic(), self._memory_bytes)
        try:
            ffmpeg.convert(self._path, target, how, limits)
        except ProgramFailed:
            target.unlink(missing_ok=True)
            raise
        self._path.unlink()
        return target

    def _named(self, suffix: str) -> Path:
        """The file under a name that says what it is: Telegram goes by that."""
        if self._path.suffix == suffix:
            return self._path
        return self._path.rename(self._path.with_suffix(suffix))


def _by_name(path: Path, outline: boxes.Outline, info: Mapping[str, Any]) -> Finished:
    duration_s = outline.duration_s or contents.positive(info.get("duration"))
    if path.suffix in _AUDIO_SUFFIXES:
        return Finished(path, MediaKind.AUDIO, duration_s=duration_s)
    if path.suffix in _PHOTO_SUFFIXES:
        return Finished(path, MediaKind.PHOTO)
    kind = MediaKind.VIDEO if outline.is_mp4 else MediaKind.DOCUMENT
    width, height = contents.side(info.get("width")), contents.side(info.get("height"))
    return Finished(path, kind, width, height, duration_s)
