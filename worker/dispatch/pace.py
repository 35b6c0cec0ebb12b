"""How much a site may be asked at a time and in an hour: downloads beyond that wait in line.

No more of a site's downloads run at a time, and begin within any hour, than its operator's
settings allow. Each attempt counts, for it asks the site; an answer that Telegram has already
does not, and a download that many wait for counts once.

A download's site is the one that its link names, for only the download itself finds out where
the link leads: one of a service that shortens links counts for that service.

All of it is in memory. After a start, and after a change of the settings, the ledger tells what
has begun in the last hour. Times are monotonic seconds.
"""

import bisect
import math
from collections import Counter, defaultdict
from collections.abc import Iterable

from worker.clocks import Monotonic
from worker.settings import Sites
from worker.sites import site_of_url

HOUR_S = 3600.0


class Pace:
    """Which sites are asked as much as they may be, and how long a download waits for its turn."""

    def __init__(self, sites: Sites, begun: Iterable[tuple[str, Monotonic]] = ()) -> None:
        """`begun`: the links of the downloads that have begun in the last hour, and when."""
        self._sites = sites
        # Only of the sites with a limit, in order. What is older than an hour goes with the next.
        self._begun: dict[str, list[Monotonic]] = defaultdict(list)
        for url, at in begun:
            self._count(url, at)

    def begin(self, url: str, now: Monotonic) -> None:
        """Count a download of this link, which begins now."""
        self._count(url, now)

    def _count(self, url: str, at: Monotonic) -> None:
        site = self._sites.of_url(url)
        if site.links_per_hour is not None:
            begun = self._begun[site.name]
            bisect.insort(begun, at)
            del begun[: bisect.bisect_right(begun, at - HOUR_S)]

    def full(self, running: Iterable[str], now: Monotonic) -> dict[str, str]:
        """The sites that may not be asked for more while these links are fetched.

        Each has the key of `sites.toml` that says so; `links_per_hour` where both do.
        """
        at_work = Counter(map(site_of_url, running))
        busy = [name for name, count in at_work.items() if count >= self._most_running(name)]
        spent = [name for name in self._begun if self.wait_s(name, 0, now)]
        return dict.fromkeys(busy, "downloads") | dict.fromkeys(spent, "links_per_hour")

    def _most_running(self, name: str) -> float:
        most = self._sites[name].downloads
        return math.inf if most is None else most

    def wait_s(self, name: str, ahead: int, now: Monotonic) -> float:
        """How long a site's download waits at least, with `ahead` others of the site before it.

        It may wait longer, since nobody knows beforehand how long the running downloads take.
        """
        most = self._sites[name].links_per_hour
        if most is None:
            return 0.0
        begun = self._begun.get(name, [])
        first = bisect.bisect_right(begun, now - HOUR_S)
        # It begins an hour after the download that is `most` before it in line.
        hours, further = divmod(ahead, most)
        place = len(begun) - most + further
        return hours * HOUR_S + (begun[place] + HOUR_S - now if place >= first else 0.0)
