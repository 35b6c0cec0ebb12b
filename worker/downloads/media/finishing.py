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
from dataclasses import replace
from pathlib import Path
from typing import Any

from worker.downloads.channel import ReadyFile
from worker.downloads.limits import DownloadLimits
from worker.downloads.media import contents, conversion, ffmpeg
from worker.downloads.media.contents import Contents, Video
from worker.downloads.media.conversion import Conversion, Unaffordable
from worker.downloads.media.ffmpeg import ProgramFailed, ProgramKilled
from worker.downloads.media.mp4 import boxes, tracks
from worker.downloads.media.thumbnail import THUMBNAIL_AT_S, ThumbnailDrawing
from worker.errors import Fault, JobError, Reason
from worker.protocol import MediaFacts, MediaKind, Note

# Bot API, sendPhoto: bytes, the sum of both sides, and how much longer one may be.
_PHOTO_LIMIT_BYTES = 10 * 1000 * 1000
_PHOTO_LONGEST = 10_000
_PHOTO_RATIO = 20
# The worker makes them shorter and clean; this keeps a message within its limit.
_LONGEST_WORDS = 1000
_PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_AUDIO_SUFFIXES = frozenset({".mp3", ".m4a", ".aac", ".ogg", ".opus", ".flac", ".wav", ".weba"})


def finish(
    path: Path,
    info: Mapping[str, Any],
    rules: DownloadLimits,
    drawing: ThumbnailDrawing | None = None,
    *,
    sound_only: bool = False,
) -> ReadyFile:
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


def facts_of(
    info: Mapping[str, Any],
    kind: MediaKind,
    video: Video | None = None,
    duration_s: float | None = None,
    note: Note | None = None,
) -> MediaFacts:
    """The facts of a file, with the names that yt-dlp has found for it."""
    return MediaFacts(
        kind,
        title=_words(info, "title"),
        uploader=_words(info, "uploader", "channel", "creator") or None,
        width=video.width if video else None,
        height=video.height if video else None,
        duration_s=duration_s,
        note=note,
    )


def _words(info: Mapping[str, Any], *names: str) -> str:
    found = next(filter(None, map(info.get, names)), "")
    return str(found)[:_LONGEST_WORDS]


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
        self._facts = functools.partial(facts_of, info)
        self._size = path.stat().st_size
        self._prepared = drawing
        self._thumbnail = path.with_name(f"{path.stem}.thumbnail.jpg")
        self._memory_bytes = rules.memory_bytes
        self._budget = conversion.budget_of(rules)
        self._ends_at = time.monotonic() + self._budget.time_s

    def run(self, sound_only: bool) -> ReadyFile:
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
            facts = self._facts(MediaKind.ANIMATION, found.video, found.duration_s)
            return ReadyFile(self._named(".gif").name, facts)
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

    def _drawn(self, source: Path) -> str | None:
        """The thumbnail's name, None without one; made from the first picture if need be."""
        if not ffmpeg.is_thumbnail(self._thumbnail):
            with contextlib.suppress(ProgramFailed):
                ffmpeg.wait_for(ffmpeg.start_thumbnail(source, self._thumbnail, 0.0))
        return self._thumbnail.name if ffmpeg.is_thumbnail(self._thumbnail) else None

    # --------------------------------------------------------------------------- the kinds

    def _as_video(self, found: Contents, video: Video) -> ReadyFile:
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
        facts = self._facts(kind, video, found.duration_s)
        return ReadyFile(path.name, facts, self._drawn(path))

    def _as_it_is(self, found: Contents, video: Video) -> ReadyFile:
        kind, note = MediaKind.DOCUMENT, Note.NOT_CONVERTED
        facts = self._facts(kind, video, found.duration_s, note)
        return ReadyFile(self._path.name, facts, self._drawn(self._path))

    def _as_audio(self, found: Contents) -> ReadyFile:
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
        facts = self._facts(kind, duration_s=found.duration_s, note=note)
        return ReadyFile(path.name, facts, thumbnail)

    def _as_photo(self, video: Video) -> ReadyFile:
        longest, shortest = max(video.width, video.height), min(video.width, video.height)
        is_photo = (
            self._path.suffix in _PHOTO_SUFFIXES
            and self._size <= _PHOTO_LIMIT_BYTES
            and longest + shortest <= _PHOTO_LONGEST
            and longest <= shortest * _PHOTO_RATIO
        )
        kind = MediaKind.PHOTO if is_photo else MediaKind.DOCUMENT
        return ReadyFile(self._path.name, self._facts(kind, video))

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


def _by_name(path: Path, outline: boxes.Outline, info: Mapping[str, Any]) -> ReadyFile:
    duration_s = outline.duration_s or contents.positive(info.get("duration"))
    if path.suffix in _AUDIO_SUFFIXES:
        return ReadyFile(path.name, facts_of(info, MediaKind.AUDIO, duration_s=duration_s))
    if path.suffix in _PHOTO_SUFFIXES:
        return ReadyFile(path.name, facts_of(info, MediaKind.PHOTO))
    kind = MediaKind.VIDEO if outline.is_mp4 else MediaKind.DOCUMENT
    width, height = contents.side(info.get("width")), contents.side(info.get("height"))
    facts = facts_of(info, kind, duration_s=duration_s)
    return ReadyFile(path.name, replace(facts, width=width, height=height))
