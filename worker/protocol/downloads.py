"""What a download is told, and what it reports while it runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from worker.form import WHOLE, Form


@dataclass(frozen=True)
class SiteAccess:
    """How a site is asked, as its operator has decided.

    A `proxy` and a `cookies_file` come in place of those for all sites, and are used from the
    start with `cookies_always`. `options` are those of `worker.settings.site_keys`.
    `hidden_files` are what no download may read, beside what never may be. `cookies_work_ns` tells
    the file whose cookies have worked for other links.
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
    """Fetch what is wanted of the media behind `url` into `directory`.

    The job makes that directory and owns it. `max_bytes`: how much came in all the time of an
    earlier attempt, which is what this one may fetch. `access` is for the site of `url`. `fresh`:
    what was found behind it lately will not do. `record_s`: how much of a live stream may be
    recorded; 0 for nothing more than is there.
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
    """A download's report that its session exists: the leader's pid and start, for the journal."""

    pid: int
    started: int


@dataclass(frozen=True)
class Outpaced:
    """A download's report that its time is over, and how many bytes have come in it."""

    done_bytes: int


@dataclass(frozen=True)
class DownloadUsage:
    """A download's report of what it used, when it has come to nothing. Seconds, bytes.

    `log` is the end of what yt-dlp's process wrote, without secrets. `passed_bytes` have passed the
    judge in both directions, None where it has not said.
    """

    run_s: float
    cpu_s: float
    peak_bytes: int
    log: str
    passed_bytes: int | None = None
