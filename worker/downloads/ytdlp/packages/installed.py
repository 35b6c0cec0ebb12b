"""The version of the yt-dlp in use, read from its file, since importing it takes 40 MB."""

import re
from pathlib import Path

from worker.downloads.ytdlp.packages import copies

_VERSION = re.compile(r"^__version__ = ['\"]([0-9A-Za-z.]{1,40})['\"]", re.MULTILINE)


def version_file() -> Path | None:
    """The file that defines the version; None if yt-dlp is not installed."""
    place = copies.chosen()
    return place / "yt_dlp" / "version.py" if place else copies.own_version_file()


def read_version(path: Path) -> str | None:
    """The version that the file defines; None if there is none in it. Raises OSError."""
    found = _VERSION.search(path.read_text("utf-8", errors="replace"))
    return found[1] if found else None


def installed_version() -> str | None:
    """The version of the installed yt-dlp; None if it cannot be read."""
    path = version_file()
    try:
        return read_version(path) if path else None
    except OSError:
        return None


def numbers(version: str) -> tuple[int, ...]:
    """The numbers that a version begins with, for comparing: (2026, 8, 19) of 2026.08.19.post1."""
    match = re.match(r"\d+(?:[.-]\d+)*", version)
    return tuple(int(number) for number in re.split(r"[.-]", match[0])) if match else ()


def is_newer(version: str, than: str | None) -> bool:
    """Whether a version came out after another one; any is newer than none."""
    return than is None or numbers(version) > numbers(than)
