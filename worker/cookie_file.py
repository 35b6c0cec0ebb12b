"""Cookies in Netscape's format, as `curl` and yt-dlp write it.

One line for each cookie: seven fields separated by tabs, the first of which is the domain.
"""

import errno
import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from worker.clocks import Wall
from worker.sites import site_of

HEADER = "# Netscape HTTP Cookie File\n"

_HTTP_ONLY = "#HttpOnly_"
_BYTE_ORDER_MARK = "\ufeff"
_EXPIRES, _VALUE = 4, 6
_DOMAIN = re.compile(r"\.?[A-Za-z0-9_-][A-Za-z0-9._:-]{0,252}")
_NO_END = "0"
_MOST_DIGITS = 11
_NUMBER = re.compile(rf"[0-9]{{0,{_MOST_DIGITS}}}")

# yt-dlp quotes a line of the cookies file that it cannot parse, the cookie included.
_QUOTED_LINE = re.compile(r"(cookies file '[^']*').*", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Cookie:
    """A cookie. `expires` is Unix time as it is written; "0" or "" where it has no end."""

    domain: str
    path: str
    name: str
    value: str = field(repr=False)
    expires: str
    is_http_only: bool

    @property
    def site(self) -> str:
        """The site that it belongs to."""
        return site_of(self.domain.lstrip("."))

    @property
    def key(self) -> tuple[str, str, str]:
        """What no two cookies of a file share."""
        return self.domain, self.path, self.name

    def is_over(self, wall: Wall) -> bool:
        """Whether it has expired by then. One with a malformed time never does."""
        return self.expires.isdecimal() and 0 < int(self.expires) <= wall


def open_to_read(path: Path) -> int:
    """Open a cookies file; refuse pipes and devices, which could block or never end.

    Returns a descriptor. Raises OSError.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "it is not an ordinary file")
    except OSError:
        os.close(fd)
        raise
    return fd


def read_line(line: str) -> Cookie | None:
    """The cookie in a line; None for a comment or a malformed line."""
    line = line.rstrip("\r\n").removeprefix(_BYTE_ORDER_MARK)
    fields = line.removeprefix(_HTTP_ONLY).split("\t")
    if len(fields) != 7 or fields[0].startswith("#"):
        return None
    domain, _, path, _, expires, name, value = fields
    return Cookie(domain, path, name, value, _seconds(expires), line.startswith(_HTTP_ONLY))


def _seconds(expires: str) -> str:
    """A time of a file as whole seconds, where it is one.

    Some exports have fractions, and some another unit: when such a cookie ends is not known.
    """
    whole = expires.partition(".")[0]
    return _NO_END if whole.isdecimal() and len(whole) > _MOST_DIGITS else whole


def for_ytdlp(line: str, cookie: Cookie) -> str | None:
    """The line of a cookie as yt-dlp takes it; None for one that it refuses.

    It gives up the whole file for some lines.
    """
    fields = line.rstrip("\r\n").split("\t")
    fields[0] = _HTTP_ONLY * cookie.is_http_only + cookie.domain
    # A domain with a dot in front includes those below it.
    fields[1] = "TRUE" if cookie.domain.startswith(".") else "FALSE"
    fields[_EXPIRES] = cookie.expires
    is_sane = (
        "".join(fields).isprintable()
        and _DOMAIN.fullmatch(cookie.domain)
        and cookie.path.startswith("/")
        and _NUMBER.fullmatch(cookie.expires)
    )
    return "\t".join(fields) + "\n" if is_sane else None


def with_value(line: str, value: str, expires: str) -> str:
    """The line of a cookie with another value, and nothing else changed."""
    end = line[len(line.rstrip("\r\n")) :]
    fields = line.rstrip("\r\n").split("\t")
    fields[_EXPIRES], fields[_VALUE] = expires, value
    return "\t".join(fields) + end


def usable(text: str, wall: Wall) -> tuple[dict[str, list[str]], set[str]]:
    """The cookie lines of a text by their sites, and the sites whose cookies have all expired.

    Lines are as yt-dlp takes them; what it would refuse is left out.
    """
    by_site: dict[str, list[str]] = {}
    over: set[str] = set()
    for line in text.splitlines():
        cookie = read_line(line)
        taken = for_ytdlp(line, cookie) if cookie else None
        if cookie is None or taken is None:
            continue
        if cookie.is_over(wall):
            over.add(cookie.site)
        else:
            by_site.setdefault(cookie.site, []).append(taken)
    return by_site, over - by_site.keys()


def without_cookies(text: str) -> str:
    """`text` without lines of a cookies file that yt-dlp quotes."""
    return _QUOTED_LINE.sub(r"\1", text)
