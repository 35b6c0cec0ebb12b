"""Mark the parts of a video that SponsorBlock knows as chapters of its file, or cut them out."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from worker.downloads import spans
from worker.downloads.limits import DownloadLimits
from worker.downloads.media import chapters, conversion, ffmpeg, sound_cutting
from worker.downloads.media.contents import Contents, positive
from worker.downloads.media.finishing import contents_of
from worker.downloads.media.program_run import ProgramFailed, ProgramLimits
from worker.downloads.spans import Times
from worker.protocol.choices import Chapter

SEGMENTS = "sponsorblock_chapters"
"""The key under which yt-dlp puts what SponsorBlock knows about a video."""

# A shorter part is none of a film, and may be empty where key frames are far apart.
_LEAST_S = 1.0


def mark(info: Mapping[str, Any]) -> dict[str, Any]:
    """What yt-dlp knows of a video (`info`), with its segments among its chapters."""
    length_s = positive(info.get("duration"))
    segments = chapters.listed(info.get(SEGMENTS), length_s)
    if not segments or length_s is None:
        return dict(info)
    whole = Chapter(str(info.get("title") or ""), 0.0, length_s)
    site = chapters.of(info, length_s) or (whole,)
    return {**info, "chapters": chapters.as_said(overlaid(site, segments))}


def overlaid(site: Iterable[Chapter], segments: Sequence[Chapter]) -> tuple[Chapter, ...]:
    """The segments, and a site's chapters wherever there is no segment."""
    around = [
        Chapter(chapter.title, start_s, end_s)
        for chapter in site
        for start_s, end_s in _between(segments, chapter.start_s, chapter.end_s)
    ]
    return chapters.kept([*around, *segments], None)


def cut_out(
    path: Path, info: Mapping[str, Any], limits: DownloadLimits
) -> tuple[Path, dict[str, Any]]:
    """Cut the segments out of a file. Returns the new file and the changed `info`.

    Nothing is encoded, so what comes after a segment begins with the key frame before that.
    Raises ProgramFailed, ValueError and JobError, and leaves the file as it is.
    """
    length_s = positive(info.get("duration"))
    segments = chapters.listed(info.get(SEGMENTS), length_s)
    wanted = list(_between(segments, 0.0, length_s)) if length_s else []
    if not segments or not wanted:
        return path, dict(info)
    run_limits = ProgramLimits(conversion.budget_of(limits).time_s, limits.memory_bytes)
    # Sites round: a film may go on a little after the end that they give.
    wanted = [(start_s, math.inf if end_s == length_s else end_s) for start_s, end_s in wanted]
    begins = ffmpeg.key_frames_before(path, [start_s for start_s, _ in wanted], run_limits)
    kept = _apart((begin_s, end_s) for begin_s, (_, end_s) in zip(begins, wanted, strict=True))
    target = path.with_name(f"{path.stem}.cut-out.mp4")
    found = contents_of(path)
    try:
        _keep(path, found, target, kept, run_limits)
    except ProgramFailed:
        target.unlink(missing_ok=True)
        raise
    sound_cutting.keep_cover(path, found, target, run_limits)
    path.unlink()
    moved = chapters.as_said(_moved(chapters.of(info, length_s), kept))
    return target, spans.with_kept({**info, "chapters": moved, "duration": None}, kept)


def _keep(
    path: Path, found: Contents, target: Path, kept: Sequence[Times], limits: ProgramLimits
) -> None:
    """Write what is kept of a file to another one.

    The sound is taken from a file of its own: beside pictures ffmpeg begins it somewhere before
    the key frame, and it would be heard later with each segment.
    """
    files, sound = [path], None
    if found.audio and (found.video or found.has_cover):
        sound = path.with_name(f"{path.stem}.sound{sound_cutting.suffix_of(found.audio)}")
        ffmpeg.extract_sound(path, sound, found.audio_number, limits)
        # Of a song's cover ffmpeg would make a video.
        files = [path, sound] if found.video else [sound]
    names, *sound_names = [_write_list(each, kept) for each in files]
    ffmpeg.concatenate(names, target, limits, sound_names=next(iter(sound_names), None))
    if sound:
        sound.unlink()


def _write_list(path: Path, kept: Sequence[Times]) -> Path:
    """Write a list for ffmpeg's concat demuxer of what is kept of a file."""
    listed = path.with_name(f"{path.name}.kept.txt")
    listed.write_text("".join(_lines(path.name, kept)), "ascii")
    return listed


def _between(segments: Sequence[Chapter], start_s: float, end_s: float) -> Iterator[Times]:
    """The parts of a time span that lie in no segment; the segments are in order."""
    for segment in segments:
        if segment.end_s <= start_s or segment.start_s >= end_s:
            continue
        if segment.start_s - start_s >= _LEAST_S:
            yield start_s, segment.start_s
        start_s = segment.end_s
    if end_s - start_s >= _LEAST_S:
        yield start_s, end_s


def _apart(times: Iterable[Times]) -> list[Times]:
    """The same time spans without overlaps."""
    found: list[Times] = []
    for start_s, end_s in times:
        if found and start_s <= found[-1][1]:
            start_s = found.pop()[0]
        found.append((start_s, end_s))
    return found


def _lines(name: str, kept: Iterable[Times]) -> Iterator[str]:
    for start_s, end_s in kept:
        until = f"outpoint {end_s:.6f}\n" if end_s < math.inf else ""
        yield f"file '{name}'\ninpoint {start_s:.6f}\n{until}"


def _moved(site: Iterable[Chapter], kept: Sequence[Times]) -> Iterator[Chapter]:
    """Chapters moved to their new times in a video of which only some spans were kept."""

    def at(time_s: float) -> float:
        return sum(max(0.0, min(end_s, time_s) - start_s) for start_s, end_s in kept)

    for chapter in site:
        if (start_s := at(chapter.start_s)) < (end_s := at(chapter.end_s)):
            yield Chapter(chapter.title, start_s, end_s)
