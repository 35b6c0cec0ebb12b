"""The private directory of one download attempt: create, measure, tidy, remove.

Mostly used by trusted processes, on directories that an untrusted one has written to: it may have
put links, devices or unreadable directories there. So nothing here follows a link or opens a file.
"""

import contextlib
import itertools
import os
import shutil
import stat
import time
from pathlib import Path

from worker.downloads.file_names import is_of_recording

_REMOVAL_TRIES = 4
_REMOVAL_PAUSE_S = 0.05


def create(directory: Path) -> None:
    """Create `directory` empty and private, after removing an earlier one. Raises OSError."""
    remove(directory)
    directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.mkdir(mode=0o700)


def remove(directory: Path) -> None:
    """Remove `directory` and its content without following links; do nothing if it is gone.

    Makes read-only directories writable, and tries again when a file appears meanwhile, as the
    last write of a dying process does. Raises OSError when the last try fails.
    """
    for tries_left in reversed(range(_REMOVAL_TRIES)):
        try:
            if directory.is_symlink():
                directory.unlink()
            else:
                shutil.rmtree(directory)
        except FileNotFoundError:
            # Either the directory is gone, or a file vanished while rmtree was at it.
            if not os.path.lexists(directory):
                return
        except OSError:
            if not tries_left:
                raise
            _make_writable(directory)
        else:
            return
        time.sleep(_REMOVAL_PAUSE_S)


def prepare_for_recording(directory: Path) -> None:
    """Create `directory`; if it exists, keep what an earlier attempt has recorded in it.

    Raises OSError.
    """
    try:
        names = {entry.name for entry in os.scandir(directory)}
        keep_only(directory, set(filter(is_of_recording, names)))
    except OSError:
        create(directory)


def keep_only(directory: Path, names: set[str]) -> None:
    """Remove everything in `directory` except the files called `names`."""
    for entry in list(os.scandir(directory)):
        if entry.name in names:
            continue
        if entry.is_dir(follow_symlinks=False):
            remove(Path(entry.path))
        else:
            os.unlink(entry.path)


def rename(path: Path, name: str) -> Path:
    """Call a file `name`, with a number if its directory has such a file. Returns its path.

    It keeps the old name if the file system does not take the new one.
    """
    stem, suffix = os.path.splitext(name)
    with contextlib.suppress(OSError, ValueError):  # UnicodeEncodeError is a ValueError
        for number in itertools.count(1):
            target = path.with_name(name if number == 1 else f"{stem} {number}{suffix}")
            if target == path:
                return path
            if not os.path.lexists(target):
                os.rename(path, target)
                return target
    return path


def size_bytes(directory: Path) -> int:
    """The lengths of all files below `directory` added up, hard links once, symbolic links not.

    Lengths rather than blocks, because that is what a copy or an upload of them costs.
    """
    sizes: dict[int, int] = {}
    pending = [os.fspath(directory)]
    while pending:
        # Files appear and vanish while the download runs.
        with contextlib.suppress(OSError), os.scandir(pending.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        status = entry.stat(follow_symlinks=False)
                        sizes[status.st_ino] = status.st_size
    return sum(sizes.values())


def private_file_bytes(directory: Path, name: str) -> int:
    """The size in bytes of the regular file `name` directly inside `directory`.

    Raises ValueError when `name` is a path, or names anything but a regular file, or a file with
    a second hard link; OSError when there is none.
    """
    if name in {"", ".", ".."} or "/" in name or "\0" in name:
        raise ValueError(f"{name!r} is not a file name")
    status = os.stat(directory / name, follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        raise ValueError(f"{name!r} is not a regular file with one name")
    return status.st_size


def _make_writable(directory: Path) -> None:
    """Make `directory` and every directory below it writable, without following links."""
    pending = [os.fspath(directory)]
    while pending:
        with contextlib.suppress(OSError):
            path = pending.pop()
            os.chmod(path, 0o700)
            with os.scandir(path) as entries:
                pending += [e.path for e in entries if e.is_dir(follow_symlinks=False)]
