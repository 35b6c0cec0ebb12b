"""Cut the span that a link names out of a file that has been fetched whole."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from worker.downloads.limits import DownloadLimits
from worker.downloads.media import conversion, ffmpeg, pieces, sound_cutting
from worker.downloads.media.contents import Contents, positive
from worker.downloads.media.conversion import Budget, Conversion, Unaffordable
from worker.downloads.media.ffmpeg import ProgramLimits
from worker.downloads.media.finishing import checked, contents_of
from worker.downloads.spans import Span
from worker.errors import Fault, JobError, Reason
from worker.form import WHOLE, Form
from worker.protocol import Note

_TO_THE_END_S = 1e6


def clip(
    path: Path,
    span: Span,
    info: Mapping[str, Any],
    limits: DownloadLimits,
    form: Form = WHOLE,
) -> tuple[Path, Note | None]:
    """Replace the file at `path` by the span of it; the note tells people if that is not exact.

    Raises JobError, also when the file is incomplete or ends before the span.
    """
    checked(path)
    found = contents_of(path)
    if form.sound_only and found.audio is None:
        raise JobError(Reason.NO_SOUND, Fault.PERMANENT, "a video without sound")
    length_s = span.length_s(found.duration_s or positive(info.get("duration")))
    if length_s is None:
        length_s = _TO_THE_END_S
    if not length_s:
        raise JobError(Reason.NO_MEDIA, Fault.PERMANENT, "the clip is beyond the end of the video")
    budget = conversion.budget_of(limits)
    if found.video and not form.sound_only:
        plan, note = _video_plan(found, span, length_s, budget)
    else:
        plan, note = Conversion(sound_cutting.suffix_of(found.audio)), None
    plan = replace(plan, audio_number=found.audio_number)
    target = path.with_name(f"{path.stem}.clip{plan.suffix}")
    with pieces.failures("clip", Reason.BROKEN_FILE):
        run_limits = ProgramLimits(budget.time_s, limits.memory_bytes)
        ffmpeg.convert(path, target, plan, run_limits, (span.start_s, length_s))
    path.unlink()
    return target, note


def _video_plan(
    found: Contents, span: Span, length_s: float, budget: Budget
) -> tuple[Conversion, Note | None]:
    assert found.video is not None  # noqa: S101 - the caller has looked
    is_playable = conversion.is_playable(found.video)
    copy = Conversion(".mp4" if is_playable else ".mkv")
    if is_playable and not span.start_s:
        return copy, None
    try:
        return conversion.for_clip(found.video, length_s, budget), None
    except Unaffordable:
        return copy, Note.EARLY_START if span.start_s else None
