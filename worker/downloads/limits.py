"""The limits and settings that downloads keep to."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from worker.downloads.confinement.network import Network
from worker.protocol import SiteAccess

LOOK_S = 40.0
"""How long a look may take: the pages of one link, and solving one of YouTube's players."""

LOOK_BYTES = 16 * 1024 * 1024
"""How large a look's directory may be, with a player in it."""


@dataclass(frozen=True)
class DownloadLimits:
    """Limits in bytes and seconds, sent to a worker once and fixed for its life.

    `for_site` gives those of one download, with what is different for its site.

    A video larger than `max_file_bytes` is cut into at most `max_parts` files. `timeout_s` is
    what any download may take, and each `slowest_bps` bytes add one second, up to
    `job_timeout_s` for everything (see `worker.downloads.allowance`). `instance` is the
    tag in the environment by which this bot's processes are recognised. `allowed_networks` are
    CIDR networks that a link may name although they are not public. `judge` is the address of the
    judge, which connects through the `proxy` if there is one. In the download's own process `proxy`
    is its way to the judge, and without that it reaches nothing. `network` is what else keeps it
    from the network.
    `cookies_file` is for those downloads that fail without: each gets a copy of its site's.
    `extractions` is the directory in which workers keep what was found behind links; None for
    nothing.
    """

    instance: str
    max_file_bytes: int
    max_parts: int = 1
    max_items: int = 50
    """How many items of a list are reported at most."""
    timeout_s: float = 60.0
    idle_timeout_s: float = 60.0
    job_timeout_s: float = 600.0
    slowest_bps: int = 500_000
    memory_bytes: int = 512 * 1024 * 1024
    allowed_networks: tuple[str, ...] = ()
    judge: str | None = None
    network: Network = Network.NONE
    proxy: str | None = None
    cookies_file: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    extractions: str | None = None
    hidden_files: tuple[str, ...] = ()
    """Files that no download may read, besides those that none ever may."""
    term_grace_s: float = 0.5
    """The time from SIGTERM to SIGKILL: short, so that people who cancel see it end."""

    directory_bytes: int | None = None
    """How large its directory may be; None for as large as its files need."""

    @property
    def max_answer_bytes(self) -> int:
        """The largest total size of the files of one link."""
        return self.max_file_bytes * self.max_parts

    def for_site(self, access: SiteAccess) -> "DownloadLimits":
        """The same limits with what the operator has decided for a site.

        Through a proxy of its own the judge connects in place of the one for all sites.
        """
        own = (self.cookies_file,) if self.cookies_file else ()
        return replace(
            self,
            proxy=access.proxy or self.proxy,
            cookies_file=access.cookies_file or self.cookies_file,
            headers=access.headers,
            options=access.options,
            hidden_files=(*self.hidden_files, *own, *access.hidden_files),
        )

    def for_look(self) -> "DownloadLimits":
        """These limits for a look, which downloads nothing."""
        return replace(
            self,
            timeout_s=min(self.timeout_s, LOOK_S),
            idle_timeout_s=min(self.idle_timeout_s, LOOK_S),
            directory_bytes=LOOK_BYTES,
        )

    def within(self, max_bytes: int | None) -> "DownloadLimits":
        """These limits for an answer of at most `max_bytes`; None leaves them as they are."""
        if max_bytes is None:
            return self
        return replace(
            self,
            max_file_bytes=min(self.max_file_bytes, max_bytes),
            max_parts=max(1, min(self.max_parts, max_bytes // self.max_file_bytes)),
        )
