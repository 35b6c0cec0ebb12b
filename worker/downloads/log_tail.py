"""The end of a download's log, which may hold a stranger's text.

For the downloads worker, and for operators who look at a download that runs.
"""

import os
import stat
from pathlib import Path

from worker.cookie_file import without_cookies
from worker.downloads.file_names import LOG_NAME
from worker.logs import redact

MAX_BYTES = 8 * 1024

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def read(directory: Path) -> str:
    """The end of the log in `directory`; "" if a download has put something else in its place."""
    try:
        fd = os.open(directory / LOG_NAME, _FLAGS)
    except OSError:
        return ""
    with open(fd, "rb") as file:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            return ""
        file.seek(max(0, status.st_size - MAX_BYTES))
        text = file.read(MAX_BYTES).decode(errors="replace")
    return redact(without_cookies(text)).strip()
