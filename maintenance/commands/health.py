"""`python -m maintenance health`: how the bot is, with a verdict for each thing."""

import contextlib
import io
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from maintenance import health, measures, plugins, programs, zombies
from maintenance.commands import open_ledger
from maintenance.findings import Finding, Level, worst
from maintenance.health import failure_rate
from maintenance.measures import MeasuredWorker, Measures, RunningDownload
from maintenance.output import hang, print_json, redacted_line, replace_file, say, table
from maintenance.ownership import Instance
from maintenance.reporting import prometheus
from maintenance.units import duration, local_time, percent, size
from maintenance.updates.situation import Situation
from worker.settings import Settings

GLANCE_S = 0.05
"""How long to wait before zombies are confirmed. Short: health should answer at once, and one
zombie too many in its count does no harm."""

COMMAND_TIMEOUT_S = 60
"""How long the command of --if-bad-run may take."""

_COLOURS = {Level.OK: "32", Level.WARNING: "33", Level.CRITICAL: "31"}
_NAME_WIDTH = 18


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--detailed", action="store_true", help="each worker and running job too")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for programs")
    form.add_argument("--prometheus", action="store_true", help="in Prometheus' text format")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="replace this file, once everything is known"
    )
    parser.set_defaults(note_failure=note_failure)
    parser.add_argument(
        "--if-bad-run",
        metavar="COMMAND",
        help="if something is critical or not known, have the shell run this, given the report",
    )


def run(settings: Settings, options: Namespace) -> int:
    """Print the findings on the bot, and with --detailed each worker and running job."""
    taken, findings = _look(settings, options)
    _run_if_bad(options, worst(findings), _printed(taken, findings, options))
    if options.output:
        replace_file(options.output, _printed(taken, findings, options))
    else:
        _print(taken, findings, options)
    return worst(findings)


def note_failure(options: Namespace, problem: str) -> None:
    """Run the operator's command because health could not be measured or printed."""
    _run_if_bad(options, Level.CRITICAL, f"health could not be measured or printed: {problem}\n")


def _look(settings: Settings, options: Namespace) -> tuple[Measures, list[Finding]]:
    with open_ledger(settings) as ledger:
        found = zombies.find(Instance.of(settings, ledger.sessions()), GLANCE_S)
        taken = measures.take(settings, ledger, len(found))
    findings = health.assess(taken)
    if not (options.json or options.prometheus):
        # These take a second or two: fine for people, too long for a program that asks each minute.
        solved = programs.check_javascript(settings.download_memory_mib)
        findings = [solved if each.name == solved.name else each for each in findings]
        findings += plugins.check_plugins(settings.ytdlp_plugins)
        findings += plugins.check_endpoints(settings.ytdlp_plugin_endpoints)
    return taken, findings


def _printed(taken: Measures, findings: Sequence[Finding], options: Namespace) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as text:
        _print(taken, findings, options)
    return text.getvalue()


def _run_if_bad(options: Namespace, level: Level, report: str) -> None:
    """Run the operator's command, once, if health is critical; say when the command fails."""
    if level is not Level.CRITICAL or not options.if_bad_run:
        return
    command, options.if_bad_run = options.if_bad_run, None
    try:
        # The operator's own command, as in a crontab.
        done = subprocess.run(  # noqa: S602
            command,
            shell=True,
            input=report,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        print(f"--if-bad-run: ended after {COMMAND_TIMEOUT_S} s", file=sys.stderr)
        return
    if done.returncode:
        print(f"--if-bad-run: ended with exit code {done.returncode}", file=sys.stderr)


def _print(taken: Measures, findings: Sequence[Finding], options: Namespace) -> None:
    if options.prometheus:
        sys.stdout.write(prometheus.render(taken, findings))
    elif options.json:
        print_json(_to_json(taken, findings))
    else:
        _print_findings(findings)
        if options.detailed:
            _print_details(taken)


def _print_findings(findings: Sequence[Finding]) -> None:
    """Print a line for each, in colours on a terminal."""
    has_colours = sys.stdout.isatty()
    for finding in findings:
        word = f"{finding.level.word:<9}"
        name = redacted_line(finding.name)
        line = hang(f"{word}{name:<{_NAME_WIDTH}} ", redacted_line(finding.text))
        if has_colours:
            line = f"\x1b[{_COLOURS[finding.level]}m{word}\x1b[0m{line[len(word) :]}"
        print(line)


def _print_details(measures: Measures) -> None:
    """Print a row for each worker and each running job, with the yt-dlp that works for it."""
    if measures.workers:
        workers = [
            (
                worker.name,
                worker.pid,
                worker.state,
                duration(worker.age_s),
                worker.jobs_done,
                size(worker.memory_bytes),
                percent(worker.memory_share),
                None if worker.cpu_share is None else percent(worker.cpu_share),
                worker.job_id,
            )
            for worker in measures.workers
        ]
        head = ("WORKER", "PID", "STATE", "AGE", "JOBS", "MEMORY", "OF CAP", "CPU", "JOB")
        print(f"\n{table(head, workers)}")
    if measures.statistics.running:
        downloads = {download.job_id: download for download in measures.downloads}
        jobs = []
        for job in measures.statistics.running:
            download = downloads.get(job.id)
            jobs.append(
                (
                    job.id,
                    job.kind,
                    job.attempt,
                    duration(measures.taken_at - job.started_at),
                    download and download.pid,
                    download and duration(download.age_s),
                    download and size(download.memory_bytes),
                )
            )
        print(f"\n{table(('JOB', 'KIND', 'TRY', 'FOR', 'YT-DLP', 'RUNS', 'MEMORY'), jobs)}")
    say(f"\nMeasured {local_time(measures.taken_at)}.")


def _to_json(measures: Measures, findings: Sequence[Finding]) -> dict[str, Any]:
    statistics = measures.statistics
    return {
        "level": worst(findings).word,
        "checks": [{"name": f.name, "level": f.level.word, "text": f.text} for f in findings],
        "bot": {
            "pid": measures.bot_pid,
            "age_seconds": measures.bot_age_s,
            "polled_at": measures.polled_at,
        },
        "queues": {name: asdict(queue) for name, queue in statistics.queues.items()},
        "jobs_per_minute": statistics.jobs_per_minute,
        "failure_rate": failure_rate(measures),
        "workers": [
            {**_with_job(worker), "memory_share": worker.memory_share}
            for worker in measures.workers
        ],
        "running": [asdict(job) for job in statistics.running],
        "downloads": [_with_job(download) for download in measures.downloads],
        "sites_down": [
            {"site": site, "tried_at": probe_at}
            for site, probe_at in sorted(measures.sites_down_until.items())
        ],
        "sites_full": [
            {"site": site, "setting": measures.sites_full[site], "waiting": waiting}
            for site, waiting in statistics.paced.items()
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
        "ledger_bytes": statistics.size_bytes,
        "ytdlp": {
            "version": measures.ytdlp,
            "in_use": measures.ytdlp_in_use,
            "age_days": measures.ytdlp_age_days,
            **_update(measures.update),
        },
        "ffmpeg": not measures.missing_ffmpeg,
        "js_runtime": measures.js_runtime,
        "landlock_abi": measures.landlock_abi,
        "network": measures.network,
    }


def _update(situation: Situation | None) -> dict[str, Any]:
    """Who has installed yt-dlp, and which versions can be gone back to or were rolled back."""
    if situation is None:
        return {}
    left = situation.choice.left if situation.choice else None
    return {
        "source": "update" if situation.is_copy else "pip",
        "before": situation.before and situation.before.version,
        "left": left and asdict(left),
    }


def _with_job(measured: MeasuredWorker | RunningDownload) -> dict[str, Any]:
    """The fields by their names, with the job's id as `job`."""
    fields = asdict(measured)
    return {**fields, "job": fields.pop("job_id")}
