"""The bot's data directory: private, and locked by the one bot that uses it."""

import contextlib
import fcntl
import os
import shlex
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

from worker.downloads import workspace
from worker.file_owner import account_name, give_to_owner

LOCK_NAME = "lock"
"""The file that a running bot holds with flock(2); it contains the bot's pid."""

TEMPORARY_NAME = "tmp"
"""The directory for temporary files."""

# The lock that this process keeps, and the descriptor of its directory for temporary files.
_kept: IO[str] | None = None
_temporary: int | None = None

LOCK_TRIES = 5
LOCK_PAUSE_S = 0.05


def make_private(path: Path) -> None:
    """Create `path` and its missing parents, for one user only. Raises OSError.

    What root creates belongs to the owner of the directory that it is in.
    """
    for directory in (*reversed(path.parents), path):
        if not directory.exists():
            directory.mkdir(0o700, exist_ok=True)
            give_to_owner(directory)
    if not path.is_dir():
        raise NotADirectoryError(20, "Not a directory", str(path))


def refuse_root(directory: Path) -> None:
    """Raise PermissionError if this is root and the directory somebody else's, who runs the bot.

    What root would make there could not be written by the bot. A directory that a container has
    from its host mostly belongs to a user whom the container does not know: there root is meant.
    """
    owner = directory.stat().st_uid
    name = account_name(owner)
    if os.geteuid() or not owner or not name:
        return
    raise PermissionError(
        f"it belongs to {name}, so what root would make there would stop the bot: "
        f"runuser -u {name} -- {shlex.join([sys.executable, *sys.argv])}"
    )


def keep_private(directory: Path) -> None:
    """Deny other users its files, and all files that this process creates from now on.

    The ledger says who has sent which links, and the directory may have been created with open
    permissions.
    """
    os.umask(0o077)
    for path in directory.iterdir():
        if path.is_file() and not path.is_symlink():
            # A file of another user is reported when it is opened.
            with contextlib.suppress(PermissionError):
                path.chmod(0o600)


def lock(directory: Path) -> IO[str]:
    """Lock the directory for as long as the returned file is open.

    The kernel releases the lock when the process ends, however it ends. Raises BlockingIOError
    when another process holds it, OSError when the directory is not writable.
    """
    file = (directory / LOCK_NAME).open("a+", encoding="ascii")
    give_to_owner(directory / LOCK_NAME)
    try:
        _take(file)
    except OSError:
        file.close()
        raise
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def keep_lock(file: IO[str]) -> None:
    """Have `renew_lock` look after a lock that `lock` has returned."""
    global _kept
    _kept = file


def renew_lock(directory: Path) -> bool:
    """Lock the directory again if somebody has removed the lock's file. Returns whether it did.

    People may take that file for a leftover, and without it a second bot could start. Raises
    BlockingIOError when one already has, OSError when the directory is not writable.
    """
    if _kept is None or _is_open_as(directory / LOCK_NAME, _kept.fileno()):
        return False
    keep_lock(lock(directory))
    return True


def _take(file: IO[str]) -> None:
    # A command that looks for a bot in another PID namespace holds the lock for a moment.
    for _ in range(LOCK_TRIES - 1):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(LOCK_PAUSE_S)
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def use_for_temporary_files(data_dir: Path) -> None:
    """Make this process and its children create temporary files in `data_dir`. Raises OSError.

    The subdirectory is emptied first: what a killed bot leaves behind, multiprocessing's socket
    above all, would otherwise stay in `/tmp`.
    """
    global _temporary
    directory = data_dir.resolve() / TEMPORARY_NAME
    workspace.create(directory)
    os.environ["TMPDIR"] = str(directory)
    # A socket's path has at most 107 bytes (unix(7)), and the directory's own may be longer.
    _temporary = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    tempfile.tempdir = f"/proc/self/fd/{_temporary}"


def renew_temporary_files(data_dir: Path) -> None:
    """Make the directory for temporary files again if somebody has removed it. Raises OSError.

    Without it no process can be started: there is no place for the fork server's socket.
    """
    directory = data_dir.resolve() / TEMPORARY_NAME
    if _temporary is None or _is_open_as(directory, _temporary):
        return
    workspace.create(directory)
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    os.dup2(descriptor, _temporary, inheritable=False)  # where `tempfile.tempdir` points
    os.close(descriptor)


def _is_open_as(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
