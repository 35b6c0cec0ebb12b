"""Make a SubRip file of subtitles in any format that ffmpeg reads.

YouTube shows automatic subtitles line by line, and each line twice: while it is spoken, and again
above the next one. In a file of text each line stands once.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from worker.downloads import spans
from worker.downloads.file_names import subtitles_path
from worker.downloads.limits import DownloadLimits
from worker.downloads.media import conversion, ffmpeg, pieces
from worker.downloads.media.finishing import facts_of
from worker.downloads.media.preparing import Downloaded
from worker.downloads.media.program_run import ProgramLimits
from worker.downloads.reports import ReadyFile
from worker.downloads.spans import Times
from worker.errors import Fault, JobError, Reason
from worker.protocol import MediaKind, Note

AUTOMATIC = "is_automatic"
"""The key that is true of downloaded subtitles that no person has written."""

ABSENT = "subtitles_absent"
"""The key for the note that says why a downloaded video has no subtitles beside it."""

LANGUAGE = "subtitle_language"
"""The key for the language of downloaded subtitles, as an IETF tag in lower case."""

MAX_BYTES = 8 * 1024 * 1024
"""The largest file of subtitles: a hundred times those of a long film."""

_TIME = r"(\d{2,4}):(\d\d):(\d\d),(\d{3})"
_TIMES = re.compile(rf"{_TIME} --> {_TIME}[^\n]*", re.ASCII)
# Fonts and places on the screen, which ffmpeg writes into SubRip; many players show them as text.
_MARKS = re.compile(r"</?font\b[^<>\n]*>|\{\\[^{}\n]*\}")
_NUMBER = re.compile(r"\d+\s*")
# Two texts follow each other if no more than this is between them.
_PAUSE_MS = 100
# ffmpeg writes so for a text that ends before it begins, and makes no track of such texts.
_TOO_LATE_MS = 100 * 3600 * 1000
# If less than this is left of a text beside a cut, it would only flash.
_LEAST_LEFT_MS = 100
# A screen has no room for more lines; a stranger's text may have a million.
_MOST_REPEATED = 10


@dataclass(frozen=True)
class Cue:
    """A text that is shown for a time, in milliseconds."""

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]


def finish(file: Downloaded, limits: DownloadLimits) -> ReadyFile:
    """Make downloaded subtitles ready to be sent. Raises JobError."""
    target = _write(file.path, _cues_of(file.path, limits))
    note = Note.AUTOMATIC_SUBTITLES if file.info.get(AUTOMATIC) else None
    facts = facts_of(file.info, MediaKind.DOCUMENT, note=note)
    title = f"{facts.title} ({file.info[LANGUAGE]})".strip()
    return ReadyFile(target.name, replace(facts, title=title))


def put_into(
    ready: Sequence[ReadyFile], path: Path, info: Mapping[str, Any], limits: DownloadLimits
) -> list[ReadyFile]:
    """Put the subtitles beside a download into the video that was made of it, or into its parts.

    `path` is the download, and `info` what is known of the part of it that was kept. The first file
    has a note if one comes without them, or if they were generated automatically.
    """
    made, note = list(ready), info.get(ABSENT)
    if LANGUAGE in info:
        note = Note.AUTOMATIC_SUBTITLES if info.get(AUTOMATIC) else None
        try:
            cues = list(moved(_cues_of(subtitles_path(path), limits), spans.kept(info)))
            for number, times in enumerate(_times_of(ready)):
                made[number] = _with_track(made[number], path, info, moved(cues, [times]), limits)
        except (JobError, FileNotFoundError):
            note = Note.NO_SUBTITLES_INSIDE
    facts = made[0].facts
    # It may replace the note that a video is in parts, which their numbers say as well.
    if note and facts.note in (None, Note.CUT):
        made[0] = replace(made[0], facts=replace(facts, note=note))
    return made


def _times_of(parts: Sequence[ReadyFile]) -> Iterator[Times]:
    """The spans of the parts in their video. Raises JobError if a length is not known."""
    start_s = 0.0
    for part in parts[:-1]:
        if part.facts.duration_s is None:
            raise JobError(Reason.NOT_CUT, Fault.PERMANENT, "a part of a length that is not known")
        end_s = start_s + part.facts.duration_s
        yield start_s, end_s
        start_s = end_s
    yield start_s, math.inf


def _with_track(
    ready: ReadyFile,
    path: Path,
    info: Mapping[str, Any],
    heard: Iterable[Cue],
    limits: DownloadLimits,
) -> ReadyFile:
    """The video with a track of the texts spoken in it, if there are any."""
    if ready.facts.kind is not MediaKind.VIDEO:
        raise JobError(Reason.NOT_CUT, Fault.PERMANENT, "subtitles of what is no video")
    if not (cues := list(heard)):
        return ready
    video = path.with_name(ready.name)
    target = video.with_name(f"{video.stem}.spoken.mp4")
    subrip = _write(subtitles_path(path), cues)
    with pieces.failures("subtitles", Reason.BROKEN_FILE):
        run_limits = ProgramLimits(conversion.budget_of(limits).time_s, limits.memory_bytes)
        ffmpeg.add_subtitles(video, subrip, str(info[LANGUAGE]), target, run_limits)
    if target.stat().st_size > limits.max_file_bytes:
        raise JobError(Reason.TOO_LARGE, Fault.PERMANENT, "a video with its subtitles")
    video.unlink()
    return replace(ready, name=target.name)


def _cues_of(path: Path, limits: DownloadLimits) -> list[Cue]:
    """The cues of the subtitles at `path`. Raises JobError if there are none."""
    if path.stat().st_size > MAX_BYTES:
        raise JobError(Reason.TOO_LARGE, Fault.PERMANENT, "subtitles")
    cues = list(without_repeats(read(_subrip(path, limits))))
    if not cues:
        raise JobError(Reason.BROKEN_FILE, Fault.PERMANENT, "subtitles without a text")
    return cues


def _write(path: Path, cues: Iterable[Cue]) -> Path:
    """Write a SubRip file next to the subtitles at `path`."""
    target = path.with_name(f"{path.stem}.ready.srt")
    target.write_text(written(cues), encoding="utf-8")
    return target


def _subrip(path: Path, limits: DownloadLimits) -> str:
    target = path.with_name(f"{path.stem}.read.srt")
    with pieces.failures("subtitles", Reason.BROKEN_FILE):
        time_s = conversion.budget_of(limits).time_s
        ffmpeg.convert_subtitles(path, target, ProgramLimits(time_s, limits.memory_bytes))
    if target.stat().st_size > MAX_BYTES:
        raise JobError(Reason.TOO_LARGE, Fault.PERMANENT, "subtitles")
    return target.read_text(encoding="utf-8", errors="replace")


def read(text: str) -> Iterator[Cue]:
    r"""The texts of a SubRip file that say something for some time, in their order.

    >>> list(read("1\n00:00:01,000 --> 00:00:02,500\nHello\n"))
    [Cue(start_ms=1000, end_ms=2500, lines=('Hello',))]
    """
    text = _MARKS.sub("", text)
    times = list(_TIMES.finditer(text))
    ends = [*(found.start() for found in times), len(text)][1:]
    for number, (found, end) in enumerate(zip(times, ends, strict=False), 1):
        lines = [line.strip() for line in text[found.end() : end].splitlines()]
        if number < len(times) and lines and _NUMBER.fullmatch(lines[-1]):
            lines.pop()  # of the next cue
        start_ms, end_ms = (_milliseconds(found.groups()[at : at + 4]) for at in (0, 4))
        kept = tuple(filter(None, lines))
        if kept and start_ms < end_ms < _TOO_LATE_MS:
            yield Cue(start_ms, end_ms, kept)


def _milliseconds(parts: Iterable[str]) -> int:
    hours, minutes, seconds, thousandths = map(int, parts)
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + thousandths


def without_repeats(cues: Iterable[Cue]) -> Iterator[Cue]:
    """The same cues, each without the lines that the one before it has shown already."""
    last: Cue | None = None
    shown: tuple[str, ...] = ()
    for cue in cues:
        follows = last is not None and 0 <= cue.start_ms - last.end_ms <= _PAUSE_MS
        new = cue.lines[_repeated(shown, cue.lines) if follows else 0 :]
        shown = cue.lines
        if last is not None and follows and not new:
            last = replace(last, end_ms=cue.end_ms)
            continue
        if last is not None:
            yield last
        last = replace(cue, lines=new)
    if last is not None:
        yield last


def _repeated(shown: tuple[str, ...], lines: tuple[str, ...]) -> int:
    """How many of the first of these lines repeat the last lines that were shown."""
    most = min(len(shown), len(lines), _MOST_REPEATED)
    return next((count for count in range(most, 0, -1) if shown[-count:] == lines[:count]), 0)


def moved(cues: Iterable[Cue], kept: Sequence[Times]) -> Iterator[Cue]:
    """The cues moved to their new times in a video of which only some spans are kept.

    >>> cue = Cue(1000, 4000, ("Hello",))
    >>> list(moved([cue], [(3.0, 5.0)]))
    [Cue(start_ms=0, end_ms=1000, lines=('Hello',))]
    """

    def at(time_ms: int) -> int:
        before = (max(0.0, min(end_s * 1000, time_ms) - start_s * 1000) for start_s, end_s in kept)
        return round(sum(before))

    for cue in cues:
        start_ms, end_ms = at(cue.start_ms), at(cue.end_ms)
        if end_ms - start_ms >= min(_LEAST_LEFT_MS, cue.end_ms - cue.start_ms) > 0:
            yield replace(cue, start_ms=start_ms, end_ms=end_ms)


def written(cues: Iterable[Cue]) -> str:
    """A SubRip file of these texts."""
    return "\n".join(
        f"{number}\n{_time(cue.start_ms)} --> {_time(cue.end_ms)}\n" + "\n".join(cue.lines) + "\n"
        for number, cue in enumerate(cues, 1)
    )


def _time(milliseconds: int) -> str:
    seconds, thousandths = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02},{thousandths:03}"
