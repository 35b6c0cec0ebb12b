"""What a failed download used and the end of its log, for an operator who asks why.

Runs in the downloads worker, which is trusted; the log was written by the download process.
"""

import os
import resource
import stat
import time
from pathlib import Path

from worker.downloads.file_names import LOG_NAME
from worker.downloads.ytdlp.errors import without_cookies
from worker.logs import redact
from worker.protocol import DownloadUsage

LOG_TAIL_BYTES = 8 * 1024


class Usage:
    """Measures one download, from before its process is started until all of it is reaped."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._cpu_before_s = _reaped_cpu_s()
        self._peak_bytes = 0
        self._passed_bytes: int | None = None

    def note_memory(self, used_bytes: int) -> None:
        """Record how much memory is in use now; the peak is kept."""
        self._peak_bytes = max(self._peak_bytes, used_bytes)

    def note_passed(self, count: int | None) -> None:
        """Record how many bytes the download sent and received, if that is known."""
        self._passed_bytes = count

    def close(self, directory: Path) -> DownloadUsage:
        """The totals, with the end of the log in `directory`."""
        return DownloadUsage(
            run_s=time.monotonic() - self._started,
            cpu_s=_reaped_cpu_s() - self._cpu_before_s,
            peak_bytes=self._peak_bytes,
            log=_tail(directory / LOG_NAME),
            passed_bytes=self._passed_bytes,
        )


def _reaped_cpu_s() -> float:
    """Processor time of all processes reaped by this worker, which runs one download at a time."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _tail(log: Path) -> str:
    """The end of a log; "" if a download has put a link or anything else in its place."""
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
