"""Make a downloaded file ready to be sent: video or sound, a picture, or any other file."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from worker.downloads.limits import DownloadLimits
from worker.downloads.media import cut_off, file_types
from worker.downloads.media.contents import believable_length, positive
from worker.downloads.media.file_types import FileType
from worker.downloads.media.finishing import checked, facts_of, finish
from worker.downloads.media.pictures import MovingPicture, finish_picture
from worker.downloads.media.program_run import ProgramFailed, ProgramKilled
from worker.downloads.reports import ReadyFile
from worker.errors import Fault, JobError, Reason
from worker.form import WHOLE, Form
from worker.protocol import MediaFacts, MediaKind


@dataclass(frozen=True)
class Served:
    """What a server says about a file.

    `names` are those it may have, the likeliest first. It has a title only if the server has named
    it. `is_page`: it is said to be a web page. `has_length`: it says where the file ends, so a part
    of it is not taken for the whole.
    """

    names: tuple[str, ...]
    title: str = ""
    is_page: bool = False
    has_length: bool = True


@dataclass(frozen=True)
class Downloaded:
    """A file and what yt-dlp knows of it.

    `served` is known if the link leads straight to the file. Any other file is media, or useless.
    """

    path: Path
    info: Mapping[str, Any]
    served: Served | None = None


def check_whole(file: Downloaded) -> None:
    """Raise JobError for a part of a file whose server has not said where it ends."""
    if file.served and not file.served.has_length and cut_off.is_cut_off(file.path):
        raise JobError(Reason.BROKEN_FILE, Fault.PERMANENT, "the connection ended too early")


def prepare(file: Downloaded, limits: DownloadLimits, form: Form = WHOLE) -> ReadyFile:
    """Make a file ready to be sent: as media, as a photo, or as it is. Raises JobError."""
    kind = file_types.of(file.path)
    if kind is None:
        return _media(file, limits, form)
    if _is_page(file, kind):
        raise JobError(Reason.UNSUPPORTED, Fault.PERMANENT, "a web page, or a player's list")
    if form.is_sound_only:
        raise JobError(Reason.NO_SOUND, Fault.PERMANENT, f"a file of the type {kind.suffix}")
    if kind.is_picture and _suffix(kind, file.served) == kind.suffix:
        return _picture(file, kind, limits)
    return _any_file(file, kind)


def as_file(file: Downloaded) -> ReadyFile:
    """What the site has, byte for byte, to be sent as a file. Raises JobError for a web page."""
    kind = file_types.of(file.path)
    if kind is None:
        checked(file.path)
        # yt-dlp calls everything in a playlist MP4.
        path = file.path.rename(file.path.with_suffix(file_types.suffix_of_media(file.path)))
        return ReadyFile(path.name, _facts_as_file(replace(file, path=path)))
    if _is_page(file, kind):
        raise JobError(Reason.UNSUPPORTED, Fault.PERMANENT, "a web page, or a player's list")
    if file.served is None and not kind.is_picture:
        return _any_file(file, kind)
    path = file.path.rename(file.path.with_suffix(_suffix(kind, file.served)))
    return ReadyFile(path.name, _facts_as_file(replace(file, path=path)))


def _facts_as_file(file: Downloaded) -> MediaFacts:
    duration_s = positive(file.info.get("duration"))
    length_s = believable_length(duration_s, file.path.stat().st_size)
    return facts_of(file.info, MediaKind.DOCUMENT, duration_s=length_s)


def _is_page(file: Downloaded, kind: FileType) -> bool:
    is_page = kind is file_types.TEXT and file.served is not None and file.served.is_page
    return is_page or kind in {file_types.HTML, file_types.MANIFEST}


def _media(file: Downloaded, limits: DownloadLimits, form: Form) -> ReadyFile:
    try:
        return finish(file.path, file.info, limits, form)
    except JobError as error:
        is_none = error.reason in {Reason.BROKEN_FILE, Reason.NO_MEDIA} and not form.is_sound_only
        if not is_none or (file.served and any(map(file_types.is_of_media, file.served.names))):
            raise
    return _any_file(file, file_types.UNKNOWN)


def _picture(file: Downloaded, kind: FileType, limits: DownloadLimits) -> ReadyFile:
    path = file.path.rename(file.path.with_suffix(kind.suffix))
    try:
        return finish_picture(path, kind, file.info, limits)
    except MovingPicture:
        return finish(path, file.info, limits)
    except ProgramKilled as error:
        raise JobError(Reason.CRASHED, Fault.RETRYABLE, f"ffprobe: {error}") from error
    except (ProgramFailed, ValueError) as error:
        if kind.is_photo:
            raise JobError(Reason.BROKEN_FILE, Fault.PERMANENT, f"ffprobe: {error}") from error
    return ReadyFile(path.name, facts_of(file.info, MediaKind.DOCUMENT))


def _any_file(file: Downloaded, kind: FileType) -> ReadyFile:
    if file.served is None:
        detail = f"a file of the type {kind.suffix} in place of media"
        raise JobError(Reason.BROKEN_FILE, Fault.PERMANENT, detail)
    path = file.path.rename(file.path.with_suffix(_suffix(kind, file.served)))
    return ReadyFile(path.name, facts_of(file.info, MediaKind.DOCUMENT))


def _suffix(kind: FileType, served: Served | None) -> str:
    return file_types.suffix_of(kind, served.names if served else ())
