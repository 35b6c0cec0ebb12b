"""What may be set for a site: the keys of `sites.toml`, with the values that each allows.

Nothing here can start a program, write outside a download's directory, or widen its limits.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worker.settings import value_kinds

MOST_HEADERS = 20
_LONGEST_HEADER = 1000
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")  # RFC 9110, section 5.1
_HEADER_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?")

# These say how a message is sent and which part of it is wanted, which yt-dlp decides. A login for
# one site would go to every server that a link leads to: cookies files are for that.
_NOT_OURS = frozenset(
    {
        *("accept-encoding", "authorization", "connection", "content-length", "cookie", "cookie2"),
        *("content-type", "expect", "host", "http2-settings", "if-match", "if-modified-since"),
        *("if-none-match", "if-range", "if-unmodified-since", "keep-alive", "range", "te"),
        *("trailer", "transfer-encoding", "upgrade", "via"),
    }
)


@dataclass(frozen=True)
class KeyKind:
    """What a key allows. `parse` raises ValueError; `allowed` completes "allowed is …"."""

    parse: Callable[[Any], Any]
    allowed: str
    secret: bool = False


def _whole(lowest: int, highest: int) -> KeyKind:
    def parse(value: Any) -> int:
        # True is an int, too.
        if type(value) is not int or not lowest <= value <= highest:
            raise ValueError
        return value

    return KeyKind(parse, f"a whole number from {lowest} to {highest}")


def _seconds(highest: int) -> KeyKind:
    def parse(value: Any) -> float:
        # The comparison also refuses nan.
        if type(value) not in (int, float) or not 0 <= value <= highest:
            raise ValueError
        return float(value)

    return KeyKind(parse, f"a number of seconds from 0 to {highest}")


def _text(pattern: str, allowed: str) -> KeyKind:
    def parse(value: Any) -> str:
        if not isinstance(value, str) or re.fullmatch(pattern, value) is None:
            raise ValueError
        return value

    return KeyKind(parse, allowed)


def _words(most: int) -> KeyKind:
    def parse(value: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or not 0 < len(value) <= most:
            raise ValueError
        return tuple(word.parse(each) for each in value)

    word = _text(r"-?[a-z][a-z0-9_]{0,30}", "")
    return KeyKind(parse, f"a list of at most {most} words of a-z 0-9 _")


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _path(value: Any) -> Path:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError
    try:
        return Path(value).expanduser()
    except RuntimeError:  # no such user
        raise ValueError from None


def _proxy(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    proxy: str = value_kinds.PROXY.parse(value)
    return proxy


def _header_value(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_HEADER:
        raise ValueError
    if _HEADER_VALUE.fullmatch(value) is None:
        raise ValueError
    return value


def is_header_name(name: str) -> bool:
    """Whether a header of this name may be added to what yt-dlp sends."""
    lower = name.lower()
    is_ours = lower not in _NOT_OURS and not lower.startswith(("proxy-", "sec-websocket-"))
    return is_ours and _HEADER_NAME.fullmatch(name) is not None


HEADER_VALUE = KeyKind(
    _header_value, f"1 to {_LONGEST_HEADER} printable ASCII characters", secret=True
)

KEYS: Mapping[str, KeyKind] = {
    "cookies": KeyKind(_path, "the path of a file, seen from this one", secret=True),
    "cookies_always": KeyKind(_switch, "true or false"),
    "proxy": KeyKind(_proxy, value_kinds.PROXY.allowed, secret=True),
    "downloads": _whole(1, 64),
    "links_per_hour": _whole(1, 100_000),
    "off": KeyKind(_switch, "true or false"),
}
"""The keys that have one value; beside them are the tables `headers` and `options`."""

OPTIONS: Mapping[str, KeyKind] = {
    "retries": _whole(0, 5),
    "fragment_retries": _whole(0, 10),
    "extractor_retries": _whole(0, 5),
    "sleep_interval_requests": _seconds(5),
    "geo_bypass_country": _text(r"[A-Z]{2}", "a country in two capital letters"),
    "youtube_player_client": _words(8),
    "youtube_player_skip": _words(5),
    "youtube_fetch_pot": _text("never|auto|always", "never, auto or always"),
    "youtubepot_bgutilhttp_base_url": _text(
        r"https?://[A-Za-z0-9._:\[\]-]{1,260}", "http://host:port"
    ),
    "youtube_lang": _text(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})?", "the code of a language"),
}
"""Options of yt-dlp by its own names, and arguments of its extractor for YouTube and of a plugin
for that."""
