"""The installed version of yt-dlp, read from its file, since importing it takes 40 MB."""

import re
from importlib.util import find_spec
from pathlib import Path

_VERSION = re.compile(r"^__version__ = ['\"]([0-9A-Za-z.]{1,40})['\"]", re.MULTILINE)


def version_file() -> Path | None:
    """The file that defines the version; None if yt-dlp is not installed."""
    spec = find_spec("yt_dlp")
    return Path(spec.origin).with_name("version.py") if spec and spec.origin else None


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
