"""A download's own copy of the operator's cookies: of the link's site, and of no other.

The format is Netscape's, as `curl` and yt-dlp write it: a line for each cookie, seven fields
with tabs between them, the first the domain.
"""

import errno
import ipaddress
import os
from pathlib import Path
from urllib.parse import urlsplit

from worker.errors import Fault, JobError, Reason

_HEADER = "# Netscape HTTP Cookie File\n"
_HTTP_ONLY = "#HttpOnly_"

# Sites that go by several names, and ask for one name's cookies under another.
_ALIASES = (
    frozenset({"youtube.com", "youtu.be", "youtube-nocookie.com"}),
    frozenset({"x.com", "twitter.com", "t.co"}),
    frozenset({"facebook.com", "fb.com", "fb.watch", "fb.me"}),
    frozenset({"instagram.com", "instagr.am", "ig.me"}),
    frozenset({"reddit.com", "redd.it"}),
    frozenset({"bilibili.com", "b23.tv"}),
    frozenset({"dailymotion.com", "dai.ly"}),
)


def hand_over(url: str, source: Path, target: Path) -> None:
    """`copy_for` in a process of its own, so that the other sites' stay in nobody's memory.

    For a process with one thread. Raises OSError for a full disk, else JobError, the operator's.
    """
    pid = os.fork()
    if pid == 0:
        code = errno.EIO
        try:
            copy_for(url, source, target)
            code = 0
        except OSError as error:
            code = error.errno or code
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code in (errno.ENOSPC, errno.EDQUOT):
        raise OSError(code, os.strerror(code))
    if code:
        raise JobError(Reason.INTERNAL, Fault.OPERATOR, f"COOKIES_FILE: error {code} at its copy")


def copy_for(url: str, source: Path, target: Path) -> None:
    """Write to `target`, which must not exist, those of `source` that `url`'s site may see.

    Raises OSError.
    """
    sites = _sites_of(urlsplit(url).hostname or "")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with (
        source.open(encoding="utf-8", errors="surrogateescape", newline="") as theirs,
        open(
            os.open(target, flags, mode=0o600), "w", encoding="utf-8", errors="surrogateescape"
        ) as own,
    ):
        own.write(_HEADER)
        for line in theirs:
            if _domain(line) in sites:
                own.write(line.rstrip("\r\n") + "\n")


def _domain(line: str) -> str | None:
    """The site of the cookie in a line, None for a comment or rubbish."""
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
