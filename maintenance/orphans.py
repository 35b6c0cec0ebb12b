"""Orphans: download directories that belong to no live job."""

import os
import re
from collections.abc import Callable, Container
from dataclasses import dataclass
from pathlib import Path

from worker.clocks import wall_clock
from worker.downloads import workspace
from worker.downloads.file_names import download_directory_of

_NAME = re.compile(r"[0-9]+-[0-9]+")


@dataclass(frozen=True)
class Orphan:
    """An abandoned download directory."""

    path: Path
    age_s: float
    size_bytes: int


def find_orphans(
    downloads: Path, live: Callable[[], Container[str]], older_than_s: float
) -> list[Orphan]:
    """The directories in `downloads` that are not `live` and not changed for `older_than_s`.

    `live` returns the names of those that a job needs. Symbolic links and names that no download
    would use are left alone. Raises OSError when `downloads` cannot be read or is itself a link.
    """
    if downloads.is_symlink():
        raise OSError(f"{downloads} is a symbolic link; what is behind it is left alone")
    if not downloads.is_dir():
        return []
    # `live` is called after the listing: a job is in the ledger before it makes its directory.
    with os.scandir(downloads) as listing:
        entries = [entry for entry in listing if _NAME.fullmatch(download_directory_of(entry.name))]
    needed = live()
    found = []
    for entry in entries:
        if download_directory_of(entry.name) in needed or not entry.is_dir(follow_symlinks=False):
            continue
        try:
            changed_at = entry.stat(follow_symlinks=False).st_mtime
        except FileNotFoundError:
            continue
        # The absolute value: a clock that was set back puts changes into the future.
        age_s = abs(wall_clock() - changed_at)
        if age_s >= older_than_s:
            path = Path(entry.path)
            found.append(Orphan(path, age_s, workspace.size_bytes(path)))
    return found
