"""A bot's health in Prometheus' text exposition format, version 0.0.4.

Names follow its rules: one prefix, base units in the name, `_total` for counters.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from maintenance.findings import Finding
from maintenance.health import failure_rate
from maintenance.measures import MeasuredWorker, Measures
from worker.ledger.requests.answers import BOUNDS_S, AnswerTimes
from worker.ledger.upkeep.statistics import Statistics

PREFIX = "fetchbot_"
_DAY_S = 86_400

Labels = dict[str, str]
Samples = Iterable[tuple[Labels, float]]


@dataclass(frozen=True)
class Family:
    """A metric with all its samples; a histogram's also those of its parts, by their suffixes."""

    name: str
    kind: str
    help: str
    samples: Samples
    parts: Mapping[str, Samples] = field(default_factory=dict)


def render(measures: Measures, findings: Sequence[Finding]) -> str:
    """The whole text, without metrics whose value is unknown."""
    return "".join(map(_render, [*_families(measures), _verdicts(findings)]))


def _families(measures: Measures) -> Iterable[Family]:
    yield from _bot(measures)
    yield from _jobs(measures)
    yield from _answers(measures.statistics)
    yield from _workers(measures)
    yield from _downloads(measures)
    yield from _machine(measures)
    yield from _programs(measures)


def _bot(measures: Measures) -> Iterable[Family]:
    yield _gauge("up", "Whether the bot runs.", measures.bot_pid is not None)
    if measures.bot_pid is not None:
        yield _gauge("uptime_seconds", "How long the bot has run.", measures.bot_age_s)
    if measures.polled_at is not None:
        help_text = "When Telegram last answered a poll."
        yield _gauge("last_poll_timestamp_seconds", help_text, measures.polled_at)
    starts = measures.starts
    yield _counter("starts_total", "Starts of the bot.", starts.total)
    help_text = "Runs that did not end by a stop."
    yield _counter("unclean_ends_total", help_text, starts.unclean_total)
    yield _gauge("memory_bytes", "Memory of all the bot's processes.", measures.memory_bytes)
    help_text = "Defunct, orphaned, stuck and stopped processes."
    yield _gauge("zombies", help_text, measures.zombies)


def _jobs(measures: Measures) -> Iterable[Family]:
    statistics = measures.statistics
    queues = statistics.queues
    pools = sorted({*queues, *measures.pool_sizes})
    waiting = [(pool, queues[pool].waiting if pool in queues else 0) for pool in pools]
    yield _by_pool("queue_jobs", "Waiting jobs.", waiting)
    help_text = "Waiting downloads of sites that are not asked for more now."
    yield _gauge("queue_paced_jobs", help_text, sum(statistics.paced.values()))
    help_text = "How long the first waiting job has been due."
    waits = [(pool, queue.oldest_wait_s) for pool, queue in queues.items()]
    yield _by_pool("queue_oldest_wait_seconds", help_text, waits)
    running = [job.pool for job in statistics.running]
    counts = [(pool, running.count(pool)) for pool in pools]
    yield _by_pool("running_jobs", "Running jobs.", counts)
    help_text = "Jobs created since the first start."
    yield _counter("jobs_created_total", help_text, statistics.created_total)
    help_text = "Links accepted since the first start."
    yield _counter("requests_total", help_text, statistics.requests_total)
    ended = sorted(statistics.ended_total.items())
    samples = [({"pool": pool, "state": state}, count) for (pool, state), count in ended]
    yield Family("jobs_ended_total", "counter", "Ended jobs by their last state.", samples)
    help_text = "Share of the links answered in the last hour that got no media."
    yield _gauge("failure_ratio", help_text, failure_rate(measures))
    help_text = "Messages given up in the last day because Telegram failed again and again."
    yield _gauge("messages_refused", help_text, statistics.refused)
    yield _gauge("ledger_size_bytes", "Size of the ledger.", statistics.size_bytes)


def _answers(statistics: Statistics) -> Iterable[Family]:
    counts = statistics.answers_total
    help_text = "Links that came to their end, by site, by what became of them, and why."
    samples = [
        (
            {
                "site": each.site,
                "outcome": "remembered" if each.is_remembered else each.verdict,
                "reason": each.reason,
            },
            each.answers,
        )
        for each in counts
    ]
    yield Family("answers_total", "counter", help_text, samples)
    sent: Counter[str] = Counter()
    for each in counts:
        sent[each.site] += each.media_bytes
    help_text = "Size of the media that links were answered with."
    sizes = [({"site": site}, size) for site, size in sent.items() if size]
    yield Family("media_bytes_total", "counter", help_text, sizes)
    yield _histogram(statistics.answer_times)


def _histogram(times: Iterable[AnswerTimes]) -> Family:
    parts: dict[str, list[tuple[Labels, float]]] = {"_bucket": [], "_sum": [], "_count": []}
    for step, rows in groupby(times, lambda each: each.step):
        answers = dict.fromkeys(BOUNDS_S, 0)
        seconds = 0.0
        for row in rows:
            answers[row.at_most_s] = row.answers
            seconds += row.seconds
        total = 0
        for bound in sorted(answers):
            total += answers[bound]
            bucket = {"step": step, "le": "+Inf" if bound == math.inf else f"{bound:g}"}
            parts["_bucket"].append((bucket, total))
        parts["_sum"].append(({"step": step}, seconds))
        parts["_count"].append(({"step": step}, total))
    help_text = "What links have waited for: their turn, their download, the upload."
    return Family("answer_duration_seconds", "histogram", help_text, [], parts)


def _workers(measures: Measures) -> Iterable[Family]:
    def family(
        name: str, help_text: str, value: Callable[[MeasuredWorker], float | None]
    ) -> Family:
        kind = "counter" if name.endswith("_total") else "gauge"
        # The slot and not the name: renewals would make tens of thousands of names in a year.
        values = [
            ({"pool": worker.pool, "worker": f"{worker.pool}-{worker.slot}"}, value(worker))
            for worker in measures.workers
            if worker.slot is not None
        ]
        samples = [(labels, number) for labels, number in values if number is not None]
        return Family(name, kind, help_text, samples)

    sizes = measures.pool_sizes.items()
    yield _by_pool("workers_wanted", "Workers that should run.", sizes)
    yield family("worker_age_seconds", "Age of a worker.", lambda w: w.age_s)
    yield family("worker_busy", "Whether a worker has a job.", lambda w: w.job_id is not None)
    yield family("worker_jobs_total", "Jobs that a worker has done.", lambda w: w.jobs_done)
    yield family("worker_memory_bytes", "Memory that a worker uses.", lambda w: w.memory_bytes)
    help_text = "Memory that a worker may use."
    yield family("worker_memory_limit_bytes", help_text, lambda w: w.memory_cap_bytes)
    help_text = "Processors that a worker and its download used over the last sample."
    yield family("worker_cpu_usage_ratio", help_text, lambda w: w.cpu_share)


def _downloads(measures: Measures) -> Iterable[Family]:
    yield _gauge("ytdlp_processes", "Running yt-dlp processes.", len(measures.downloads))
    longest_s = max((download.age_s for download in measures.downloads), default=0.0)
    yield _gauge("ytdlp_longest_run_seconds", "Age of the oldest yt-dlp process.", longest_s)
    help_text = "Sites that fail for everybody and are not asked."
    yield _gauge("sites_down", help_text, len(measures.sites_down_until))


def _machine(measures: Measures) -> Iterable[Family]:
    help_text = "Free space on the disk of DATA_DIR."
    yield _gauge("disk_free_bytes", help_text, measures.disk_free_bytes)
    yield _gauge("disk_size_bytes", "Size of the disk of DATA_DIR.", measures.disk_total_bytes)
    if measures.cpu_share is not None:
        help_text = "Share of all processors in use over the last sample."
        yield _gauge("cpu_usage_ratio", help_text, measures.cpu_share)
    yield _gauge("load1", "Load of the machine over one minute.", measures.load)
    help_text = "The Landlock ABI that confines downloads, 0 for none."
    yield _gauge("landlock_abi", help_text, measures.landlock_abi)
    help_text = "What keeps downloads from the network: a namespace, landlock, or none."
    yield Family("network_info", "gauge", help_text, [({"kept_by": measures.network}, 1)])


def _programs(measures: Measures) -> Iterable[Family]:
    if measures.ytdlp is not None:
        version = {"version": measures.ytdlp}
        yield Family("ytdlp_info", "gauge", "Installed version of yt-dlp.", [(version, 1)])
    if measures.ytdlp_age_days is not None:
        help_text = "Time since the release of the installed yt-dlp."
        yield _gauge("ytdlp_age_seconds", help_text, measures.ytdlp_age_days * _DAY_S)
    has_ffmpeg = not measures.missing_ffmpeg
    yield _gauge("ffmpeg_present", "Whether ffmpeg and ffprobe are installed.", has_ffmpeg)
    help_text = "Whether a JavaScript runtime is installed."
    yield _gauge("js_runtime_present", help_text, measures.js_runtime is not None)


def _verdicts(findings: Sequence[Finding]) -> Family:
    levels: dict[str, int] = {}
    for finding in findings:
        # One series for all sites: there may be any number of names.
        check = re.split(" by | for ", finding.name)[0]
        levels[check] = max(finding.level, levels.get(check, 0))
    samples = [({"check": check}, level) for check, level in levels.items()]
    return Family("health", "gauge", "A verdict: 0 ok, 1 warning, 2 critical.", samples)


def _gauge(name: str, help_text: str, value: float) -> Family:
    return Family(name, "gauge", help_text, [({}, value)])


def _counter(name: str, help_text: str, value: float) -> Family:
    return Family(name, "counter", help_text, [({}, value)])


def _by_pool(name: str, help_text: str, values: Iterable[tuple[str, float]]) -> Family:
    return Family(name, "gauge", help_text, [({"pool": pool}, value) for pool, value in values])


def _render(family: Family) -> str:
    name = PREFIX + family.name
    lines = [
        f"{name}{suffix}{_labels(labels)} {_number(value)}\n"
        for suffix, samples in {"": family.samples, **family.parts}.items()
        for labels, value in samples
    ]
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
    # A bool is written as a number.
    return repr(value + 0)
