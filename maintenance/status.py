"""A bot's health as people and programs read it."""

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from maintenance.findings import Finding, Level, worst
from maintenance.health import failure_rate
from maintenance.measures import Measures
from maintenance.report import WIDTH, duration, say, size, table
from worker.logs import printable, redact

_COLOURS = {Level.OK: "32", Level.WARNING: "33", Level.CRITICAL: "31"}
_NAME_WIDTH = 18


def print_findings(findings: Sequence[Finding]) -> None:
    """A line for each verdict, in colours if somebody sees them."""
    has_colours = sys.stdout.isatty()
    for finding in findings:
        word = f"{finding.level.word:<9}"
        text = " ".join(printable(redact(finding.text)).split())
        room = WIDTH - len(word) - _NAME_WIDTH - 1
        text = text if len(text) <= room else text[: room - 1] + "…"
        if has_colours:
            word = f"\x1b[{_COLOURS[finding.level]}m{word}\x1b[0m"
        print(f"{word}{finding.name:<{_NAME_WIDTH}} {text}")


def print_details(measures: Measures) -> None:
    """A row for each worker, each running job and each yt-dlp."""
    if measures.workers:
        rows = [
            (
                worker.name,
                worker.pid,
                worker.state,
                duration(worker.age_s),
                worker.jobs_done,
                size(worker.memory_bytes),
                f"{100 * worker.memory_share:.0f} %",
                None if worker.cpu_share is None else f"{100 * worker.cpu_share:.0f} %",
                worker.job,
            )
            for worker in measures.workers
        ]
        head = ("WORKER", "PID", "STATE", "AGE", "JOBS", "MEMORY", "OF CAP", "CPU", "JOB")
        print(f"\n{table(head, rows)}")
    sessions = {download.job: download for download in measures.downloads}
    if measures.figures.running:
        jobs = []
        for job in measures.figures.running:
            session = sessions.get(job.id)
            jobs.append(
                (
                    job.id,
                    job.kind,
                    job.attempt,
                    duration(measures.taken_at - job.started_at),
                    session and session.pid,
                    session and duration(session.age_s),
                    session and size(session.memory_bytes),
                )
            )
        print(f"\n{table(('JOB', 'KIND', 'TRY', 'FOR', 'YT-DLP', 'RUNS', 'MEMORY'), jobs)}")
    say(f"\nMeasured {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(measures.taken_at))}.")


def as_json(measures: Measures, findings: Sequence[Finding]) -> dict[str, Any]:
    """All of it."""
    figures = measures.figures
    return {
        "level": worst(findings).word,
        "checks": [{"name": f.name, "level": f.level.word, "text": f.text} for f in findings],
        "bot": {
            "pid": measures.bot_pid,
            "age_seconds": measures.bot_age_s,
            "polled_at": measures.polled_at,
        },
        "queues": {name: asdict(queue) for name, queue in figures.queues.items()},
        "jobs_per_minute": figures.jobs_per_minute,
        "failure_rate": failure_rate(measures),
        "workers": [
            {**asdict(worker), "memory_share": worker.memory_share} for worker in measures.workers
        ],
        "running": [asdict(job) for job in figures.running],
        "downloads": [asdict(download) for download in measures.downloads],
        "sites_down": [
            {"site": site, "tried_at": probe_at}
            for site, probe_at in sorted(measures.sites_down.items())
        ],
        "zombies": measures.zombies,
        "memory_bytes": measures.memory_bytes,
        "disk": {"free_bytes": measures.disk_free_bytes, "size_bytes": measures.disk_total_bytes},
        "cpu": {
            "share": measures.cpu_share,
            "measured_at": measures.cpu_at,
            "processors": measures.cpus,
        },
        "load": measures.load,
        "ledger_bytes": figures.size_bytes,
        "ytdlp": {"version": measures.ytdlp, "age_days": measures.ytdlp_age_days},
        "ffmpeg": not measures.missing_ffmpeg,
        "js_runtime": measures.js_runtime,
        "landlock_abi": measures.landlock_abi,
    }
