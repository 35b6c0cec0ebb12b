"""URLs that people send: which are taken, and their one spelling.

Pure functions. What a link leads to is not asked here; the downloads' guard does that.
"""

import ipaddress
import re
import unicodedata
from enum import StrEnum
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

import idna

from worker.errors import Fault, JobError, Reason

MAX_LENGTH = 2048

_PORTS = {"http": 80, "https": 443}
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
# `mailto:x`, `data:,x`: a scheme without slashes. `host:8080` is none.
_BARE_SCHEME = re.compile(r"[a-z][a-z0-9+-]*:(?!\d)", re.IGNORECASE)
_BRACKETED = re.compile(r"\[[^\[\]]*:[^\[\]]*\](?::[0-9]*)?")
_HOST = re.compile(r"(?!-|.{254})[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_RESERVED = "%/:=&?~#+!$,;'@()*[]"
# Scripts such as Persian and Malayalam need them within words, and so do the paths in them.
_JOINERS = "\u200c\u200d"
# yt_dlp.utils.smuggle_url
_SMUGGLED = "#__youtubedl_smuggle"

WEB_PORTS = (80, 443)
FIRST_FREE_PORT = 1024


class LinkFlaw(StrEnum):
    """Why a link is not opened."""

    TOO_LONG = "longer than 2048 characters"
    SCHEME = "not http or https"
    CREDENTIALS = "holds a user name or a password"
    CHARACTERS = "holds characters that no link has"
    HOST = "names no host"
    PORT = "names a port below 1024 that is not the web's"


class InvalidLink(JobError):
    """A link that is refused before anything is fetched; `flaw` says why."""

    def __init__(self, flaw: LinkFlaw) -> None:
        super().__init__(Reason.INVALID_LINK, Fault.PERMANENT, flaw.value)
        self.flaw = flaw

    def __reduce__(self) -> tuple[Any, ...]:
        return (InvalidLink, (self.flaw,))


def normalise(url: str) -> str:
    """One spelling for a link: the same for every writing of it, and stable when repeated.

    Scheme and host in lower case, the host in ASCII (IDNA), no default port, a path; other
    characters percent-encoded; a bare domain is taken to mean https. The fragment stays, since
    at some sites it names the media (`music.163.com/#/song?id=1`). Raises `InvalidLink`.

    >>> normalise("Example.com:443/été#t=5")
    'https://example.com/%C3%A9t%C3%A9#t=5'
    """
    url = _without_invisible_ends(url)
    if len(url) > MAX_LENGTH:
        raise InvalidLink(LinkFlaw.TOO_LONG)
    if any(_is_foreign(character) for character in url):
        raise InvalidLink(LinkFlaw.CHARACTERS)
    parts = _split(url)
    if parts.scheme not in _PORTS:
        raise InvalidLink(LinkFlaw.SCHEME)
    if "@" in parts.netloc:
        raise InvalidLink(LinkFlaw.CREDENTIALS)
    path, query, fragment = (
        quote(part, safe=_RESERVED)
        for part in (parts.path or "/", parts.query, _without_smuggled_data(parts.fragment))
    )
    normal = urlunsplit((parts.scheme, _location(parts), path, query, fragment))
    if len(normal) > MAX_LENGTH:
        raise InvalidLink(LinkFlaw.TOO_LONG)
    return normal


def is_open_port(port: int) -> bool:
    """The web's own ports, and those that anybody may serve on: not mail, not a shell."""
    return port in WEB_PORTS or FIRST_FREE_PORT <= port <= 65535


def _without_invisible_ends(url: str) -> str:
    """The URL without blanks and invisible marks around it, which a copied link often has."""
    first, last = 0, len(url)
    while first < last and _is_unseen(url[first]):
        first += 1
    while first < last and _is_unseen(url[last - 1]):
        last -= 1
    return url[first:last]


def _is_unseen(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) == "Cf"


def _without_smuggled_data(fragment: str) -> str:
    """The fragment without yt-dlp's own marker, whose data would steer its extractors."""
    place = f"#{fragment}".find(_SMUGGLED)
    return fragment if place < 0 else fragment[: max(0, place - 1)]


def _is_foreign(character: str) -> bool:
    """Whether no link holds it: blanks, controls, invisible marks, lone surrogates, backslash."""
    if character in _JOINERS:
        return False
    return character == "\\" or unicodedata.category(character) in {
        *("Cc", "Cf", "Cs", "Cn"),
        *("Zl", "Zp", "Zs"),
    }


def _split(url: str) -> SplitResult:
    if not _SCHEME.match(url):
        if _BARE_SCHEME.match(url):
            raise InvalidLink(LinkFlaw.SCHEME)
        url = f"https://{url}"
    try:
        return urlsplit(url)
    except ValueError:
        raise InvalidLink(LinkFlaw.HOST) from None


def _location(parts: SplitResult) -> str:
    """Host and port of a split link."""
    if not _BRACKETED.fullmatch(parts.netloc) and not {"[", "]"}.isdisjoint(parts.netloc):
        raise InvalidLink(LinkFlaw.HOST)  # urlsplit drops what stands around the brackets
    try:
        host, port = parts.hostname or "", parts.port
        host = _ipv6_host(host) if ":" in host else _ascii_host(host)
    except ValueError:  # of the port, of the address, or of the name (idna.IDNAError)
        raise InvalidLink(LinkFlaw.HOST) from None
    if port in (None, _PORTS[parts.scheme]):
        return host
    if not is_open_port(port):
        raise InvalidLink(LinkFlaw.PORT)
    return f"{host}:{port}"


def _ipv6_host(host: str) -> str:
    address = ipaddress.IPv6Address(host)
    if address.scope_id is not None:
        raise ValueError("an address with a scope")
    return f"[{address}]"


def _ascii_host(host: str) -> str:
    if not host.isascii():
        host = idna.encode(host, uts46=True).decode("ascii")
    host = host.removesuffix(".").lower()
    if not _HOST.fullmatch(host):
        raise ValueError("no host name")
    return host
