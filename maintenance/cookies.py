"""The cookies of each site: how many there are, when they expire, whether they are refused."""

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from worker.clocks import Wall
from worker.cookie_file import Cookie, open_to_read, read_line
from worker.ledger.upkeep.site_cookies import RefusedCookies
from worker.protocol import site_cookies
from worker.settings import DEFAULT_SITES, Settings, SettingsError, Sites, SitesFile

# The cookies that make up a session, for the most used sites.
_SESSIONS: Mapping[str, frozenset[str]] = {
    "bilibili.com": frozenset({"SESSDATA"}),
    "facebook.com": frozenset({"xs"}),
    "instagram.com": frozenset({"sessionid"}),
    "nicovideo.jp": frozenset({"user_session"}),
    "patreon.com": frozenset({"session_id"}),
    "pinterest.com": frozenset({"_pinterest_sess"}),
    "reddit.com": frozenset({"reddit_session"}),
    "threads.com": frozenset({"sessionid"}),
    "tiktok.com": frozenset({"sessionid"}),
    "twitch.tv": frozenset({"auth-token"}),
    "vimeo.com": frozenset({"vimeo"}),
    "vk.com": frozenset({"remixsid"}),
    "x.com": frozenset({"auth_token"}),
    "youtube.com": frozenset({"LOGIN_INFO", "SAPISID", "SID", "__Secure-1PSID", "__Secure-3PSID"}),
}


@dataclass(frozen=True)
class SiteCookies:
    """The cookies of a site.

    `ends_at` is when the first cookie of the session expires, or where it is not known which these
    are, the last of all; None if they never expire.
    """

    path: Path
    changed_ns: int
    count: int
    ends_at: Wall | None
    refused_since: Wall | None


def read_all(settings: Settings, refused: Mapping[str, RefusedCookies]) -> dict[str, SiteCookies]:
    """The sites with cookies of a session or in a file of their own, and those that refuse them."""
    found = {}
    sites = _sites(settings)
    for path in dict.fromkeys(_files(settings, sites)):
        try:
            changed_ns = path.stat().st_mtime_ns
            by_site = _by_site(path)
        except OSError:
            continue  # `--check` and downloads that need the file report that.
        for site, cookies in by_site.items():
            named = sites[site].cookies
            used = site_cookies.file_of(site, settings.data_dir, named or settings.cookies_file)
            if path != used:
                continue  # Another file has precedence for this site.
            known = refused.get(site)
            is_refused = known is not None and known.changed_ns == changed_ns
            is_session = any(cookie.name in _SESSIONS.get(site, ()) for cookie in cookies)
            is_its_own = path == named or path != settings.cookies_file
            if is_session or is_refused or is_its_own:
                since = Wall(known.since) if known and is_refused else None
                ends_at = _ends_at(site, cookies)
                found[site] = SiteCookies(path, changed_ns, len(cookies), ends_at, since)
    return found


def _sites(settings: Settings) -> Sites:
    """The settings of the sites; the defaults if the file cannot be used."""
    with contextlib.suppress(SettingsError):
        return SitesFile.beside(settings.data_dir, Path(".env")).load()
    return DEFAULT_SITES


def _files(settings: Settings, sites: Sites) -> Iterator[Path]:
    """All files with cookies."""
    if settings.cookies_file:
        yield settings.cookies_file
    yield from sites.cookies_files
    yield from sorted(site_cookies.sent_files(settings.data_dir).glob("*.txt"))


def _by_site(path: Path) -> dict[str, list[Cookie]]:
    cookies: dict[str, list[Cookie]] = {}
    with open(open_to_read(path), encoding="utf-8", errors="replace", newline="") as file:
        for cookie in filter(None, map(read_line, file)):
            cookies.setdefault(cookie.site, []).append(cookie)
    return cookies


def _ends_at(site: str, cookies: Sequence[Cookie]) -> Wall | None:
    session = [cookie for cookie in cookies if cookie.name in _SESSIONS.get(site, ())]
    ends = [_end(cookie) for cookie in session or cookies]
    end = min(ends) if session else max(ends)
    return Wall(end) if math.isfinite(end) else None


def _end(cookie: Cookie) -> float:
    """When a cookie expires; never if it has no time, which is to end with a browser's session."""
    return float(cookie.expires) if cookie.expires.strip("0").isdecimal() else math.inf
