"""Sites that fail for everybody: for a while their links are refused without a try.

A circuit breaker for each site (Nygard, "Release It!", 2007). A circuit opens when
`FAILURES_TO_OPEN` links have failed within `WINDOW_S`, in ways that speak of the site and not of
the link, and none has worked since. A link that fails again is no new evidence, nor are one
person's links alone if the bot has seen another. While the circuit is open, the site's links are
refused, including those that wait to be tried again. After a cool-down one download is let through
as a probe. Its success closes the circuit, its failure opens it for twice as long, up to
`LONGEST_COOL_DOWN_S`; a probe that says nothing about the site makes way for the next. What the
operator does about a failure, such as new cookies, lets a probe through at once.

All of it is kept in memory only; after a restart it is learned again from the next failures. So
that nobody can fill the memory with made-up hosts, at most `MAX_SITES` are known. Times are
monotonic seconds.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from worker.clocks import Monotonic
from worker.errors import Fault, JobError, Reason, Remedy
from worker.ledger import CookiesJob, DownloadJob, Job, RequestJob
from worker.pool.events import Event, Failed, Finished
from worker.sites import site_of_link

log = logging.getLogger(__name__)

FAILURES_TO_OPEN = 5
WINDOW_S = 600.0

COOL_DOWN_S = 60.0
LONGEST_COOL_DOWN_S = 1800.0

MAX_SITES = 1000

_AT_ONCE = Monotonic(0.0)

# Not TIMED_OUT: a long video takes long on a site that works.
SPEAKS_OF_SITE = frozenset(
    {
        *(Reason.SITE_ERROR, Reason.SITE_BUSY, Reason.NETWORK, Reason.STALLED),
        Reason.BLOCKED_HERE,
    },
)


@dataclass(frozen=True)
class _Failure:
    """When a link failed last, and whose download it was."""

    at: Monotonic
    user_id: int | None


@dataclass
class _Circuit:
    """What is known of a site: the links that failed last, and when a probe may start.

    The keys of `failures` are hashes of the links, which take less memory. `cool_down_s` is 0 while
    the circuit is closed. `reason` is that of the last failure.
    """

    failures: dict[int, _Failure] = field(default_factory=dict)
    cool_down_s: float = 0.0
    probe_at: Monotonic = _AT_ONCE
    probe_job_id: int | None = None
    reason: Reason = Reason.SITE_DOWN

    @property
    def is_open(self) -> bool:
        return self.cool_down_s > 0


class SiteNotAsked(JobError):
    """The error of a download that was not tried because its site's circuit is open."""


class CircuitBreaker:
    """The circuits of all sites."""

    def __init__(self) -> None:
        self._sites: dict[str, _Circuit] = {}  # The one that failed last comes last.
        self._people: set[int | None] = set()

    @property
    def sites_down(self) -> Mapping[str, Monotonic]:
        """The sites whose links are refused, and when each is tried again. Any thread may ask."""
        sites = list(self._sites.items())  # One C call: no other thread changes it meanwhile.
        return {site: circuit.probe_at for site, circuit in sites if circuit.is_open}

    def wait_s(self, job: Job, now: Monotonic) -> float | None:
        """How long the links of a job's request stay refused; None when they are not."""
        if not isinstance(job, RequestJob):
            return None
        circuit = self._sites.get(site_of_link(job.request.url))
        return max(0.0, circuit.probe_at - now) if circuit and circuit.is_open else None

    def admit(self, job: DownloadJob, now: Monotonic) -> bool:
        """Let a claimed download start, as the probe of a site whose circuit is open.

        False when it must not start.
        """
        circuit = self._sites.get(_site(job))
        if circuit is None or not circuit.is_open or job.needs_no_site:
            return True
        if now < circuit.probe_at:
            return False
        # If its outcome never comes, another probe is let through after a while.
        circuit.probe_job_id = job.id
        circuit.probe_at = Monotonic(now + COOL_DOWN_S)
        return True

    def probe_now(self, now: Monotonic) -> None:
        """Let a probe of each site through, since what made it fail may be mended.

        A probe that is running already began before the repair, so its failure does not count.
        """
        for circuit in self._sites.values():
            circuit.probe_job_id, circuit.probe_at = None, now

    def forget_old(self, now: Monotonic) -> None:
        """Forget the circuits that stayed open without a probe for long."""
        for site, probe_at in self.sites_down.items():
            if now > probe_at + LONGEST_COOL_DOWN_S:
                del self._sites[site]

    def refuses_any(self, now: Monotonic) -> bool:
        """Whether the links of any site are refused now, without a probe."""
        return any(now < probe_at for probe_at in self.sites_down.values())

    def refuses(self, job: DownloadJob, now: Monotonic) -> bool:
        """Whether a waiting download is to fail now because its site's links are refused."""
        # One that waits for a stream to start may wait for hours, until the site works again.
        if job.needs_no_site or job.form.awaits_start:
            return False
        circuit = self._sites.get(_site(job))
        return circuit is not None and circuit.is_open and now < circuit.probe_at

    def learn(self, job: Job, event: Event, now: Monotonic) -> None:
        """Learn from what has become of a job; `job` is as it was when it began.

        A download that did not need its site then says nothing about the site.
        """
        if isinstance(job, CookiesJob) and isinstance(event, Finished):
            self.probe_now(now)
        if not isinstance(job, DownloadJob) or job.needs_no_site:
            return
        if len(self._people) < 2:
            self._people.add(job.user_id)
        circuit = self._sites.get(_site(job))
        match event:
            case Finished():
                self._sites.pop(_site(job), None)
                if circuit and circuit.is_open:
                    log.info("job %d: %s works again.", job.id, _site(job))
            case Failed(error=SiteNotAsked()):
                pass  # It says nothing about the site.
            case Failed(error=JobError() as error) if _speaks_of_site(error):
                self._count(job, error.reason, now)
            case _ if circuit and circuit.probe_job_id == job.id:
                circuit.probe_job_id, circuit.probe_at = None, now

    def refusal(self, job: DownloadJob) -> SiteNotAsked:
        """The error of a download whose site is not asked."""
        circuit, detail = self._sites.get(_site(job)), f"{_site(job)} fails for everybody"
        if circuit and circuit.reason is Reason.BLOCKED_HERE:
            return SiteNotAsked(Reason.BLOCKED_HERE, Fault.OPERATOR, detail)
        return SiteNotAsked(Reason.SITE_DOWN, Fault.RETRYABLE, detail)

    def _count(self, job: DownloadJob, reason: Reason, now: Monotonic) -> None:
        site = _site(job)
        circuit = self._sites[site] = self._sites.pop(site, _Circuit())
        circuit.reason = reason
        if len(self._sites) > MAX_SITES:
            # The closed circuit that failed longest ago, or else the open one.
            del self._sites[min(self._sites, key=lambda each: self._sites[each].is_open)]
        link = hash(job.url)
        circuit.failures.pop(link, None)
        circuit.failures[link] = _Failure(now, job.user_id)
        if len(circuit.failures) > FAILURES_TO_OPEN:
            del circuit.failures[next(iter(circuit.failures))]
        if circuit.is_open and job.id == circuit.probe_job_id:
            circuit.cool_down_s = min(2 * circuit.cool_down_s, LONGEST_COOL_DOWN_S)
        elif not circuit.is_open and self._is_for_everybody(circuit, now):
            circuit.cool_down_s = COOL_DOWN_S
        else:
            return  # Too few, or it had begun before the circuit opened.
        circuit.probe_job_id = None
        circuit.probe_at = Monotonic(now + circuit.cool_down_s)
        wait_s = circuit.cool_down_s
        log.warning(
            "job %d: %s fails for everybody; its links are refused for %.0f s.",
            job.id,
            site,
            wait_s,
        )

    def _is_for_everybody(self, circuit: _Circuit, now: Monotonic) -> bool:
        recent = [each for each in circuit.failures.values() if now - each.at <= WINDOW_S]
        people = {each.user_id for each in recent}
        return len(recent) == FAILURES_TO_OPEN and len(people) >= len(self._people)


def _speaks_of_site(error: JobError) -> bool:
    # Expired cookies affect only the links that need an account, not the whole site.
    return error.reason in SPEAKS_OF_SITE and error.remedy is not Remedy.NEW_COOKIES


def _site(download: DownloadJob) -> str:
    return site_of_link(download.url)
