"""Give a download the operator's cookies for its link's site, and for no other.

The format is Netscape's, as `curl` and yt-dlp write it: one line for each cookie, seven fields
separated by tabs, the first of which is the domain.
"""

import errno
import ipaddress
import os
from pathlib import Path
from urllib.parse import urlsplit

from worker.errors import Fault, JobError, Reason

_HEADER = "# Netscape HTTP Cookie File\n"
_HTTP_ONLY = "#HttpOnly_"

# Sites with several domains that want one domain's cookies at another.
_ALIASES = (
    frozenset({"youtube.com", "youtu.be", "youtube-nocookie.com"}),
    frozenset({"x.com", "twitter.com", "t.co"}),
    frozenset({"facebook.com", "fb.com", "fb.watch", "fb.me"}),
    frozenset({"instagram.com", "instagr.am", "ig.me"}),
    frozenset({"reddit.com", "redd.it"}),
    frozenset({"bilibili.com", "b23.tv"}),
    frozenset({"dailymotion.com", "dai.ly"}),
)


def copy_in_child(url: str, source: Path, target: Path) -> None:
    """Call `copy_site_cookies` in a child process, so that no other site's cookies stay in memory.

    The caller must have one thread. Raises OSError when the disk is full, otherwise JobError,
    which only the operator can fix.
    """
    pid = os.fork()
    if pid == 0:
        code = errno.EIO
        try:
            copy_site_cookies(url, source, target)
            code = 0
        except OSError as error:
            code = error.errno or code
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code in (errno.ENOSPC, errno.EDQUOT):
        raise OSError(code, os.strerror(code))
    if code:
        raise JobError(
            Reason.INTERNAL, Fault.OPERATOR, f"COOKIES_FILE cannot be copied: error {code}"
        )


def copy_site_cookies(url: str, source: Path, target: Path) -> None:
    """Write the cookies in `source` that the site of `url` may see to `target`.

    Raises OSError, also when `target` exists.
    """
    sites = _sites_of(urlsplit(url).hostname or "")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with (
        source.open(encoding="utf-8", errors="surrogateescape", newline="") as jar,
        open(
            os.open(target, flags, mode=0o600), "w", encoding="utf-8", errors="surrogateescape"
        ) as copy,
    ):
        copy.write(_HEADER)
        for line in jar:
            if _domain(line) in sites:
                copy.write(line.rstrip("\r\n") + "\n")


def _domain(line: str) -> str | None:
    """The site that the cookie in this line belongs to; None for a comment or a malformed line."""
    fields = line.removeprefix(_HTTP_ONLY).split("\t")
    if len(fields) != 7 or fields[0].startswith("#"):
        return None
    return site_of(fields[0].lstrip("."))


def _sites_of(host: str) -> frozenset[str]:
    site = site_of(host)
    return next((names for names in _ALIASES if site in names), frozenset({site}))


def site_of(host: str) -> str:
    """The part of a host's name that somebody has registered; of an address, all of it.

    Without the list of public suffixes, which changes every week, this is a guess on the safe
    side: `a.co.uk` is a site, and so is `a.b.tv`, whose cookies `b.tv` would share.
    """
    host = host.rstrip(".").lower()
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        labels = host.split(".")
    is_second_level = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3
    return ".".join(labels[-3:] if is_second_level else labels[-2:])
