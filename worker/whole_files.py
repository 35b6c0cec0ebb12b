"""Files that are never half written under their own name.

Each is written under another name, forced to the disk and only then renamed.
"""

import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def new_file_beside(path: Path) -> Iterator[Path]:
    """An empty file in the same directory, which is removed unless it has been renamed.

    Those left by killed processes are removed too. In a container the next process has the same
    pid, so a file with this process's own pid counts as left over: two threads never make the same
    file at once.
    """
    for left in path.parent.glob(f".{glob.escape(path.name)}-*"):
        pid = left.name.removeprefix(f".{path.name}-").partition("-")[0]
        if pid == str(os.getpid()) or (pid.isdecimal() and not Path("/proc", pid).exists()):
            left.unlink(missing_ok=True)
    new = path.with_name(f".{path.name}-{os.getpid()}")
    os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    try:
        yield new
    finally:
        new.unlink(missing_ok=True)


def reach_disk(path: Path) -> None:
    """Force a file, or the entries of a directory, to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
