"""What the text of a setting may be: each kind says what is allowed and turns text into a value.

A kind's `parse` raises ValueError for what is not allowed; the message is the kind's own
`allowed`, never the text, so that a secret cannot slip into it.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from worker.logs import TOKEN

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_SWITCH = {"on": True, "true": True, "yes": True, "1": True}
_SWITCH |= {"off": False, "false": False, "no": False, "0": False}


@dataclass(frozen=True)
class ValueKind:
    """One kind of value: `allowed` completes the sentence "allowed is …"."""

    parse: Callable[[str], Any]
    allowed: str
    secret: bool = False
    show: Callable[[Any], str] = str


def whole(least: int, most: int, unit: str = "") -> ValueKind:
    """A whole number from `least` to `most`."""

    def parse(text: str) -> int:
        # int() would also take "1_000", " 7" and digits of other scripts.
        if re.fullmatch(r"[0-9]{1,9}", text) is None or not least <= int(text) <= most:
            raise ValueError
        return int(text)

    return ValueKind(parse, f"a whole number{unit and ' of ' + unit} from {least} to {most}")


def seconds(least: float, most: float) -> ValueKind:
    """A time in seconds from `least` to `most`, decimals allowed."""

    def parse(text: str) -> float:
        if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", text) is None:
            raise ValueError
        value = float(text)
        if not least <= value <= most:
            raise ValueError
        return value

    return ValueKind(parse, f"a number of seconds from {least:g} to {most:.0f}", show="{:g}".format)


def _switch(text: str) -> bool:
    value = _SWITCH.get(text.lower())
    if value is None:
        raise ValueError
    return value


def _path(text: str) -> Path:
    if "\0" in text:
        raise ValueError
    try:
        # Absolute from here on: jobs run in directories of their own.
        return Path(text).expanduser().absolute()
    except RuntimeError:  # there is no such user, so no such home
        raise ValueError from None


def _users(text: str) -> frozenset[int]:
    parts = _parts(text)
    if any(re.fullmatch(r"[1-9][0-9]{0,15}", part) is None for part in parts):
        raise ValueError
    return frozenset(map(int, parts))


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(part) for part in _parts(text))


def _token(text: str) -> str:
    if TOKEN.fullmatch(text) is None:
        raise ValueError
    return text


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise ValueError
    if not parts.hostname or "@" in parts.netloc or parts.port == 0 or re.search(r"\s", text):
        raise ValueError
    return text.rstrip("/")


def _proxy(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https", "socks5", "socks5h") or not parts.hostname:
        raise ValueError
    if not parts.port or parts.path.strip("/") or parts.query or re.search(r"\s", text):
        raise ValueError
    return text.rstrip("/")


def _parts(text: str) -> list[str]:
    return [part for part in re.split(r"[,\s]+", text) if part]


def _joined(values: Any) -> str:
    return ",".join(map(str, values))


SWITCH = ValueKind(_switch, "on or off", show=lambda value: "on" if value else "off")
PATH = ValueKind(
    _path, "a path", show=lambda path: str(path) if path.is_absolute() else f"./{path}"
)
USERS = ValueKind(
    _users,
    "numeric user ids with commas between them",
    show=lambda value: ",".join(map(str, sorted(value))),
)
NETWORKS = ValueKind(
    _networks,
    "networks such as 10.0.0.0/8 with commas between them, no bits set behind the mask",
    show=_joined,
)
URL = ValueKind(_url, "an http or https address without login, query or fragment")
BOT_TOKEN = ValueKind(
    _token,
    "the form that @BotFather gives: digits, a colon, 30 or more of A-Z a-z 0-9 - _",
    secret=True,
)
PROXY = ValueKind(
    _proxy, "the form scheme://[user:password@]host:port with http, https or socks5[h]", secret=True
)
