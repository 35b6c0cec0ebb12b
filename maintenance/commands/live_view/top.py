"""The live view of a bot: what it shows, and how it is laid out. Pure, except for `take`.

A line is never longer than the screen, and what strangers wrote is made harmless first.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from maintenance import health, measures, published
from maintenance.findings import Finding, Level
from maintenance.measures import MeasuredWorker, Measures
from maintenance.output import redacted_line, table
from maintenance.units import count, duration, local_time, percent, size
from worker.ledger.upkeep.upkeep import Upkeep
from worker.processes import process_table
from worker.settings import Settings

KEYS = "up/down choose  c end download  l log  p pause/resume  q quit"

_UNSEEN_ZOMBIES = 0
"""Zombies are confirmed by looking twice, for which a live view has no time."""

_LONGEST_SITE = 14
"""How much of a site's name is shown on a narrow screen; what a job does needs the room."""

_FACTS = ("queue downloads", "queue telegram", "failures", "disk")
"""The findings that are shown at the top even when all is well."""


class Style(Enum):
    """How a line looks, where the terminal can show it."""

    PLAIN = "plain"
    HEAD = "head"
    CHOSEN = "chosen"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True)
class ScreenLine:
    """A line of the screen."""

    text: str
    style: Style = Style.PLAIN


@dataclass(frozen=True)
class ShownJob:
    """A job that a worker has, with what is known about it. Times in seconds."""

    job_id: int
    kind: str
    site: str
    attempt: int
    age_s: float
    stage: str | None = None
    done_bytes: int = 0
    total_bytes: int | None = None
    speed_bps: float | None = None
    eta_s: float | None = None
    memory_bytes: int | None = None

    @property
    def share(self) -> float | None:
        """Which share of it is done; None if its size is not known."""
        return min(1.0, self.done_bytes / self.total_bytes) if self.total_bytes else None


@dataclass(frozen=True)
class Snapshot:
    """A bot at one moment."""

    measures: Measures
    findings: Sequence[Finding]
    jobs: Sequence[ShownJob]


def take(settings: Settings, ledger: Upkeep) -> Snapshot:
    """Look at the bot now."""
    taken = measures.take(settings, ledger, _UNSEEN_ZOMBIES)
    bot = process_table.look_up(taken.bot_pid) if taken.bot_pid else None
    work = published.read(ledger, published.WORK, bot)
    return Snapshot(taken, health.assess(taken), tuple(jobs_of(taken, work)))


def jobs_of(taken: Measures, work: Mapping[str, Any]) -> Iterable[ShownJob]:
    """The running jobs, downloads first and the oldest of them first."""
    memory = {download.job_id: download.memory_bytes for download in taken.downloads}
    jobs = [
        ShownJob(
            job_id=said["job"],
            kind=said["kind"],
            site=said["site"],
            attempt=said["attempt"],
            age_s=max(0.0, taken.taken_at - said["since"]),
            stage=said.get("stage"),
            done_bytes=said.get("done_bytes", 0),
            total_bytes=said.get("total_bytes"),
            speed_bps=said.get("speed_bps"),
            eta_s=said.get("eta_s"),
            memory_bytes=memory.get(said["job"]),
        )
        for said in work.get("jobs", [])
    ]
    return sorted(jobs, key=lambda job: (job.stage is None, job.job_id))


def to_json(snapshot: Snapshot) -> dict[str, Any]:
    """A snapshot for programs."""
    taken = snapshot.measures
    return {
        "at": taken.taken_at,
        "bot": {"pid": taken.bot_pid, "age_seconds": taken.bot_age_s},
        "starts": taken.starts.recent,
        "paused_since": taken.statistics.paused_since,
        "queues": {name: asdict(queue) for name, queue in taken.statistics.queues.items()},
        "workers": [asdict(worker) for worker in taken.workers],
        "jobs": [{**asdict(job), "share": job.share} for job in snapshot.jobs],
        "sites_down": sorted(taken.sites_down_until),
        "troubles": [
            {"name": found.name, "level": found.level.word, "text": found.text}
            for found in _troubles(snapshot)
        ],
    }


def lay_out(
    snapshot: Snapshot,
    width: int | None = None,
    height: int | None = None,
    chosen_id: int | None = None,
    said: str = "",
) -> list[ScreenLine]:
    """The lines of a screen of this size; without a size, all lines.

    Where the screen is too small, workers are left out first, then troubles, each from its end.
    The last line is what was `said`, or else the keys.
    """
    head = _head(snapshot)
    jobs = _table_of_jobs(snapshot.jobs, chosen_id, _LONGEST_SITE if width else None)
    workers = _table_of_workers(snapshot.measures.workers)
    troubles = [_trouble(found) for found in _troubles(snapshot)]
    if height is None:
        parts = [head, jobs, workers, troubles]
        return _cut(_apart(parts), width)
    room = height - 1
    kept = [_shortened(head, room)]
    # Each part is given what those before it leave, and a line between; the workers come last.
    for part in (jobs, troubles[:4], workers):
        room_left = room - sum(len(each) + 1 for each in kept if each)
        kept.append(_shortened(part, room_left))
    head, jobs, troubles, workers = kept
    lines = _apart([head, jobs, workers, troubles])[:room]
    lines += [ScreenLine("")] * (room - len(lines))
    return _cut([*lines, ScreenLine(said or KEYS, Style.HEAD)], width)


def _apart(parts: Iterable[Sequence[ScreenLine]]) -> list[ScreenLine]:
    """Parts with an empty line between two."""
    lines: list[ScreenLine] = []
    for part in parts:
        if part:
            lines += [ScreenLine(""), *part] if lines else part
    return lines


def _shortened(lines: Sequence[ScreenLine], room: int) -> list[ScreenLine]:
    if len(lines) <= room:
        return list(lines)
    if room < 2:
        return []
    left_out = len(lines) - room + 1
    return [*lines[: room - 1], ScreenLine(f"and {left_out} more")]


def _cut(lines: Iterable[ScreenLine], width: int | None) -> list[ScreenLine]:
    return [ScreenLine(line.text[:width], line.style) for line in lines]


def _head(snapshot: Snapshot) -> list[ScreenLine]:
    taken = snapshot.measures
    if taken.bot_pid is None:
        first = ScreenLine("The bot is not running", Style.CRITICAL)
    else:
        starts = count(taken.starts.recent, "start")
        text = f"bot {taken.bot_pid} for {duration(taken.bot_age_s)}, {starts} in an hour"
        first = ScreenLine(
            f"{text}, {size(taken.memory_bytes)}{_cpu(taken)}, load {taken.load:.2f}"
        )
    at = local_time(taken.taken_at, "%H:%M:%S")
    lines = [ScreenLine(f"{at}  {first.text}", first.style)]
    if taken.statistics.paused_since is not None:
        lines.append(
            ScreenLine(f"PAUSED since {local_time(taken.statistics.paused_since)}", Style.WARNING)
        )
    # A finding that is not well is among the troubles instead.
    known = {found.name: found for found in snapshot.findings if found.level is Level.OK}
    facts = [known[name] for name in _FACTS if name in known]
    return lines + [ScreenLine(f"{found.name}: {redacted_line(found.text)}") for found in facts]


def _cpu(taken: Measures) -> str:
    return "" if taken.cpu_share is None else f", cpu {percent(taken.cpu_share)}"


def _troubles(snapshot: Snapshot) -> list[Finding]:
    """What is not well, the worst first; the sites that are down are among them."""
    bad = [found for found in snapshot.findings if found.level is not Level.OK]
    return sorted(bad, key=lambda found: -found.level)


def _trouble(found: Finding) -> ScreenLine:
    style = Style.CRITICAL if found.level is Level.CRITICAL else Style.WARNING
    return ScreenLine(
        f"{found.level.word} {redacted_line(found.name)}: {redacted_line(found.text)}", style
    )


def _table_of_jobs(
    jobs: Sequence[ShownJob], chosen_id: int | None, longest_site: int | None
) -> list[ScreenLine]:
    if not jobs:
        return [ScreenLine("no running jobs")]
    head = ("JOB", "SITE", "TRY", "FOR", "DONE", "SIZE", "SPEED", "MEMORY", "DOES")
    rows = [
        (
            str(job.job_id),
            redacted_line(job.site)[:longest_site],
            str(job.attempt),
            duration(job.age_s),
            None if job.share is None else percent(job.share),
            size(job.total_bytes or job.done_bytes) if job.stage else None,
            None if job.speed_bps is None else f"{size(job.speed_bps)}/s",
            None if job.memory_bytes is None else size(job.memory_bytes),
            job.stage or job.kind,
        )
        for job in jobs
    ]
    return _lines(head, rows, [job.job_id == chosen_id for job in jobs])


def _table_of_workers(workers: Sequence[MeasuredWorker]) -> list[ScreenLine]:
    head = ("WORKER", "PID", "STATE", "AGE", "JOBS", "MEMORY", "OF CAP", "CPU", "JOB")
    rows = [
        (
            worker.name,
            str(worker.pid),
            worker.state,
            duration(worker.age_s),
            str(worker.jobs_done),
            size(worker.memory_bytes),
            percent(worker.memory_share),
            None if worker.cpu_share is None else percent(worker.cpu_share),
            worker.job_id,
        )
        for worker in workers
    ]
    return _lines(head, rows, [False] * len(rows)) if rows else []


def _lines(
    head: Sequence[str], rows: Sequence[Sequence[object]], chosen: Sequence[bool]
) -> list[ScreenLine]:
    first, *others = table(head, rows, wraps=False).split("\n")
    styles = [Style.CHOSEN if is_chosen else Style.PLAIN for is_chosen in chosen]
    marks = ["> " if is_chosen else "  " for is_chosen in chosen]
    lines = [
        ScreenLine(mark + text, style)
        for mark, text, style in zip(marks, others, styles, strict=True)
    ]
    return [ScreenLine("  " + first, Style.HEAD), *lines]
