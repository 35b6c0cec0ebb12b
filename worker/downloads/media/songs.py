"""Turn a file into sound in the format that somebody has chosen, with its tags and its cover."""

import contextlib
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from worker.downloads import program_paths
from worker.downloads.file_names import cover_path, move_cover
from worker.downloads.limits import DownloadLimits
from worker.downloads.media import conversion, ffmpeg, file_types, pieces, tags
from worker.downloads.media.contents import Contents
from worker.downloads.media.conversion import Conversion, TooLarge, Unaffordable
from worker.downloads.media.finishing import checked, contents_of
from worker.downloads.media.preparing import Downloaded
from worker.downloads.media.program_run import ProgramFailed, ProgramLimits
from worker.errors import Fault, JobError, Reason
from worker.form import Form
from worker.untrusted_text import one_line

_LONGEST_TAG = 300
# The tags of a song besides its title and its artist.
_MORE_TAGS = ("album", "album_artist", "track", "date", "genre")
_WITH_COVER = frozenset({".mp3", ".m4a"})


def convert_to_sound(file: Downloaded, form: Form, limits: DownloadLimits) -> Downloaded:
    """Replace a file with its sound in the format that `form` names.

    It may be as large as an answer of several parts. Raises JobError rather than send
    another format than the chosen one.
    """
    if file_types.of(file.path) is not None:
        return file  # not media: what to say about it is decided later
    checked(file.path)
    found = contents_of(file.path)
    if found.audio is None:
        raise JobError(Reason.NO_SOUND, Fault.PERMANENT, "a file without sound")
    plan = _plan(file.path, found, form, limits)
    if _is_so_already(file.path, found, plan):
        return replace(file, path=file.path.rename(file.path.with_suffix(plan.suffix)))
    info = tags.added(file.info, found) if not found.video else file.info
    path = _make(file.path, found, plan, info, limits)
    return replace(file, path=path, info={**info, "ext": plan.suffix[1:]})


def extract_picture(file: Downloaded, limits: DownloadLimits) -> Downloaded:
    """Replace a song with the picture in it. Raises JobError if there is none."""
    found = None if program_paths.missing_ffmpeg() else contents_of(file.path)
    if found is None or found.video or not found.has_cover:
        raise JobError(Reason.NO_COVER, Fault.PERMANENT, "none in the file either")
    target = file.path.with_name(f"{file.path.stem}.inside")
    with pieces.failures("picture", Reason.BROKEN_FILE):
        time_s = conversion.budget_of(limits).time_s
        ffmpeg.extract_picture(file.path, target, ProgramLimits(time_s, limits.memory_bytes))
    file.path.unlink()
    return Downloaded(target, tags.added(file.info, found))


def _plan(path: Path, found: Contents, form: Form, limits: DownloadLimits) -> Conversion:
    budget = replace(conversion.budget_of(limits), size_bytes=limits.max_answer_bytes)
    try:
        return conversion.for_sound(form.what, found, path.stat().st_size, budget)
    except TooLarge as error:
        raise JobError(Reason.TOO_LARGE, Fault.PERMANENT, "sound in this format") from error
    except Unaffordable as error:
        raise JobError(Reason.TOO_LONG, Fault.PERMANENT, "to be encoded in time") from error


def _is_so_already(path: Path, found: Contents, plan: Conversion) -> bool:
    """Whether a file already is what was chosen, with its tags and cover, and nothing more."""
    if plan.encodes_audio or found.video or found.audio_number:
        return False
    return (plan.suffix == ".mp3" and "mp3" in found.containers) or path.suffix == plan.suffix


def _make(
    path: Path, found: Contents, plan: Conversion, info: Mapping[str, Any], limits: DownloadLimits
) -> Path:
    ends_at = time.monotonic() + conversion.budget_of(limits).time_s
    target = path.with_name(f"{path.stem}.song{plan.suffix}")
    cover = _cover(path, found, limits) if plan.suffix in _WITH_COVER else None
    with pieces.failures("sound", Reason.BROKEN_FILE):
        run_limits = ProgramLimits(ends_at - time.monotonic(), limits.memory_bytes)
        ffmpeg.make_song(path, cover, target, plan, _words(info, found), run_limits)
    path.unlink()
    move_cover(path, target)
    return target


def _cover(path: Path, found: Contents, limits: DownloadLimits) -> Path | None:
    """A JPEG of the site's cover, or else of the song's own; None without one."""
    theirs = cover_path(path)
    target = path.with_name(f"{path.stem}.inside.jpg")
    for source in (theirs if theirs.exists() else None, path if found.has_cover else None):
        with contextlib.suppress(ProgramFailed):
            if source:
                time_s = conversion.budget_of(limits).time_s / 2
                ffmpeg.draw_cover(source, target, ProgramLimits(time_s, limits.memory_bytes))
                return target
    return None


def _words(info: Mapping[str, Any], found: Contents) -> dict[str, str]:
    """The tags of the song: strangers' words, each on one line and not too long."""
    said = {name: found.tags.get(name) for name in _MORE_TAGS}
    said |= {"title": info.get("title"), "artist": tags.artist_of(info)}
    clean = {name: one_line(str(word or ""))[:_LONGEST_TAG] for name, word in said.items()}
    return {name: word for name, word in clean.items() if word}
