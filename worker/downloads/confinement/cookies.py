"""Give a download the operator's cookies for its link's site, and for no other.

The format is Netscape's, as `curl` and yt-dlp write it: one line for each cookie, seven fields
separated by tabs, the first of which is the domain.
"""

import errno
import os
from pathlib import Path
from urllib.parse import urlsplit

from worker.errors import Fault, JobError, Reason
from worker.sites import site_of

_HEADER = "# Netscape HTTP Cookie File\n"
_HTTP_ONLY = "#HttpOnly_"

# The exit code of a child that has found none; no errno is as high.
_NONE = 255


def copy_in_child(url: str, source: Path, target: Path) -> bool:
    """Call `copy_site_cookies` in a child process, so that no other site's cookies stay in memory.

    Returns what that does. The caller must have one thread. Raises OSError when the disk is full,
    otherwise JobError, which only the operator can fix.
    """
    pid = os.fork()
    if pid == 0:
        code = errno.EIO
        try:
            code = 0 if copy_site_cookies(url, source, target) else _NONE
        except OSError as error:
            code = error.errno or code
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code in (errno.ENOSPC, errno.EDQUOT):
        raise OSError(code, os.strerror(code))
    if code not in (0, _NONE):
        raise JobError(
            Reason.INTERNAL, Fault.OPERATOR, f"COOKIES_FILE cannot be copied: error {code}"
        )
    return code == 0


def copy_site_cookies(url: str, source: Path, target: Path) -> bool:
    """Write the cookies in `source` that the site of `url` may see to `target`.

    Returns whether there are any. Raises OSError, also when `target` exists.
    """
    site = site_of(urlsplit(url).hostname or "")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with (
        source.open(encoding="utf-8", errors="surrogateescape", newline="") as jar,
        open(
            os.open(target, flags, mode=0o600), "w", encoding="utf-8", errors="surrogateescape"
        ) as copy,
    ):
        copy.write(_HEADER)
        found = [line for line in jar if _site_of_cookie(line) == site]
        copy.writelines(line.rstrip("\r\n") + "\n" for line in found)
    return bool(found)


def _site_of_cookie(line: str) -> str | None:
    """The site that the cookie in this line belongs to; None for a comment or a malformed line."""
    fields = line.removeprefix(_HTTP_ONLY).split("\t")
    if len(fields) != 7 or fields[0].startswith("#"):
        return None
    return site_of(fields[0].lstrip("."))
