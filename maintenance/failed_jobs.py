"""Failed jobs as the operator reads them."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from maintenance.report import clock, count, duration, print_json, say, size, table
from worker.ledger.failures import FailedJob


def print_list(jobs: Sequence[FailedJob], *, as_json: bool) -> None:
    """A line for each."""
    if as_json:
        print_json({"failed": [_summary(job) for job in jobs]})
    elif not jobs:
        say("No job has failed for good.")
    else:
        rows = [
            (
                job.id,
                clock(job.failed_at, "%m-%d %H:%M"),
                job.kind,
                job.attempts,
                job.error_id,
                job.reason,
                site_of(job),
            )
            for job in jobs
        ]
        print(table(("ID", "FAILED AT", "JOB", "TRIES", "ERROR", "WHY", "SITE"), rows))


def print_job(job: FailedJob, *, as_json: bool) -> None:
    """All that is stored of one."""
    if as_json:
        run = vars(job.run) if job.run else None
        print_json({**_summary(job), "url": job.url, "detail": job.detail, "run": run})
        return
    say(f"job {job.id}: {job.kind} of {job.url or '(no link)'}")
    say(f"failed      {clock(job.failed_at)}, after {count(job.attempts, 'attempt')}")
    say(f"waited      {duration(job.failed_at - job.created_at)} from its beginning")
    say(f"error       {job.error_id}: {job.reason} ({job.fault})")
    if job.run:
        used = f"{job.run.cpu_s:.1f} s of processor, {size(job.run.peak_bytes)} at most"
        say(f"attempt {job.run.attempt:<3} {job.run.run_s:.1f} s, {used}")
    say(f"\n{job.detail}")
    if job.run and job.run.log:
        say(f"\nthe end of its log:\n{job.run.log}")


def print_outcomes(action: str, problems: Mapping[int, str | None], *, as_json: bool) -> None:
    """What became of each job that was to be retried or forgotten."""
    if as_json:
        print_json({action: [{"id": job, "error": error} for job, error in problems.items()]})
        return
    done = {"retry": "waits to be done again", "forget": "is forgotten"}[action]
    for job, problem in problems.items():
        say(f"job {job}: {f'is left as it is, {problem}' if problem else done}.")


def site_of(job: FailedJob) -> str:
    """The host that the link points to."""
    try:
        return urlsplit(job.url).hostname or ""
    except ValueError:
        return ""


def _summary(job: FailedJob) -> dict[str, Any]:
    return {
        "id": job.id,
        "job": job.kind,
        "failed_at": job.failed_at,
        "attempts": job.attempts,
        "site": site_of(job),
        "reason": job.reason,
        "fault": job.fault,
        "error_id": job.error_id,
    }
