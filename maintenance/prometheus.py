"""A bot's health as Prometheus reads it: the text exposition format, version 0.0.4.

Names follow its rules: one prefix, base units in the name, `_total` for what only grows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from maintenance.findings import Finding
from maintenance.health import failure_rate
from maintenance.measures import Measures

PREFIX = "fetchbot_"
_DAY_S = 86_400

Labels = dict[str, str]
Samples = Iterable[tuple[Labels, float]]


@dataclass(frozen=True)
class Family:
    """A metric: all its samples, which stand together."""

    name: str
    kind: str
    help: str
    samples: Samples


def render(measures: Measures, findings: Sequence[Finding]) -> str:
    """The whole text. A metric of which nothing is known is left out."""
    return "".join(map(_render, [*_families(measures), _verdicts(findings)]))


def _families(measures: Measures) -> Iterable[Family]:
    figures = measures.figures
    yield _gauge("up", "Whether the bot runs.", measures.bot_pid is not None)
    if measures.bot_pid is not None:
        yield _gauge("uptime_seconds", "Since when the bot runs.", measures.bot_age_s)
    if measures.polled_at is not None:
        help_text = "When Telegram answered a poll last."
        yield _gauge("last_poll_timestamp_seconds", help_text, measures.polled_at)
    queues = figures.queues.items()
    pools = sorted({*figures.queues, *measures.pool_sizes})
    waiting = {
        pool: figures.queues[pool].waiting if pool in figures.queues else 0 for pool in pools
    }
    yield _by_pool("queue_jobs", "Jobs that wait.", waiting.items())
    waits = [(pool, queue.oldest_wait_s) for pool, queue in queues]
    yield _by_pool("queue_oldest_wait_seconds", "How long the first job has been due.", waits)
    running = [job.pool for job in figures.running]
    counts = [(pool, running.count(pool)) for pool in pools]
    yield _by_pool("running_jobs", "Jobs in hand.", counts)
    yield _counter("jobs_created_total", "Jobs that were ever made.", figures.created_total)
    yield _counter("requests_total", "Links that were ever accepted.", figures.requests_total)
    ended = sorted(figures.ended_total.items())
    yield Family(
        "jobs_ended_total",
        "counter",
        "Jobs that ended, by what they ended as.",
        [({"pool": pool, "state": state}, count) for (pool, state), count in ended],
    )
    help_text = "Of the links answered in the last hour, the share without media."
    yield _gauge("failure_ratio", help_text, failure_rate(measures))
    yield from _workers(measures)
    yield _gauge("ytdlp_processes", "yt-dlp processes that run.", len(measures.downloads))
    longest = max((download.age_s for download in measures.downloads), default=0.0)
    yield _gauge("ytdlp_longest_run_seconds", "The age of the oldest of them.", longest)
    down = len(measures.sites_down)
    yield _gauge("sites_down", "Sites that fail for everybody and are not asked.", down)
    yield _gauge("zombies", "Defunct, orphaned, stuck and stopped processes.", measures.zombies)
    yield _gauge("memory_bytes", "Memory of all the bot's processes.", measures.memory_bytes)
    yield _gauge("disk_free_bytes", "Free on DATA_DIR's disk.", measures.disk_free_bytes)
    yield _gauge("disk_size_bytes", "The size of that disk.", measures.disk_total_bytes)
    if measures.cpu_share is not None:
        help_text = "Share of all processors that was in use over the last sample."
        yield _gauge("cpu_usage_ratio", help_text, measures.cpu_share)
    yield _gauge("load1", "The machine's load over one minute.", measures.load)
    yield _gauge("ledger_size_bytes", "The size of the ledger.", figures.size_bytes)
    if measures.ytdlp is not None:
        version = {"version": measures.ytdlp}
        yield Family("ytdlp_info", "gauge", "The yt-dlp that is installed.", [(version, 1)])
    if measures.ytdlp_age_days is not None:
        age_s = measures.ytdlp_age_days * _DAY_S
        yield _gauge("ytdlp_age_seconds", "Since yt-dlp's release.", age_s)
    yield _gauge(
        "ffmpeg_present", "Whether ffmpeg and ffprobe are there.", not measures.missing_ffmpeg
    )
    has_runtime = measures.js_runtime is not None
    yield _gauge("js_runtime_present", "Whether a JavaScript runtime is there.", has_runtime)
    help_text = "The Landlock ABI that confines downloads, 0 for none."
    yield _gauge("landlock_abi", help_text, measures.landlock_abi)


def _workers(measures: Measures) -> Iterable[Family]:
    def family(name: str, help_text: str, values: Iterable[float], kind: str = "gauge") -> Family:
        labels = [{"pool": worker.pool, "worker": worker.name} for worker in measures.workers]
        return Family(name, kind, help_text, list(zip(labels, values, strict=True)))

    workers = measures.workers
    sizes = measures.pool_sizes.items()
    yield _by_pool("workers_wanted", "Workers that there should be.", sizes)
    yield family("worker_age_seconds", "A worker's age.", [w.age_s for w in workers])
    yield family("worker_busy", "Whether it has a job.", [w.job is not None for w in workers])
    yield family(
        "worker_jobs_total", "Jobs that it has done.", [w.jobs_done for w in workers], "counter"
    )
    yield family("worker_memory_bytes", "Memory it uses.", [w.memory_bytes for w in workers])
    yield Family(
        "worker_cpu_usage_ratio",
        "gauge",
        "Processors that it and its download used over the last sample.",
        [
            ({"pool": worker.pool, "worker": worker.name}, worker.cpu_share)
            for worker in workers
            if worker.cpu_share is not None
        ],
    )
    caps = [w.memory_cap_bytes for w in workers]
    yield family("worker_memory_limit_bytes", "Memory it may use.", caps)


def _verdicts(findings: Sequence[Finding]) -> Family:
    samples = [({"check": finding.name}, int(finding.level)) for finding in findings]
    return Family("health", "gauge", "A verdict: 0 ok, 1 warning, 2 critical.", samples)


def _gauge(name: str, help_text: str, value: float) -> Family:
    return Family(name, "gauge", help_text, [({}, value)])


def _counter(name: str, help_text: str, value: float) -> Family:
    return Family(name, "counter", help_text, [({}, value)])


def _by_pool(name: str, help_text: str, values: Iterable[tuple[str, float]]) -> Family:
    return Family(name, "gauge", help_text, [({"pool": pool}, value) for pool, value in values])


def _render(family: Family) -> str:
    name = PREFIX + family.name
    lines = [f"{name}{_labels(labels)} {_number(value)}\n" for labels, value in family.samples]
    if not lines:
        return ""
    return f"# HELP {name} {family.help}\n# TYPE {name} {family.kind}\n{''.join(lines)}"


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    # A truth value is an int, and a float may be without a fraction.
    return repr(value + 0)
