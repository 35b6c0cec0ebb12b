"""Turn video or sound from yt-dlp into what Telegram shows: kind, size, streamable, a thumbnail.

Only the file itself is certain; the rest is best effort. Without ffmpeg a video is still sent as a
video, and what cannot be converted to play everywhere is sent as a document. A file that plays
everywhere is inspected, by the `mp4` reader or else by ffprobe, while its thumbnail is drawn; any
other file takes one more run of ffmpeg.
"""

import contextlib
import functools
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from worker.downloads import program_paths
from worker.downloads.file_names import chapters_path, cover_path, thumbnail_path
from worker.downloads.limits import DownloadLimits
from worker.downloads.media import (
    adts,
    chapters,
    contents,
    conversion,
    ffmpeg,
    mp3,
    tags,
    transport_stream,
)
from worker.downloads.media.contents import Contents, Video
from worker.downloads.media.conversion import Conversion, TooLarge, Unaffordable
from worker.downloads.media.mp4 import reader
from worker.downloads.media.mp4.reader import Mp4
from worker.downloads.media.program_run import (
    NoRoom,
    ProgramFailed,
    ProgramKilled,
    ProgramLimits,
    TookTooLong,
)
from worker.downloads.reports import ReadyFile
from worker.errors import Fault, JobError, Reason
from worker.form import WHOLE, Form
from worker.protocol import MediaFacts, MediaKind, Note
from worker.protocol.choices import Chapter

# A first frame is often black.
_THUMBNAIL_AT_S = 3.0
# The worker shortens and cleans names; this keeps the message within its limit.
_LONGEST_NAME = 400
_AUDIO_SUFFIXES = frozenset({".mp3", ".m4a", ".aac", ".ogg", ".opus", ".flac", ".wav", ".weba"})


def finish(
    path: Path,
    info: Mapping[str, Any],
    limits: DownloadLimits,
    form: Form = WHOLE,
) -> ReadyFile:
    """Make the file at `path` ready to be sent, or the sound of it if `form` wants that alone.

    `info` is what yt-dlp knows about it, which has to be enough if ffmpeg is missing. Raises
    JobError when the file contains no media, or is incomplete.
    """
    mp4 = checked(path)
    if program_paths.missing_ffmpeg():
        return _by_name(path, mp4, info)
    return _Finishing(path, mp4, info, limits).run(form)


def checked(path: Path) -> Mp4:
    """The outline of the file at `path`. Raises JobError if that is incomplete or encrypted."""
    mp4 = reader.read(path)
    if mp4.is_cut_off:
        raise JobError(Reason.BROKEN_FILE, Fault.PERMANENT, "an incomplete MP4")
    if mp4.is_encrypted or transport_stream.is_scrambled(path):
        raise JobError(Reason.DRM, Fault.PERMANENT, "an encrypted file")
    return mp4


def facts_of(
    info: Mapping[str, Any],
    kind: MediaKind,
    video: Video | None = None,
    duration_s: float | None = None,
    note: Note | None = None,
) -> MediaFacts:
    """The facts of a file, with the title and uploader that yt-dlp has found."""
    return MediaFacts(
        kind,
        title=_name(info, "title"),
        uploader=_name(info, "uploader", "channel", "creator") or None,
        width=video.width if video else None,
        height=video.height if video else None,
        duration_s=duration_s,
        note=note,
    )


def _name(info: Mapping[str, Any], *keys: str) -> str:
    found = next(filter(None, map(info.get, keys)), "")
    return str(found)[:_LONGEST_NAME]


def contents_of(path: Path) -> Contents:
    """Inspect the file at `path` with ffprobe. Raises JobError when it finds no media."""
    probed = _probe(path)
    if probed.get("streams") and not probed.get("packets"):
        raise JobError(Reason.EMPTY_FILE, Fault.PERMANENT, "streams without a packet")
    found = contents.read(probed)
    length_s = _counted_s(path, found) if found.audio else None
    return replace(found, duration_s=length_s) if length_s else found


def _probe(path: Path, *, counts_packets: bool = False) -> dict[str, Any]:
    try:
        return ffmpeg.probe_result(ffmpeg.start_probe(path, counts_packets=counts_packets))
    except ProgramKilled as error:
        raise JobError(Reason.CRASHED, Fault.RETRYABLE, f"ffprobe: {error}") from error
    except (ProgramFailed, ValueError) as error:
        raise JobError(Reason.BROKEN_FILE, Fault.PERMANENT, f"ffprobe: {error}") from error


def _counted_s(path: Path, found: Contents) -> float | None:
    """The length of sound for which ffprobe only guesses it from the first bytes; else None."""
    if "aac" in found.containers:
        return adts.length_s(path)
    if "mp3" not in found.containers or mp3.tells_length(path):
        return None
    return mp3.counted_s(_probe(path, counts_packets=True))


class _Finishing:
    """Finishes one file. Call `run` once."""

    def __init__(
        self,
        path: Path,
        mp4: Mp4,
        info: Mapping[str, Any],
        limits: DownloadLimits,
    ) -> None:
        self._path = path
        self._mp4 = mp4
        self._info = info
        self._facts = functools.partial(facts_of, info)
        self._size = path.stat().st_size
        self._thumbnail = thumbnail_path(path)
        self._memory_bytes = limits.memory_bytes
        self._budget = conversion.budget_of(limits)
        self._ends_at = time.monotonic() + self._budget.time_s

    def run(self, form: Form) -> ReadyFile:
        found = self._inspect()
        if found.video is None and found.audio is None:
            raise JobError(Reason.NO_MEDIA, Fault.PERMANENT, f"no stream in {found.containers}")
        if form.is_sound_only and found.audio is None:
            raise JobError(Reason.NO_SOUND, Fault.PERMANENT, "a video without sound")
        if found.has_hidden_video and not form.is_sound_only:
            return self._unconverted(found, None, Note.NOT_CONVERTIBLE)
        if form.is_voice:
            facts = self._facts(MediaKind.VOICE, duration_s=found.duration_s)
            return ReadyFile(self._path.name, facts)
        if found.video is None or form.is_sound_only:
            return self._as_audio(found)
        return self._as_video(found, found.video)

    def _inspect(self) -> Contents:
        """The contents of the file; the thumbnail of what may be a video is drawn meanwhile."""
        if self._path.suffix in _AUDIO_SUFFIXES:
            found = contents_of(self._path)
        else:
            at_s = min(_THUMBNAIL_AT_S, self._length_s() / 3)
            thumbnail_run = ffmpeg.start_thumbnail(self._path, self._thumbnail, at_s)
            try:
                found = self._mp4.contents or contents_of(self._path)
            finally:
                with contextlib.suppress(ProgramFailed):
                    ffmpeg.wait_for(thumbnail_run)
            # The index of a file may be intact where the media is not.
            if found is self._mp4.contents and not ffmpeg.is_thumbnail(self._thumbnail):
                found = contents_of(self._path)
        length_s = contents.believable_length(found.duration_s, self._size)
        return replace(found, duration_s=length_s or self._length_s() or None)

    def _length_s(self) -> float:
        announced = contents.positive(self._info.get("duration"))
        lengths = (self._mp4.duration_s, announced)
        return next(filter(None, (contents.believable_length(s, self._size) for s in lengths)), 0.0)

    def _draw_thumbnail(self, source: Path) -> str | None:
        """The thumbnail's name; None without one. Draws the first frame of `source` if need be."""
        if not ffmpeg.is_thumbnail(self._thumbnail):
            with contextlib.suppress(ProgramFailed):
                ffmpeg.wait_for(ffmpeg.start_thumbnail(source, self._thumbnail, 0.0))
        return self._thumbnail.name if ffmpeg.is_thumbnail(self._thumbnail) else None

    def _as_video(self, found: Contents, video: Video) -> ReadyFile:
        plays = conversion.is_playable(video) and found.audio in {None, "aac"}
        plays = plays and not found.audio_number and self._mp4.is_mp4
        titled = chapters.of(self._info, found.duration_s)
        if plays and self._mp4.is_streamable:
            path = self._with_chapters(titled)
        else:
            try:
                plan = conversion.for_video(found, video, self._size, self._budget)
                path = self._convert(plan, titled)
            except (Unaffordable, ProgramFailed) as error:
                return self._unconverted(found, video, _why_unconverted(error))
            if plan.video and plan.video.hdr:
                self._thumbnail.unlink(missing_ok=True)  # it shows the old, pale colours
            if plan.video:
                video = replace(video, width=plan.video.width, height=plan.video.height)
            found = replace(found, duration_s=reader.read(path).duration_s or found.duration_s)
        kind = MediaKind.ANIMATION if conversion.is_animation(found) else MediaKind.VIDEO
        facts = self._facts(kind, video, found.duration_s)
        return ReadyFile(path.name, facts, self._draw_thumbnail(path))

    def _with_chapters(self, titled: Sequence[Chapter]) -> Path:
        """The file with its chapters written into it, or as it is if that fails."""
        if titled:
            with contextlib.suppress(ProgramFailed):
                return self._convert(Conversion(".mp4"), titled)
        return self._rename(".mp4")

    def _unconverted(self, found: Contents, video: Video | None, note: Note) -> ReadyFile:
        facts = self._facts(MediaKind.DOCUMENT, video, found.duration_s, note)
        return ReadyFile(self._path.name, facts, self._draw_thumbnail(self._path))

    def _as_audio(self, found: Contents) -> ReadyFile:
        is_mp4 = self._mp4.is_mp4 and self._mp4.is_streamable and not found.video
        is_mp4 = is_mp4 and not found.audio_number
        path, kind, note = self._path, MediaKind.AUDIO, None
        thumbnail = self._cover(found)  # which a conversion leaves out
        if found.audio == "aac" and is_mp4:
            path = self._rename(".m4a")
        elif found.audio == "mp3" and "mp3" in found.containers:
            path = self._rename(".mp3")
        else:
            try:
                path = self._convert(conversion.for_audio(found, self._size, self._budget))
                found = replace(found, duration_s=reader.read(path).duration_s or found.duration_s)
            except (Unaffordable, ProgramFailed) as error:
                kind, note = MediaKind.DOCUMENT, _why_unconverted(error)
        info = self._info if found.video else tags.added(self._info, found)
        facts = facts_of(info, kind, duration_s=found.duration_s, note=note)
        return ReadyFile(path.name, facts, thumbnail)

    def _cover(self, found: Contents) -> str | None:
        """The thumbnail of a song: the site's cover, or else what the file has."""
        cover = cover_path(self._path)
        thumbnail = self._draw_thumbnail(cover) if cover.exists() else None
        has_own = found.has_cover or found.video is not None
        return thumbnail or (self._draw_thumbnail(self._path) if has_own else None)

    def _convert(self, plan: Conversion, titled: Sequence[Chapter] = ()) -> Path:
        """Replace the file with a converted one. Raises ProgramFailed and keeps it then."""
        listed = chapters_path(self._path) if titled and plan.suffix == ".mp4" else None
        if listed:
            chapters.write(listed, titled)
        target = self._path.with_name(f"{self._path.stem}.finished{plan.suffix}")
        limits = ProgramLimits(self._ends_at - time.monotonic(), self._memory_bytes)
        try:
            ffmpeg.convert(self._path, target, plan, limits, chapters=listed)
        except ProgramFailed:
            target.unlink(missing_ok=True)
            raise
        self._path.unlink()
        return target

    def _rename(self, suffix: str) -> Path:
        """Rename the file to a suffix that says what it is, which Telegram goes by."""
        if self._path.suffix == suffix:
            return self._path
        return self._path.rename(self._path.with_suffix(suffix))


def _why_unconverted(error: Unaffordable | ProgramFailed) -> Note:
    """What to say of a file that was not converted. Raises JobError if it is not to blame."""
    match error:
        case NoRoom():
            raise JobError(Reason.DISK_FULL, Fault.RETRYABLE, f"conversion: {error}") from error
        case TooLarge():
            return Note.TOO_LARGE_CONVERTED
        case Unaffordable() | TookTooLong():
            return Note.NOT_CONVERTED
    return Note.NOT_CONVERTIBLE


def _by_name(path: Path, mp4: Mp4, info: Mapping[str, Any]) -> ReadyFile:
    announced = mp4.duration_s or contents.positive(info.get("duration"))
    duration_s = contents.believable_length(announced, path.stat().st_size)
    if path.suffix in _AUDIO_SUFFIXES:
        return ReadyFile(path.name, facts_of(info, MediaKind.AUDIO, duration_s=duration_s))
    kind = MediaKind.VIDEO if mp4.is_mp4 else MediaKind.DOCUMENT
    width, height = contents.side(info.get("width")), contents.side(info.get("height"))
    facts = facts_of(info, kind, duration_s=duration_s)
    return ReadyFile(path.name, replace(facts, width=width, height=height))
