"""The operator's settings for sites, and how the dispatcher follows them.

They may change while the bot runs; any thread may bring new ones.
"""

import threading
from collections.abc import Mapping

from worker.clocks import Monotonic, Wall
from worker.dispatch.pace import HOUR_S, Pace
from worker.dispatch.running_jobs import RunningJobs
from worker.dispatch.status.line import Line
from worker.errors import Fault, JobError, Reason
from worker.ledger import DownloadJob, Ledger
from worker.protocol import Stage
from worker.settings import Sites


class SiteRules:
    """The settings of the sites, and the pace that follows from them.

    `change` may be called by any thread, the rest is for the dispatcher's alone.
    """

    def __init__(self, sites: Sites, running: RunningJobs) -> None:
        """Begin with these settings, once the ledger has told what was begun lately."""
        self.sites = sites
        self.full_lately: Mapping[str, str] = {}
        """The sites whose pace let no download begin at the last `update_full_sites`, with why.

        Each step of the dispatcher calls that. Any thread may read it.
        """
        self._running = running
        self._pace = Pace(sites)
        self._new: Sites | None = sites
        self._lock = threading.Lock()

    def change(self, sites: Sites) -> None:
        """Keep to these settings from the next step on."""
        with self._lock:
            self._new = sites

    def step(self, ledger: Ledger, now: Monotonic, wall: Wall) -> bool:
        """Take over new settings. Returns whether there were any.

        To be called again if it raises LedgerBusy.
        """
        with self._lock:
            sites = self._new
        if sites is None:
            return False
        # What failed under the old settings may work now.
        ledger.forget_failures()
        # A clock that was set back since then makes none of them look new.
        begun = ledger.begun_downloads(Wall(wall - HOUR_S))
        past = [(url, Monotonic(now - (wall - at))) for url, at in begun if at <= wall]
        self.sites, self._pace = sites, Pace(sites, past)
        with self._lock:
            if self._new is sites:
                self._new = None
        return True

    def begin(self, job: DownloadJob, now: Monotonic) -> None:
        """Count a download that is given to a worker."""
        self._pace.begin(job.url, now)

    def update_full_sites(self, now: Monotonic) -> frozenset[str]:
        """Find out which sites' pace lets no download begin now, and note them."""
        self.full_lately = self._pace.full(self._running.download_urls, now)
        return frozenset(self.full_lately)

    def line(self, obstacle: Stage | None, now: Monotonic) -> Line:
        """What downloads wait for; `obstacle` is what all of them wait for, if anything."""
        return Line(
            obstacle,
            frozenset(self.full_lately),
            lambda site, ahead: self._pace.wait_s(site, ahead, now),
        )

    # ------------------------------------------------------------------------ sites off

    def refuses(self, job: DownloadJob) -> bool:
        """Whether the site of a download is switched off."""
        is_off = self.sites.any_is_off and self.sites.of_url(job.url).off
        return is_off and not job.needs_no_site


def switched_off() -> JobError:
    """The error of a download whose site is switched off."""
    return JobError(Reason.SITE_OFF, Fault.PERMANENT, "switched off in sites.toml")
