"""The bot's data directory: closed to other users, and locked by the one bot that works in it."""

import contextlib
import fcntl
import os
from pathlib import Path
from typing import IO

LOCK_NAME = "lock"
"""A file in it that the running bot holds with flock(2), and that has the bot's pid in it."""


def make_private(path: Path) -> None:
    """Make `path` and what is missing above it, for this user alone. Raises OSError."""
    for directory in (*reversed(path.parents), path):
        if not directory.exists():
            directory.mkdir(0o700, exist_ok=True)
    if not path.is_dir():
        raise NotADirectoryError(20, "Not a directory", str(path))


def keep_private(directory: Path) -> None:
    """Close its files, and all that this process makes from now on, to other users.

    The ledger says who has sent which links, and whoever made the directory may have left it
    open.
    """
    os.umask(0o077)
    for path in directory.iterdir():
        if path.is_file() and not path.is_symlink():
            # A file that belongs to somebody else is reported when it is opened.
            with contextlib.suppress(PermissionError):
                path.chmod(0o600)


def lock(directory: Path) -> IO[str]:
    """Hold the directory's lock for as long as the returned file is open.

    The kernel lets go of it when the process ends, however it ends. Raises BlockingIOError
    when another process holds it, OSError when the directory cannot be written.
    """
    file = (directory / LOCK_NAME).open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file
