"""The disk that downloads share: whether there is room for one more, and what may go."""

import logging
import os
import shutil
from collections.abc import Container
from pathlib import Path

from worker.clocks import Wall
from worker.downloads import workspace
from worker.downloads.file_names import download_directory_of

log = logging.getLogger(__name__)

RESERVE_SHARE = 0.10
RESERVE_BYTES = 1_000_000_000
"""What downloads leave free, whichever is more: the ledger and other programs need room as well."""

RESERVE_FILES = 1000
"""How many more files must fit on the disk for a download to begin."""


def needed_bytes(total_bytes: int, answer_bytes: int, downloads: int) -> float:
    """How much of a disk must be free for so many downloads, with files of up to `answer_bytes`."""
    reserve_bytes = max(RESERVE_BYTES, total_bytes * RESERVE_SHARE)
    # While files are merged or cut, the old and the new ones are on the disk together.
    return reserve_bytes + downloads * 2 * answer_bytes


def free_files(path: Path) -> int | None:
    """How many more files fit on the disk of `path`; None where that has no limit of its own.

    Raises OSError.
    """
    usage = os.statvfs(path)
    # Btrfs and others make inodes as they need them, and count none.
    return usage.f_favail if usage.f_files else None


class DiskSpace:
    """The download directories of one bot.

    `answer_bytes` is the most that one link's files may take.
    """

    def __init__(self, data_dir: Path, answer_bytes: int) -> None:
        self.directory = data_dir / "downloads"
        self._data_dir = data_dir
        self._answer_bytes = answer_bytes
        self.no_room_at: Wall | None = None
        """When a job last found no room, unless a download has found some since.

        Only jobs find out about quotas.
        """

    def allows_one_beside(self, running: int) -> bool:
        """Whether there is room for one more download beside the running ones."""
        files = free_files(self._data_dir)
        if files is not None and files < RESERVE_FILES:
            return False
        usage = shutil.disk_usage(self._data_dir)
        return usage.free > needed_bytes(usage.total, self._answer_bytes, running + 1)

    def sweep(self, live: Container[str], *prefixes: str) -> None:
        """Remove the directories that begin with one of `prefixes` and are not in `live`."""
        # Not by glob: `re` would keep the pattern of each of the last 512 links, 0.8 MB in all.
        try:
            names = os.listdir(self.directory)
        except OSError:
            return  # There are none yet, or they are swept later.
        for name in names:
            if name.startswith(prefixes) and download_directory_of(name) not in live:
                directory = self.directory / name
                try:
                    workspace.remove(directory)
                except OSError as error:
                    log.error("%s cannot be removed now; tried again later: %s", directory, error)
