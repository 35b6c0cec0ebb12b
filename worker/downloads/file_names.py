"""Names of a download's files and directories that more than one module uses."""

import contextlib
from pathlib import Path

LOG_NAME = "job.log"
COOKIES_NAME = "cookies.txt"
MEDIA_NAME = "media"

EXTRACTION_NAME = "extraction.json"
"""The file in which a download writes what it has found behind its link."""

EARLIER_NAME = "extraction-earlier.json"
"""What an earlier download of the link has found there."""

RECORDING_NAME = "recording"
"""The prefix of all files that a recording of a live stream has made so far."""

_PLAYER_SUFFIX = "-player"


def chapters_path(path: Path) -> Path:
    """Where the chapters of the video at `path` are written for ffmpeg."""
    return path.with_name(f"{path.stem}.chapters")


def cover_path(path: Path) -> Path:
    """Where the cover of the song at `path` is, if its site had one."""
    return path.with_name(f"{path.stem}.cover")


def move_cover(path: Path, target: Path) -> None:
    """Let the song at `target`, made of the one at `path`, have its cover, if there is one."""
    with contextlib.suppress(FileNotFoundError):
        cover_path(path).rename(cover_path(target))


def subtitles_path(path: Path) -> Path:
    """Where the subtitles of the video at `path` are, if they are wanted in it."""
    return path.with_name(f"{path.stem}.subtitles")


def thumbnail_path(path: Path) -> Path:
    """Where the thumbnail of the file at `path` is drawn."""
    return path.with_name(f"{path.stem}.thumbnail.jpg")


def is_of_recording(name: str) -> bool:
    """Whether a file belongs to a recording, of which an attempt may have made only a part."""
    return name.startswith(f"{RECORDING_NAME}.")


def player_directory_of(directory: Path) -> Path:
    """Where a player is solved for the download in `directory`."""
    return directory.with_name(directory.name + _PLAYER_SUFFIX)


def download_directory_of(name: str) -> str:
    """The name of the download's directory that the one called `name` is or belongs to."""
    return name.removesuffix(_PLAYER_SUFFIX)
