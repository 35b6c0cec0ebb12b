"""Make sound that is too large for one file ready to be sent: encoded, or cut by time.

Sound that does not play everywhere is encoded if there is time, which makes it small enough. Any
other is cut without encoding.
"""

import contextlib
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from worker.downloads.file_names import cover_path, move_cover
from worker.downloads.limits import DownloadLimits
from worker.downloads.media import conversion, ffmpeg, pieces
from worker.downloads.media.contents import Contents, positive
from worker.downloads.media.conversion import Conversion, Unaffordable
from worker.downloads.media.finishing import contents_of, finish
from worker.downloads.media.program_run import ProgramFailed, ProgramLimits
from worker.downloads.reports import ReadyFile
from worker.errors import Fault, JobError, Reason
from worker.form import WHOLE, Form
from worker.protocol import Note

# Without it the last packets would become a file of their own.
_SLACK_S = 0.1
# For these ffprobe can only guess the length, so the lengths of parts would be wrong.
_WITHOUT_LENGTH = {"aac"}
_SUFFIXES = {"mp3": ".mp3", "aac": ".m4a", "alac": ".m4a", "flac": ".flac"}
_SUFFIXES |= {"opus": ".ogg", "vorbis": ".ogg"}


def cut_sound(
    path: Path,
    found: Contents,
    info: Mapping[str, Any],
    limits: DownloadLimits,
    form: Form = WHOLE,
) -> list[ReadyFile]:
    """Replace the file at `path`, which `found` describes, with its sound, in order.

    Sound in a format that `form` names stays in that format. Raises JobError if there is none, or
    it cannot be made small enough.
    """
    if found.audio is None:
        raise JobError(Reason.NO_SOUND, Fault.PERMANENT, "a video without sound")
    suffix = suffix_of(found.audio)
    if found.video or found.audio_number or found.containers & _WITHOUT_LENGTH:
        path = _extract_sound(path, suffix, found, limits)
        found = contents_of(path)
    size = path.stat().st_size
    if size <= limits.max_file_bytes:
        return [finish(path, info, limits)]
    if not form.names_sound and (encoded := _try_encode(path, found, info, limits)):
        return [encoded]
    length_s = found.duration_s or positive(info.get("duration"))
    if length_s is None:
        raise JobError(Reason.TOO_LARGE, Fault.PERMANENT, "sound of unknown length")

    def cut(piece_s: float, run_limits: ProgramLimits) -> None:
        if suffix == ".flac":
            _cut_flac(path, length_s, piece_s, run_limits)
        else:
            ffmpeg.cut_sound(path, piece_s + _SLACK_S, suffix, run_limits)

    parts = pieces.make(path, suffix, length_s, limits, cut)
    return _finish_parts(path, found, parts, info, limits, form)


def suffix_of(codec: str | None) -> str:
    """The suffix of a file that holds nothing but sound of this codec, by ffprobe's name."""
    is_wav = codec is not None and codec.startswith("pcm_") and not codec.endswith("be")
    return ".wav" if is_wav else _SUFFIXES.get(str(codec), ".mka")


def piece_of(codec: str | None) -> Conversion:
    """How to make a file of a piece of such sound.

    It is copied, but for FLAC: a copy would claim the length of the whole, which stands in the
    codec's header.
    """
    suffix = suffix_of(codec)
    return Conversion(suffix, encodes_audio=suffix == ".flac")


def keep_cover(path: Path, found: Contents, target: Path, limits: ProgramLimits) -> None:
    """Let a new file of sound have the cover of the one at `path`: its site's, or its own."""
    move_cover(path, target)
    if found.has_cover and not found.video and not cover_path(target).exists():
        with contextlib.suppress(ProgramFailed):
            ffmpeg.draw_cover(path, cover_path(target), limits)


def _extract_sound(path: Path, suffix: str, found: Contents, limits: DownloadLimits) -> Path:
    """Replace a file with one that holds nothing but its sound."""
    sound = path.with_name(f"{path.stem}.sound{suffix}")
    run_limits = ProgramLimits(conversion.budget_of(limits).time_s, limits.memory_bytes)
    with pieces.failures("extract"):
        ffmpeg.extract_sound(path, sound, found.audio_number, run_limits)
    keep_cover(path, found, sound, run_limits)
    path.unlink()
    return sound


def _try_encode(
    path: Path, found: Contents, info: Mapping[str, Any], limits: DownloadLimits
) -> ReadyFile | None:
    """Encode the sound into one file.

    Returns None if it plays everywhere as it is, or encoding takes too long. Raises JobError if it
    stays too large, because the file is gone by then.
    """
    budget = conversion.budget_of(limits)
    with contextlib.suppress(Unaffordable):
        if conversion.for_audio(found, path.stat().st_size, budget).encodes_audio:
            ready = finish(path, info, limits)
            if path.with_name(ready.name).stat().st_size <= limits.max_file_bytes:
                return replace(ready, facts=replace(ready.facts, note=Note.LOWER_QUALITY))
            if not path.exists():
                raise JobError(Reason.TOO_LARGE, Fault.PERMANENT, "encoded, but too large")
    return None


def _cut_flac(path: Path, length_s: float, piece_s: float, run_limits: ProgramLimits) -> None:
    plan, begin_s, number = piece_of("flac"), 0.0, 0
    while begin_s < length_s - _SLACK_S:
        piece = path.with_name(f"{path.stem}.part-{number:02d}.flac")
        ffmpeg.convert(path, piece, plan, run_limits, (begin_s, piece_s))
        begin_s, number = begin_s + piece_s, number + 1


def _finish_parts(
    path: Path,
    found: Contents,
    parts: list[Path],
    info: Mapping[str, Any],
    limits: DownloadLimits,
    form: Form,
) -> list[ReadyFile]:
    cover = cover_path(path)
    if found.has_cover and not cover.exists():
        with contextlib.suppress(ProgramFailed):
            ffmpeg.wait_for(ffmpeg.start_thumbnail(path, cover, 0.0))
    path.unlink()
    limits = replace(limits, timeout_s=limits.timeout_s / len(parts))
    ready = []
    for number, part in enumerate(parts, 1):
        if cover.exists():
            shutil.copyfile(cover, cover_path(part))
        made = finish(part, {**info, "duration": None}, limits, form)
        note = Note.CUT if number == 1 else made.facts.note
        facts = replace(made.facts, note=note, part=number, parts=len(parts))
        ready.append(replace(made, facts=facts))
    return ready
