"""Links: where they are in a message, what they are called, and which stop at the door.

Pure functions. What a link leads to is not asked here; the downloads' guard does that.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

import idna

from worker import ports
from worker.errors import Fault, JobError, Reason
from worker.telegram import fields

MAX_LENGTH = 2048

_PORTS = {"http": 80, "https": 443}
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
# `mailto:x`, `data:,x`: a scheme without slashes. `host:8080` is none.
_BARE_SCHEME = re.compile(r"[a-z][a-z0-9+-]*:(?!\d)", re.IGNORECASE)
_BRACKETED = re.compile(r"\[[^\[\]]*:[^\[\]]*\](?::[0-9]*)?")
_HOST = re.compile(r"(?!-|.{254})[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_RESERVED = "%/:=&?~#+!$,;'@()*[]"

_IN_TEXT = re.compile(r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]*://[^\s<>\"]+", re.IGNORECASE)
_PUNCTUATION = ".,;:!?'\"*_~`»”’"


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


@dataclass(frozen=True)
class Links:
    """The links of one message: normalised, in order, each once; and what the others lack."""

    good: tuple[str, ...] = ()
    flaws: tuple[LinkFlaw, ...] = ()


def find_links(message: Mapping[str, Any]) -> Links:
    """The links of a message's text or caption. Never raises, whatever the message holds.

    Telegram's own reading counts (Bot API 10.1, MessageEntity: `url` and `text_link`). Only
    where it gave none at all is the text searched, and there only for `scheme://`.
    """
    good: dict[str, None] = {}
    flaws: dict[LinkFlaw, None] = {}
    for raw in _raw_links(message):
        try:
            good[normalise(raw)] = None
        except InvalidLink as error:
            flaws[error.flaw] = None
    return Links(tuple(good), tuple(flaws))


def normalise(url: str) -> str:
    """One spelling for a link: the same for every writing of it, and stable when repeated.

    Scheme and host in lower case, the host in ASCII (IDNA), no default port, no fragment, a
    path; other characters percent-encoded; a bare domain is taken to mean https. Raises
    `InvalidLink`.
    """
    url = url.strip()
    if len(url) > MAX_LENGTH:
        raise InvalidLink(LinkFlaw.TOO_LONG)
    if any(_is_foreign(character) for character in url):
        raise InvalidLink(LinkFlaw.CHARACTERS)
    parts = _split(url)
    if parts.scheme not in _PORTS:
        raise InvalidLink(LinkFlaw.SCHEME)
    if "@" in parts.netloc:
        raise InvalidLink(LinkFlaw.CREDENTIALS)
    path, query = quote(parts.path or "/", safe=_RESERVED), quote(parts.query, safe=_RESERVED)
    normal = urlunsplit((parts.scheme, _location(parts), path, query, ""))
    if len(normal) > MAX_LENGTH:
        raise InvalidLink(LinkFlaw.TOO_LONG)
    return normal


def _raw_links(message: Mapping[str, Any]) -> Iterator[str]:
    for text_key, entities_key in (("text", "entities"), ("caption", "caption_entities")):
        text = fields.text(message, text_key)
        entities = fields.items(message, entities_key)
        if entities:
            yield from _links_of_entities(text, entities)
        else:
            yield from map(_without_punctuation, _IN_TEXT.findall(text))


def _links_of_entities(text: str, entities: Sequence[object]) -> Iterator[str]:
    # Offsets and lengths count UTF-16 code units (Bot API 10.1, MessageEntity).
    units = text.encode("utf-16-le", "surrogatepass")
    for entity in entities:
        kind = fields.text(entity, "type")
        offset, length = fields.integer(entity, "offset"), fields.integer(entity, "length")
        if kind == "text_link" and fields.text(entity, "url"):
            yield fields.text(entity, "url")
        elif kind == "url" and offset is not None and length is not None and offset >= 0 < length:
            link = units[2 * offset : 2 * (offset + length)].decode("utf-16-le", "replace")
            if link:
                yield link


def _without_punctuation(link: str) -> str:
    """The link without the end of the sentence, or of the brackets, that it stands in."""
    while link:
        last = link[-1]
        unopened = last in ")]}" and link.count(last) > link.count("([{"[")]}".index(last)])
        if not unopened and last not in _PUNCTUATION:
            break
        link = link[:-1]
    return link


def _is_foreign(character: str) -> bool:
    """Whether no link holds it: blanks, controls, invisible marks, lone surrogates, backslash."""
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
    if not ports.is_open(port):
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
