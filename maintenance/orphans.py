"""Orphans: download directories that belong to no live job."""

import os
import re
import time
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from worker.downloads import workspace

_NAME = re.compile(r"[0-9]+-[0-9]+")


@dataclass(frozen=True)
class Orphan:
    """An abandoned directory, its age in seconds and its size in bytes."""

    path: Path
    age_s: float
    size_bytes: int


def find_orphans(downloads: Path, live: Container[str], older_than_s: float) -> list[Orphan]:
    """The directories in `downloads` that no live job uses and that are old enough.

    Only what a download would have made is looked at: a link or a foreign name is left alone.
    """
    if not downloads.is_dir():
        return []
    found = []
    for entry in os.scandir(downloads):
        if entry.name in live or not _NAME.fullmatch(entry.name):
            continue
        if not entry.is_dir(follow_symlinks=False):
            continue
        try:
            age_s = time.time() - entry.stat(follow_symlinks=False).st_mtime
        except FileNotFoundError:
            continue
        if age_s >= older_than_s:
            path = Path(entry.path)
            found.append(Orphan(path, age_s, workspace.size_bytes(path)))
    return found
