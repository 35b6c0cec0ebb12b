"""What a failed download used and the end of its log, for an operator who asks why.

Runs in the downloads worker, which is trusted; the log was written by the download process.
"""

import resource
import time
from pathlib import Path

from worker.downloads import log_tail
from worker.protocol import DownloadUsage


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
            log=log_tail.read(directory),
            passed_bytes=self._passed_bytes,
        )


def _reaped_cpu_s() -> float:
    """Processor time of all processes reaped by this worker, which runs one download at a time."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
