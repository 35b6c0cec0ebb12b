"""Cookies in Netscape's format, as `curl` and yt-dlp write it.

One line for each cookie: seven fields separated by tabs, the first of which is the domain.
"""

from dataclasses import dataclass, field

from worker.sites import site_of

HEADER = "# Netscape HTTP Cookie File\n"

_HTTP_ONLY = "#HttpOnly_"
_EXPIRES, _VALUE = 4, 6


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


def read_line(line: str) -> Cookie | None:
    """The cookie in a line; None for a comment or a malformed line."""
    fields = line.rstrip("\r\n").removeprefix(_HTTP_ONLY).split("\t")
    if len(fields) != 7 or fields[0].startswith("#"):
        return None
    domain, _, path, _, expires, name, value = fields
    return Cookie(domain, path, name, value, expires, line.startswith(_HTTP_ONLY))


def with_value(line: str, value: str, expires: str) -> str:
    """The line of a cookie with another value, and nothing else changed."""
    end = line[len(line.rstrip("\r\n")) :]
    fields = line.rstrip("\r\n").split("\t")
    fields[_EXPIRES], fields[_VALUE] = expires, value
    return "\t".join(fields) + end
