"""Files on their way to Telegram: opened without being fooled, named without surprises."""

import os
import re
import stat
import unicodedata
from io import FileIO
from pathlib import Path

from worker.jobs import Fault, JobError, Reason

MAX_THUMBNAIL_BYTES = 200_000  # Bot API 10.1, InputMediaVideo

_MAX_STEM = 60
_UNSAFE = re.compile(r"[^A-Za-z0-9]+")
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")


def open_media(path: str) -> FileIO:
    """Open a regular file with something in it, unbuffered; anything else is a JobError.

    Neither the file nor its directory may be a symbolic link, the file has no second name
    elsewhere, and a named pipe does not block: the directory was written to by programs that
    handle what strangers send.
    """
    problem = ""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        directory = os.open(os.path.dirname(path) or ".", flags | os.O_DIRECTORY)
        try:
            fd = os.open(os.path.basename(path), flags | os.O_NONBLOCK, dir_fd=directory)
        finally:
            os.close(directory)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        problem = f"cannot be opened (errno {getattr(error, 'errno', None)})"
    else:
        status = os.fstat(fd)
        is_own = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
        if is_own and status.st_size > 0:
            return FileIO(fd, "rb")
        os.close(fd)
        problem = "is empty" if is_own else "is not a regular file of its directory alone"
    raise JobError(Reason.INTERNAL, Fault.PERMANENT, f"the media file {problem}")


def open_thumbnail(path: str | None) -> FileIO | None:
    """Open a thumbnail; None if there is none fit to be sent, which is no reason to fail."""
    if path is None:
        return None
    try:
        file = open_media(path)
    except JobError:
        return None
    if size_of(file) <= MAX_THUMBNAIL_BYTES:
        return file
    file.close()
    return None


def size_of(file: FileIO) -> int:
    """The size of an open file in bytes."""
    return os.fstat(file.fileno()).st_size


def safe_name(title: str, path: str) -> str:
    """A name for people in plain ASCII: the title's letters and digits, the path's suffix."""
    ascii_title = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode("ascii")
    stem = _UNSAFE.sub("_", ascii_title)[:_MAX_STEM].strip("_")
    suffix = Path(path).suffix
    return (stem or "media") + (suffix.lower() if _SUFFIX.fullmatch(suffix) else "")
