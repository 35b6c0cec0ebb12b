"""What a download used and what it said last, for the operator who asks why it failed."""

import os
import resource
import stat
import time
from pathlib import Path

from worker.downloads.confinement.isolation import LOG_NAME
from worker.downloads.ytdlp.errors import without_cookies
from worker.logs import redact
from worker.protocol import DownloadUsage

LOG_TAIL_BYTES = 8 * 1024


class Usage:
    """Opened before a download's process is started, closed when all of it is reaped."""

    def __init__(self) -> None:
        """Begin to count."""
        self._began = time.monotonic()
        self._cpu_before_s = _cpu_of_children_s()
        self._peak_bytes = 0

    def note_memory(self, used_bytes: int) -> None:
        """So much was in use at this moment."""
        self._peak_bytes = max(self._peak_bytes, used_bytes)

    def close(self, directory: Path) -> DownloadUsage:
        """The sums, and the end of the log in `directory`."""
        return DownloadUsage(
            run_s=time.monotonic() - self._began,
            cpu_s=_cpu_of_children_s() - self._cpu_before_s,
            peak_bytes=self._peak_bytes,
            log=_tail(directory / LOG_NAME),
        )


def _cpu_of_children_s() -> float:
    """Processor time of all that this worker has reaped, which no two downloads share."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _tail(log: Path) -> str:
    """The end of a log that a stranger may have put a link in place of; "" for no such file."""
    try:
        fd = os.open(log, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    with open(fd, "rb") as file:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            return ""
        file.seek(max(0, status.st_size - LOG_TAIL_BYTES))
        text = file.read(LOG_TAIL_BYTES).decode(errors="replace")
    return redact(without_cookies(text)).strip()
