"""The kinds of values that a setting may have: what is allowed, and how text is parsed.

A kind's `parse` raises ValueError for what is not allowed. The operator is shown the kind's
`allowed` instead of the error's text, which could contain a secret.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from worker.log_formats import LogFormat
from worker.logs import TOKEN

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_SWITCH = {"on": True, "true": True, "yes": True, "1": True}
_SWITCH |= {"off": False, "false": False, "no": False, "0": False}


DIRECT = "direct"
"""The value for using no proxy although there is one for everything."""


class YtDlpUpdates(StrEnum):
    """When the bot updates yt-dlp by itself."""

    OFF = "off"
    DAILY = "daily"


@dataclass(frozen=True)
class ValueKind:
    """One kind of value. `allowed` completes "allowed is …"."""

    parse: Callable[[str], Any]
    allowed: str
    secret: bool = False


def whole(lowest: int, highest: int, unit: str = "") -> ValueKind:
    """Allow a whole number from `lowest` to `highest`."""

    def parse(text: str) -> int:
        # int() would also take "1_000", " 7" and digits of other scripts.
        if re.fullmatch(r"[0-9]{1,9}", text) is None or not lowest <= int(text) <= highest:
            raise ValueError
        return int(text)

    return ValueKind(parse, f"a whole number{unit and ' of ' + unit} from {lowest} to {highest}")


def seconds(lowest: float, highest: float) -> ValueKind:
    """Allow a time in seconds from `lowest` to `highest`, with decimals."""

    def parse(text: str) -> float:
        if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", text) is None:
            raise ValueError
        value = float(text)
        if not lowest <= value <= highest:
            raise ValueError
        return value

    allowed = f"a number of seconds from {lowest:g} to {highest:.0f}"
    return ValueKind(parse, allowed)


def _switch(text: str) -> bool:
    value = _SWITCH.get(text.lower())
    if value is None:
        raise ValueError
    return value


def _path(text: str) -> Path:
    if "\0" in text:
        raise ValueError
    # SQLite and yt-dlp take no other names: this raises UnicodeEncodeError, a ValueError.
    text.encode("utf-8")
    try:
        # Made absolute at once: jobs run in other working directories.
        return Path(text).expanduser().absolute()
    except RuntimeError:  # expanduser(): no such user
        raise ValueError from None


def _users(text: str) -> frozenset[int]:
    parts = _parts(text)
    if any(re.fullmatch(r"[1-9][0-9]{0,15}", part) is None for part in parts):
        raise ValueError
    return frozenset(map(int, parts))


def _networks(text: str) -> tuple[IpNetwork, ...]:
    return tuple(ipaddress.ip_network(part) for part in _parts(text))


def _packages(text: str) -> tuple[str, ...]:
    parts = _parts(text)
    if any(
        re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", part) is None for part in parts
    ):
        raise ValueError
    # One spelling of each (PEP 503).
    return tuple(dict.fromkeys(re.sub(r"[._-]+", "-", part).lower() for part in parts))


def _endpoints(text: str) -> tuple[tuple[str, int], ...]:
    return tuple(dict.fromkeys(map(_endpoint, _parts(text))))


def _endpoint(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    host, port = parts.hostname or "", parts.port
    if not port or parts.netloc != text or "@" in text:
        raise ValueError
    if ":" in host:
        return str(ipaddress.IPv6Address(host)), port
    # What looks like an address is one in its usual notation.
    if re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", host) is None:
        raise ValueError
    if re.fullmatch(r"[0-9.]+|0x.*", host):
        return str(ipaddress.IPv4Address(host)), port
    return host, port


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


def _secret_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment:
        raise ValueError
    if parts.port == 0 or re.search(r"\s", text):
        raise ValueError
    return text


def _listen(text: str) -> tuple[str, int]:
    host, port = _endpoint(text)
    return str(ipaddress.ip_address(host)), port


def _proxy(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https", "socks5", "socks5h") or not parts.hostname:
        raise ValueError
    if not parts.port or parts.path.strip("/") or parts.query or re.search(r"\s", text):
        raise ValueError
    return text.rstrip("/")


def _own_proxy(text: str) -> str:
    return DIRECT if text.lower() == DIRECT else _proxy(text)


def _parts(text: str) -> list[str]:
    return [part for part in re.split(r"[,\s]+", text) if part]


LOG_FORMAT = ValueKind(lambda text: LogFormat(text.lower()), "text, logfmt or json")
YTDLP_UPDATES = ValueKind(lambda text: YtDlpUpdates(text.lower()), "off or daily")
SWITCH = ValueKind(_switch, "on or off")
PATH = ValueKind(_path, "a path in UTF-8")
USERS = ValueKind(_users, "numeric user ids, separated by commas")
NETWORKS = ValueKind(
    _networks, "networks such as 10.0.0.0/8, separated by commas, with no host bits set"
)
PACKAGES = ValueKind(_packages, "names of installed packages, separated by commas")
ENDPOINTS = ValueKind(_endpoints, "host:port such as 127.0.0.1:4416, separated by commas")
LISTEN = ValueKind(_listen, "an address of this machine and a port, such as 127.0.0.1:9100")
SECRET_URL = ValueKind(_secret_url, "an http or https URL", secret=True)
URL = ValueKind(_url, "an http or https URL without login, query or fragment")
BOT_TOKEN = ValueKind(
    _token,
    "a token from @BotFather: digits, a colon, 30 or more of A-Z a-z 0-9 - _",
    secret=True,
)
PROXY = ValueKind(
    _proxy,
    "http, https, socks5 or socks5h://host:port, with user:password@ before the host for a login",
    secret=True,
)
OWN_PROXY = ValueKind(_own_proxy, f"{DIRECT} for none, or a proxy as for PROXY", secret=True)
