"""Read the text of `sites.toml`, and say all that is wrong with it, by line.

    ["youtube.com"]
    cookies = "cookies/youtube.txt"
    links_per_hour = 120

    ["youtube.com".options]
    youtube_lang = "de"

No fault shows a value that may be a secret.
"""

import difflib
import functools
import ipaddress
import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from worker.settings import toml_lines
from worker.settings.problems import SettingsError, quoted
from worker.settings.site_keys import (
    HEADER_VALUE,
    KEYS,
    MOST_HEADERS,
    OPTIONS,
    KeyKind,
    is_header_name,
)
from worker.settings.sites import DEFAULT_LINKS_PER_HOUR, Site, Sites
from worker.sites import KNOWN_NAMES, site_of

_TABLES = ("headers", "options")
_ALL_KEYS = (*KEYS, *_TABLES)
_KNOWN_HOSTS = KNOWN_NAMES | DEFAULT_LINKS_PER_HOUR.keys()

_NAME_PART = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
_HOST = re.compile(rf"{_NAME_PART}(\.{_NAME_PART})+")
_LONGEST_HOST = 253
_ALMOST_SURE = 0.85


def parse(text: str, path: Path) -> Sites:
    """The settings in the text of the file at `path`. Raises SettingsError with all faults."""
    try:
        document = tomllib.loads(text)
    except toml_lines.UNPARSABLE as error:
        line, fault = toml_lines.fault_of(text, error)
        raise SettingsError((f"{path.name} line {line}: this is not TOML: {fault}",)) from None
    return _Reader(path, text).read(document)


class _Reader:
    """Reads one document, and collects what is wrong with it."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._text = text
        self._problems: list[tuple[int, str]] = []
        self._warnings: list[str] = []

    def read(self, document: Mapping[str, Any]) -> Sites:
        named: dict[str, Site] = {}
        for title, given in document.items():
            name = self._site_name(title, given)
            if name in named:
                self._blame((title,), f"{quoted(title)} is {name}, which is there already")
            elif name is not None:
                named[name] = self._site(name, title, given)
        if self._problems:
            in_order = sorted(self._problems, key=lambda problem: problem[0])
            raise SettingsError(tuple(problem for _, problem in in_order))
        return Sites(named, tuple(self._warnings))

    @functools.cached_property
    def _lines(self) -> Mapping[toml_lines.Path, int]:
        # Only faults and warnings need them.
        return toml_lines.lines_of(self._text)

    def _line(self, path: toml_lines.Path) -> int:
        """The line of a key, or else of what it stands in."""
        while path not in self._lines:
            path = path[:-1]
        return self._lines[path]

    def _blame(self, path: toml_lines.Path, problem: str) -> None:
        line = self._line(path)
        self._problems.append((line, f"{self._path.name} line {line}: {problem}"))

    # ---------------------------------------------------------------------------- names

    def _site_name(self, title: str, given: Any) -> str | None:
        """The site that a table is for; None, after noting the fault, if it is for none."""
        host = _in_ascii(title.lower())
        if not isinstance(given, dict):
            self._blame((title,), _misplaced(title))
            return None
        if not _is_host(host):
            self._blame((title,), f"{quoted(title)} is not a site; {_meant(title, given)}")
            return None
        site = site_of(host)
        if host not in _KNOWN_HOSTS and host.removeprefix("www.") != site:
            self._blame((title,), f"{quoted(title)} is a part of a site: allowed is {site}")
            return None
        if site not in _KNOWN_HOSTS and (near := _near(site, _KNOWN_HOSTS, _ALMOST_SURE)):
            place = f"{self._path.name} line {self._line((title,))}"
            self._warnings.append(f"{place}: {host} is not known; did you mean {near}?")
        return site

    # --------------------------------------------------------------------------- values

    def _site(self, name: str, title: str, given: Mapping[str, Any]) -> Site:
        found: dict[str, Any] = {"links_per_hour": DEFAULT_LINKS_PER_HOUR.get(name)}
        for key, value in given.items():
            path = (title, key)
            if key not in _TABLES:
                found |= self._value(path, value, KEYS)
            elif not isinstance(value, dict):
                self._blame(path, f"{key}: allowed is a table of names and values")
            elif key == "headers":
                found[key] = self._headers(path, value)
            else:
                options = (self._value((*path, each), value[each], OPTIONS) for each in value)
                found[key] = {name: one for option in options for name, one in option.items()}
        if "cookies" in found:
            found["cookies"] = self._path.parent / found["cookies"]
        return Site(name=name, **found)

    def _value(
        self, path: toml_lines.Path, value: Any, kinds: Mapping[str, KeyKind]
    ) -> dict[str, Any]:
        """The last key of the path with its value; without it if either is not allowed."""
        key = path[-1]
        if key not in kinds:
            known = _ALL_KEYS if kinds is KEYS else tuple(kinds)
            near = _near(key, known)
            hint = f"did you mean {near}?" if near else f"allowed are {', '.join(known)}"
            self._blame(path, f"{quoted(key)} is not known; {hint}")
            return {}
        kind = kinds[key]
        try:
            return {key: kind.parse(value)}
        except ValueError:
            shown = " (not shown)" if kind.secret else f"={quoted(_as_toml(value))}"
            self._blame(path, f"{key}{shown}: allowed is {kind.allowed}")
            return {}

    def _headers(self, path: toml_lines.Path, given: Mapping[str, Any]) -> dict[str, str]:
        if len(given) > MOST_HEADERS:
            self._blame(path, f"{len(given)} headers: allowed are {MOST_HEADERS}")
        found: dict[str, str] = {}
        for name, value in given.items():
            inner = (*path, name)
            if not is_header_name(name):
                self._blame(inner, f"the header {quoted(name)} may not be set")
            elif name.lower() in map(str.lower, found):
                self._blame(inner, f"the header {quoted(name)} is there twice")
            else:
                found |= self._value(inner, value, {name: HEADER_VALUE})
        return found


def _in_ascii(host: str) -> str:
    """The host as it is written in links; unchanged if it is not a host."""
    if host.isascii():
        return host
    try:
        # Imported only here: `--check` also runs where no package is installed.
        from worker.urls import ascii_host

        return ascii_host(host)
    except (ImportError, ValueError):
        return host


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return _HOST.fullmatch(host) is not None and len(host) <= _LONGEST_HOST
    return True


def _misplaced(title: str) -> str:
    """What is wrong with a value that stands outside of all tables."""
    what = "belongs below a site" if title in _ALL_KEYS else "is not known"
    return f'{quoted(title)} {what}; allowed is a table for each site, such as ["youtube.com"]'


def _meant(title: str, given: Mapping[str, Any]) -> str:
    """What the title of a table that is not a host may mean, in words."""
    name, inner = title, given
    # Without quotes TOML takes the dots of a name for tables in tables.
    while tables := [key for key in inner if isinstance(inner[key], dict) and key not in _TABLES]:
        name, inner = f"{name}.{tables[0]}", inner[tables[0]]
    if name != title and _is_host(name.lower()):
        return f'did you mean ["{name}"], with quotes?'
    near = _near(title, _KNOWN_HOSTS)
    return f"did you mean {near}?" if near else 'allowed is a host, as in ["youtube.com"]'


def _near(word: str, known: Collection[str], cutoff: float = 0.6) -> str | None:
    """The known word that is probably meant: youtube.com for `youtube` or `youtub.com`."""
    lower = word.lower()
    begun = sorted(each for each in known if each.partition(".")[0] == lower)
    return next(iter(begun or difflib.get_close_matches(lower, known, 1, cutoff)), None)


def _as_toml(value: Any) -> str:
    """A value, more or less as it was written."""
    try:
        return str(value).lower() if isinstance(value, bool) else str(value)
    except (ValueError, RecursionError):  # thousands of digits, or of tables in tables
        return "…"
