"""Validates and normalises the URLs that people send.

Only the text of a URL is judged here. The addresses that it leads to are judged at each
connection, by `worker.downloads.confinement.egress_guard`.
"""

import ipaddress
import re
import unicodedata
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

import idna

from worker.errors import InvalidLink, LinkFlaw

MAX_LENGTH = 2048

_PORTS = {"http": 80, "https": 443}
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
# A scheme without slashes, as in `mailto:x` and `data:,x`, but not `host:8080`.
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


def normalise(url: str) -> str:
    """Return the one spelling of a URL; idempotent. Raises `InvalidLink`.

    Scheme and host become lower case, the host ASCII (IDNA); the default port is removed, a path
    added, other characters percent-encoded; a bare domain means https. The fragment stays, since
    at some sites it names the media (`music.163.com/#/song?id=1`).

    >>> normalise("Example.com:443/été#t=5")
    'https://example.com/%C3%A9t%C3%A9#t=5'
    """
    url = _strip(url)
    if len(url) > MAX_LENGTH:
        raise InvalidLink(LinkFlaw.TOO_LONG)
    if any(_is_not_allowed(character) for character in url):
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
    """Whether a download may use this port: the web's, or an unprivileged one."""
    return port in WEB_PORTS or FIRST_FREE_PORT <= port <= 65535


def _strip(url: str) -> str:
    """Strip white space and invisible characters, which a copied link often has around it."""
    first, last = 0, len(url)
    while first < last and _is_invisible(url[first]):
        first += 1
    while first < last and _is_invisible(url[last - 1]):
        last -= 1
    return url[first:last]


def _is_invisible(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) == "Cf"


def _without_smuggled_data(fragment: str) -> str:
    """Remove yt-dlp's marker and the data after it, which would control its extractors."""
    index = f"#{fragment}".find(_SMUGGLED)
    return fragment if index < 0 else fragment[: max(0, index - 1)]


def _is_not_allowed(character: str) -> bool:
    """Whether no URL contains it: white space, controls, lone surrogates, backslash."""
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
    """The normalised host and port."""
    if not _BRACKETED.fullmatch(parts.netloc) and not {"[", "]"}.isdisjoint(parts.netloc):
        raise InvalidLink(LinkFlaw.HOST)  # urlsplit ignores text around the brackets
    try:
        host, port = parts.hostname or "", parts.port
        host = _ipv6_host(host) if ":" in host else ascii_host(host)
    except ValueError:  # an invalid port, address or name (idna.IDNAError)
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


def ascii_host(host: str) -> str:
    """A host name in lower case and in ASCII. Raises ValueError where it is none."""
    if not host.isascii():
        host = idna.encode(host, uts46=True).decode("ascii")
    host = host.removesuffix(".").lower()
    if not _HOST.fullmatch(host):
        raise ValueError("no host name")
    return host
