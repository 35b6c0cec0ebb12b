"""Names of files in a download's directory that more than one module uses."""

from pathlib import Path

LOG_NAME = "job.log"
COOKIES_NAME = "cookies.txt"
MEDIA_NAME = "media"


def cover_of(path: Path) -> Path:
    """Where the cover of the song at `path` is, if its site had one."""
    return path.with_name(f"{path.stem}.cover")


def thumbnail_of(path: Path) -> Path:
    """Where the thumbnail of the file at `path` is drawn."""
    return path.with_name(f"{path.stem}.thumbnail.jpg")
