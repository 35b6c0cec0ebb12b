"""The private directory of one attempt: made empty, kept private, removed for good."""

import contextlib
import os
import shutil
import stat
import time
from pathlib import Path

_REMOVAL_TRIES = 4
_REMOVAL_PAUSE_S = 0.05


def create(directory: Path) -> None:
    """Make `directory`, empty and readable by nobody else; an earlier one is removed first.

    Raises OSError when the disk does not allow it.
    """
    remove(directory)
    directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.mkdir(mode=0o700)


def remove(directory: Path) -> None:
    """Remove `directory` and all in it, following no link. Nothing happens when it is gone.

    What was made read-only is made writable, and a file that appears in the middle (the last
    write of a dying process) costs another try. Raises OSError when the last try fails.
    """
    for tries_left in reversed(range(_REMOVAL_TRIES)):
        try:
            if directory.is_symlink():
                directory.unlink()
            else:
                shutil.rmtree(directory)
        except FileNotFoundError:
            # Either all of it is gone, or one file went away under rmtree's hands.
            if not os.path.lexists(directory):
                return
        except OSError:
            if not tries_left:
                raise
            _make_writable(directory)
        else:
            return
        time.sleep(_REMOVAL_PAUSE_S)


def keep_only(directory: Path, names: set[str]) -> None:
    """Remove everything in `directory` but the files called `names`."""
    for entry in list(os.scandir(directory)):
        if entry.name in names:
            continue
        if entry.is_dir(follow_symlinks=False):
            remove(Path(entry.path))
        else:
            os.unlink(entry.path)


def size_bytes(directory: Path) -> int:
    """The length of all files below `directory`, each once; symbolic links count for nothing.

    Lengths rather than blocks: it is what a copy or an upload of them would cost.
    """
    sizes: dict[int, int] = {}
    pending = [os.fspath(directory)]
    while pending:
        # Files come and go while the download runs.
        with contextlib.suppress(OSError), os.scandir(pending.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        status = entry.stat(follow_symlinks=False)
                        sizes[status.st_ino] = status.st_size
    return sum(sizes.values())


def own_file(directory: Path, name: str) -> int:
    """The size in bytes of the regular file `name` directly inside `directory`.

    Raises ValueError when `name` is a path, or names a link, a directory or a device, or a file
    with a second name elsewhere; OSError when there is none.
    """
    if name in {"", ".", ".."} or "/" in name or "\0" in name:
        raise ValueError(f"{name!r} is not the name of a file")
    status = os.stat(directory / name, follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        raise ValueError(f"{name!r} is not a file of this directory alone")
    return status.st_size


def _make_writable(directory: Path) -> None:
    """Open up each directory below, links left alone, before it is looked into."""
    pending = [os.fspath(directory)]
    while pending:
        with contextlib.suppress(OSError):
            path = pending.pop()
            os.chmod(path, 0o700)
            with os.scandir(path) as entries:
                pending += [e.path for e in entries if e.is_dir(follow_symlinks=False)]
