"""What a site is: all the names under which one operator serves.

Without the public suffix list (publicsuffix.org), which has nearly ten thousand rules and changes
every week, the registered part of a host's name is a guess. It would rather take one
site for two than two for one, since cookies of one must not go to the other. It knows below which
names countries usually sell others, and the larger hosting providers, but not the names of towns
and provinces below which some registries (jp, no, it, pl) sell names.
"""

import functools
import ipaddress
import re
from urllib.parse import urlsplit

# Where Pinterest serves as well, by the list of yt-dlp's extractor.
_PINTEREST = (
    *("at", "be", "ca", "ch", "cl", "co", "co.at", "co.in", "co.kr", "co.nz", "co.uk", "com.au"),
    *("com.bo", "com.ec", "com.mx", "com.pe", "com.py", "com.uy", "com.vn", "de", "dk", "ec"),
    *("es", "fr", "hu", "id", "ie", "in", "info", "it", "jp", "kr", "mx", "nl", "nz", "pe"),
    *("ph", "pt", "ru", "th", "tw", "uk", "vn"),
)

# Sites with several domains, each line one site, which is called by the first. Where a site has
# one domain, the guess will do.
_ALIASES = (
    ("bilibili.com", "b23.tv"),
    ("dailymotion.com", "dai.ly"),
    ("facebook.com", "fb.com", "fb.me", "fb.watch"),
    ("flickr.com", "flic.kr"),
    ("instagram.com", "ig.me", "instagr.am"),
    ("linkedin.com", "lnkd.in"),
    ("nicovideo.jp", "nico.ms"),
    ("ok.ru", "odnoklassniki.ru"),
    ("pinterest.com", "pin.it", *(f"pinterest.{country}" for country in _PINTEREST)),
    ("reddit.com", "redd.it", "redditmedia.com"),
    ("t.me", "telegram.me"),
    ("threads.com", "threads.net"),
    ("tiktok.com", "tiktokv.com"),
    ("vimeo.com", "vimeopro.com"),
    ("vk.com", "vk.cc", "vk.ru", "vkvideo.ru"),
    ("weibo.com", "weibo.cn"),
    ("x.com", "t.co", "twitter.com"),
    ("xiaohongshu.com", "xhslink.com"),
    ("youtube.com", "youtu.be", "youtube-nocookie.com", "youtubekids.com"),
)
_KNOWN = {name: names[0] for names in _ALIASES for name in names}

KNOWN_NAMES = frozenset(_KNOWN)
"""The names that several-named sites have."""

# The part of a link in which its host is named.
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#]*", re.IGNORECASE | re.ASCII)

# Of the public suffix list, the words that several countries sell names below, beside those of at
# most three letters: co.uk and com.br, but also gouv.fr, govt.nz, info.pl.
_SECOND_LEVELS = frozenset(
    {
        *("asso", "coop", "firm", "gouv", "govt", "info", "mobi", "name", "priv", "school"),
        *("shop", "store"),
    }
)

# Of the private part of that list and of the providers' own pages: below these anybody may serve,
# so each host is a site by itself.
_HOSTING = frozenset(
    {
        *("amazonaws.com", "appspot.com", "azurestaticapps.net", "azurewebsites.net"),
        *("b-cdn.net", "backblazeb2.com", "blogspot.com", "cloudfront.net", "ddns.net"),
        *("deno.dev", "digitaloceanspaces.com", "duckdns.org", "firebaseapp.com", "fly.dev"),
        *("github.io", "gitlab.io", "glitch.me", "googleapis.com", "herokuapp.com"),
        *("netlify.app", "ngrok-free.app", "ngrok.io", "onrender.com", "pages.dev", "r2.dev"),
        *("run.app", "translate.goog", "trycloudflare.com", "vercel.app", "web.app"),
        *("windows.net", "workers.dev"),
    }
)


def site_of(host: str) -> str:
    """The site that a host belongs to: its registered domain, or of several the first.

        >>> site_of("m.example.co.uk"), site_of("youtu.be"), site_of("ada.github.io")
        ('example.co.uk', 'youtube.com', 'ada.github.io')

    An address is a site by itself.
    """
    host = host.rstrip(".").lower()
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return _known(host) or _registered(host)


def site_of_link(url: str) -> str:
    """The site whose failures a link shares; "" for a link that cannot be read.

    A host that is not known is a site by itself, with its port: who else serves below the same
    domain is not known either.
    """
    return _site_with_port(_origin(url))


def site_of_url(url: str) -> str:
    """The site of a link's host, whatever its port; "" for a link that cannot be read."""
    return _site_of_origin(_origin(url))


def names_of(site: str) -> tuple[str, ...]:
    """The names of a site: a normalised link that belongs to it has at least one of them in it."""
    return tuple(name for name, first in _KNOWN.items() if first == site) or (site,)


def _origin(url: str) -> str:
    origin = _ORIGIN.match(url)
    return origin[0] if origin else url


# The ledger asks for the site of every link that waits, at each claim: many links, few hosts.
@functools.lru_cache(maxsize=8192)
def _site_with_port(origin: str) -> str:
    try:
        parts = urlsplit(origin)
        known = _known(parts.hostname or "") if parts.port in (None, 80, 443) else None
    except ValueError:
        return ""
    return known or parts.netloc.rpartition("@")[2].lower().removeprefix("www.")


@functools.lru_cache(maxsize=8192)
def _site_of_origin(origin: str) -> str:
    try:
        return site_of(urlsplit(origin).hostname or "")
    except ValueError:
        return ""


def _known(host: str) -> str | None:
    return next((_KNOWN[name] for name in _names_above(host) if name in _KNOWN), None)


def _registered(host: str) -> str:
    if not _HOSTING.isdisjoint(_names_above(host)):
        return host
    labels = host.split(".")
    is_second_level = (
        len(labels) > 2
        and len(labels[-1]) == 2
        and (len(labels[-2]) <= 3 or labels[-2] in _SECOND_LEVELS)
    )
    return ".".join(labels[-3:] if is_second_level else labels[-2:])


def _names_above(host: str) -> list[str]:
    """The host's name and all domains that it stands below."""
    labels = host.split(".")
    return [".".join(labels[place:]) for place in range(len(labels))]
