"""The operator's settings for each site."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote, urlsplit

from worker.sites import site_of_url

DEFAULT_LINKS_PER_HOUR: Mapping[str, int] = MappingProxyType(
    {"youtube.com": 250, "instagram.com": 100}
)
"""The pace for sites that are known to turn away whoever asks too often."""

# A shorter secret occurs in too many words.
_SHORTEST_SECRET = 6

MAX_OLD_SECRETS = 500


@dataclass(frozen=True, kw_only=True)
class Site:
    """The settings of one site; `worker.settings.site_keys` says what is allowed.

    `cookies` are used when a download without them was turned away, or from the start with
    `cookies_always`. None means: no limit, or what holds for all sites.
    """

    name: str
    cookies: Path | None = None
    cookies_always: bool = False
    proxy: str | None = field(default=None, repr=False)
    downloads: int | None = None
    links_per_hour: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    off: bool = False

    @property
    def has_secrets(self) -> bool:
        """Whether only the operator should be able to read them."""
        return bool(self.headers) or "@" in (self.proxy or "")

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no log line and no message may show."""
        password = urlsplit(self.proxy or "").password or ""
        found = {password, unquote(password), *self.headers.values()}
        return tuple(sorted(each for each in found if len(each) >= _SHORTEST_SECRET))


@dataclass(frozen=True)
class Sites:
    """The settings of all sites, by their names as in `worker.sites`."""

    named: Mapping[str, Site] = field(default_factory=dict)
    warnings: tuple[str, ...] = field(default=(), compare=False)
    """What is allowed but probably a mistake, a sentence each."""
    old_secrets: tuple[str, ...] = field(default=(), compare=False, repr=False)
    """Secrets of earlier settings, which a running download may still have."""

    def __getitem__(self, name: str) -> Site:
        """The settings of a site, or the defaults where it has none."""
        return self.named.get(name) or Site(
            name=name, links_per_hour=DEFAULT_LINKS_PER_HOUR.get(name)
        )

    def of_url(self, url: str) -> Site:
        """The settings of the site that a link names; it may lead to another site."""
        return self[site_of_url(url)]

    @property
    def any_is_off(self) -> bool:
        return any(site.off for site in self.named.values())

    @property
    def cookies_files(self) -> tuple[Path, ...]:
        """The files with cookies of all sites."""
        return tuple(site.cookies for site in self.named.values() if site.cookies)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no log line and no message may show."""
        own = (secret for site in self.named.values() for secret in site.secrets)
        return tuple(dict.fromkeys((*own, *self.old_secrets)))

    def after(self, before: "Sites") -> "Sites":
        """These settings, with the secrets of the settings `before` as well."""
        return replace(self, old_secrets=before.secrets[:MAX_OLD_SECRETS])


DEFAULT_SITES = Sites()
