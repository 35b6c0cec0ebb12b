"""Cut a span of a video out of a file that contains it."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from worker.downloads import spans
from worker.downloads.limits import DownloadLimits
from worker.downloads.media import conversion, ffmpeg, pieces, sound_cutting
from worker.downloads.media.contents import Contents, positive
from worker.downloads.media.conversion import Budget, Conversion, Unaffordable
from worker.downloads.media.finishing import checked, contents_of
from worker.downloads.media.program_run import ProgramLimits
from worker.downloads.spans import Span
from worker.errors import Fault, JobError, Reason
from worker.form import WHOLE, Form
from worker.protocol import Note

_TO_THE_END_S = 1e6
_TRANSPORT_STREAM = "mpegts"


@dataclass(frozen=True)
class Clipped:
    """A span in a file of its own: when in the video it begins, and whether that is exact."""

    path: Path
    starts_s: float
    note: Note | None = None


def clip(
    path: Path,
    span: Span,
    info: Mapping[str, Any],
    limits: DownloadLimits,
    form: Form = WHOLE,
) -> Clipped:
    """Replace the file at `path` with the span of its video.

    Raises JobError, also when the file is incomplete or ends before the span.
    """
    checked(path)
    found = contents_of(path)
    budget = conversion.budget_of(limits)
    run_limits = ProgramLimits(budget.time_s, limits.memory_bytes)
    if found.video and _TRANSPORT_STREAM in found.containers:
        path = _make_seekable(path, found, run_limits)
        found = contents_of(path)
    if form.is_sound_only and found.audio is None:
        raise JobError(Reason.NO_SOUND, Fault.PERMANENT, "a video without sound")
    file_starts_s = next(iter(spans.starts(info)), 0.0)
    wanted = span.seen_from(file_starts_s)
    length_s = wanted.length_s(found.duration_s or positive(info.get("duration")))
    if length_s is None:
        length_s = _TO_THE_END_S
    if not length_s:
        raise spans.beyond_the_end()
    if found.video and not form.is_sound_only:
        plan, note = _video_plan(found, wanted, length_s, budget)
    else:
        plan, note = sound_cutting.piece_of(found.audio), None
    plan = replace(plan, audio_number=found.audio_number)
    target = path.with_name(f"{path.stem}.clip{plan.suffix}")
    # In a file that begins in the middle of its video, the sound may begin some pictures earlier.
    start_s = wanted.start_s + (found.video_late_s if file_starts_s else 0.0)
    with pieces.failures("clip", Reason.BROKEN_FILE):
        ffmpeg.convert(
            *(path, target, plan, run_limits, (start_s, length_s)),
            # Where the end of the file is not known, it would be shown long after that.
            last_picture_stays=found.duration_s is not None,
        )
        early_s = _early_s(path, found, start_s, run_limits) if note else 0.0
    sound_cutting.keep_cover(path, found, target, run_limits)
    path.unlink()
    return Clipped(target, max(0.0, span.start_s - early_s), note)


def _early_s(path: Path, found: Contents, start_s: float, limits: ProgramLimits) -> float:
    """How many seconds before `start_s` the key frame lies with which a copy begins."""
    at_s = found.begins_s + start_s
    with contextlib.suppress(ValueError):
        return at_s - ffmpeg.key_frames_before(path, [at_s], limits)[0]
    return 0.0


def _make_seekable(path: Path, found: Contents, limits: ProgramLimits) -> Path:
    """Replace a transport stream with an MP4, in which ffmpeg can seek to key frames."""
    target = path.with_name(f"{path.stem}.indexed.mp4")
    with pieces.failures("index", Reason.BROKEN_FILE):
        ffmpeg.convert(path, target, Conversion(".mp4", audio_number=found.audio_number), limits)
    path.unlink()
    return target


def _video_plan(
    found: Contents, span: Span, length_s: float, budget: Budget
) -> tuple[Conversion, Note | None]:
    assert found.video is not None  # noqa: S101 - the caller has looked
    copy = Conversion(".mp4" if conversion.is_playable(found.video) else ".mkv")
    try:
        return conversion.for_clip(found.video, length_s, budget), None
    except Unaffordable:
        return copy, Note.EARLY_START if span.start_s else None
