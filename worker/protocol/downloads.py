"""What a download is told, and what it reports while it runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from worker.form import WHOLE, Form


@dataclass(frozen=True)
class SiteAccess:
    """How a site is asked, as its operator has decided.

    A `proxy` and a `cookies_file` come in place of those for all sites, and are used from the start
    with `cookies_always`. `options` are those of `worker.settings.site_keys`. `hidden_files` are
    files that no download may read, besides those that none ever may. `cookies_work_ns` is the time
    of the file whose cookies have worked for other links.
    """

    proxy: str | None = field(default=None, repr=False)
    cookies_file: str | None = None
    cookies_always: bool = False
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    hidden_files: tuple[str, ...] = ()
    cookies_work_ns: int | None = None


USUAL_ACCESS = SiteAccess()


@dataclass(frozen=True)
class Download:
    """Fetch the media behind `url`, in the form that is wanted, into `directory`.

    The job makes that directory and owns it. `max_bytes`: how much an earlier attempt could fetch
    in its time, which is all that this one may fetch. `access` is for the site of `url`. `fresh`:
    what was found behind it lately may not be used. `record_s`: how many seconds of a live stream
    may be recorded; 0 for nothing more than is there.
    """

    job_id: int
    url: str
    directory: str
    form: Form = WHOLE
    max_bytes: int | None = None
    access: SiteAccess = USUAL_ACCESS
    fresh: bool = False
    record_s: float = 0.0


@dataclass(frozen=True)
class Identified:
    """A download's report of what it fetches: the key of the media, see `worker.media_keys`."""

    media_key: str


@dataclass(frozen=True)
class YtDlpStarted:
    """A download's report that its session exists: the leader's pid and start, for the ledger."""

    pid: int
    started: int


@dataclass(frozen=True)
class Outpaced:
    """A download's report that its time is up, and how many bytes have come."""

    done_bytes: int


@dataclass(frozen=True)
class DownloadUsage:
    """A failed download's report of what it used, in seconds and bytes.

    `log` is the end of what yt-dlp's process wrote, without secrets. `passed_bytes` have passed the
    judge in both directions; None if it has not said.
    """

    run_s: float
    cpu_s: float
    peak_bytes: int
    log: str
    passed_bytes: int | None = None
