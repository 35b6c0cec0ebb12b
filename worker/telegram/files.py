"""Files to be uploaded, opened without following links."""

import os
import stat
from contextlib import ExitStack
from io import FileIO

from worker.errors import Fault, JobError, Reason

MAX_THUMBNAIL_BYTES = 200_000  # Bot API 10.1, InputMediaVideo


def open_media(path: str) -> FileIO:
    """Open a regular file that is not empty, unbuffered; raises JobError for anything else.

    `path` is the file of a download's own directory in the directory of all downloads. None of
    these three may be a symbolic link, the file has no second name elsewhere, and a named pipe
    does not block: the directory was written to by programs that handle what strangers send.
    `worker.dispatch.tasks` has checked whose directory it is.
    """
    problem = ""
    try:
        fd = _open_without_links(path)
    except (OSError, ValueError) as error:  # ValueError: no such path, or a NUL in it
        problem = f"cannot be opened (errno {getattr(error, 'errno', None)})"
    else:
        status = os.fstat(fd)
        is_own = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
        if is_own and status.st_size > 0:
            return FileIO(fd, "rb")
        os.close(fd)
        problem = "is empty" if is_own else "is not a regular file of its directory alone"
    raise JobError(Reason.INTERNAL, Fault.PERMANENT, f"the media file {problem}")


def _open_without_links(path: str) -> int:
    rest, name = os.path.split(path)
    downloads, own = os.path.split(rest)
    if not {name, own}.isdisjoint({"", ".", ".."}):
        raise ValueError("not a file in a directory of its own")
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    with ExitStack() as opened:
        directory = os.open(downloads or ".", flags | os.O_DIRECTORY)
        opened.callback(os.close, directory)
        directory = os.open(own, flags | os.O_DIRECTORY, dir_fd=directory)
        opened.callback(os.close, directory)
        return os.open(name, flags | os.O_NONBLOCK, dir_fd=directory)


def open_thumbnail(path: str | None) -> FileIO | None:
    """Open a thumbnail; None if there is none that can be sent, which is no reason to fail."""
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
