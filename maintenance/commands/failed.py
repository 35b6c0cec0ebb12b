"""`python -m maintenance failed`: list, show, retry or forget the jobs that failed for good."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from maintenance.commands import open_ledger, options
from maintenance.exit_codes import EXIT_FAILED, EXIT_FOUND, EXIT_OK
from maintenance.output import print_json, say, table
from maintenance.units import count, duration, local_time, size
from worker.clocks import wall_clock
from worker.ledger import LedgerError
from worker.ledger.storage.database import Access
from worker.ledger.upkeep.failures import ANY, FailedGroup, FailedJob, FailureFilter, NotRetried
from worker.ledger.upkeep.upkeep import Upkeep
from worker.settings import Settings
from worker.sites import site_of_link

_MINUTES = "%m-%d %H:%M"


def add_options(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="action", dest="action")
    listing = actions.add_parser("list", help="by site and reason, then each, the newest first")
    options.add_limit(listing, 50)
    one = actions.add_parser("show", help="all that is known of one")
    one.add_argument("ids", nargs=1, metavar="ID", help="a job's id, or an error's")
    several = [
        actions.add_parser("retry", help="do them again; people get a new answer"),
        actions.add_parser("forget", help="remove them from the list"),
    ]
    for action in several:
        action.add_argument("ids", nargs="*", metavar="ID", help="a job's id, or an error's")
    for action in (listing, *several):
        options.add_site(action)
        action.add_argument(
            "--reason", type=options.reason, help="only those that failed for it: blocked-here"
        )
        options.add_since(action)
    for action in (listing, one, *several):
        options.add_json(action)
        action.set_defaults(refuse=action.error)


def run(settings: Settings, chosen: Namespace) -> int:
    """Do what `chosen.action` says with the jobs that are named or described."""
    if chosen.action == "list":
        like = _like(chosen)
        with open_ledger(settings) as ledger:
            groups = ledger.failed_groups(like)
            found = ledger.failed(chosen.limit, like)
        _print_list(groups, found, as_json=chosen.json, is_narrowed=like != ANY)
        return EXIT_FOUND if groups else EXIT_OK
    if chosen.action == "show":
        with open_ledger(settings) as ledger:
            job = _find(ledger, chosen.ids[0])
        _print_job(job, as_json=chosen.json)
        return EXIT_OK
    names = _names(chosen)
    act = _retry if chosen.action == "retry" else _forget
    with open_ledger(settings, Access.WRITE) as ledger:
        jobs = names(ledger)
        problems = {job.id: act(ledger, job) for job in jobs}
    _print_outcomes(chosen.action, problems, as_json=chosen.json)
    return EXIT_FAILED if any(problems.values()) else EXIT_OK


def _like(chosen: Namespace) -> FailureFilter:
    return FailureFilter(chosen.site, chosen.reason, options.since(chosen.since))


def _names(chosen: Namespace) -> Callable[[Upkeep], Iterable[FailedJob]]:
    """How the jobs are found: by their ids, or by what they have in common.

    Exits if neither is given.
    """
    like = _like(chosen)
    if bool(chosen.ids) == (like != ANY):
        chosen.refuse("which jobs? either ids, or --site, --reason or --since")
    if chosen.ids:
        return lambda ledger: [_find(ledger, name) for name in chosen.ids]
    return lambda ledger: _described(ledger, like)


def _described(ledger: Upkeep, like: FailureFilter) -> Iterator[FailedJob]:
    """One at a time: their errors may be long, and the bot may change them meanwhile."""
    for job_id in ledger.failed_ids(like):
        if job := ledger.failed_job(str(job_id)):
            yield job


def _find(ledger: Upkeep, name: str) -> FailedJob:
    job = ledger.failed_job(name)
    if job is None:
        raise LedgerError(f"no failed job has the id or error id {name!r}")
    return job


def _retry(ledger: Upkeep, job: FailedJob) -> str | None:
    """Give the job its attempts again. Returns why it cannot get them."""
    try:
        ledger.retry(job, wall_clock())
    except NotRetried as refusal:
        return str(refusal)
    return None


def _forget(ledger: Upkeep, job: FailedJob) -> None:
    ledger.forget(job)


def _print_list(
    groups: Sequence[FailedGroup], jobs: Sequence[FailedJob], *, as_json: bool, is_narrowed: bool
) -> None:
    total = sum(group.jobs for group in groups)
    if as_json:
        print_json(
            {
                "total": total,
                "groups": [asdict(group) for group in groups],
                "failed": [_summary(job) for job in jobs],
            }
        )
    elif not groups:
        say("No failed job matches." if is_narrowed else "No job has failed for good.")
    else:
        _print_groups(groups)
        if jobs:
            _print_jobs(jobs)
        if len(jobs) < total:
            say(f"\n{len(jobs)} of {total} jobs are listed: --limit {total}")


def _print_groups(groups: Sequence[FailedGroup]) -> None:
    rows = [
        (
            group.jobs,
            local_time(group.last_failed_at, _MINUTES),
            group.site or None,
            group.reason,
            f"python -m maintenance failed show {group.newest}",
        )
        for group in groups
    ]
    print(table(("JOBS", "LAST AT", "SITE", "WHY", "THE LAST ONE"), rows))


def _print_jobs(jobs: Sequence[FailedJob]) -> None:
    rows = [
        (
            job.id,
            local_time(job.failed_at, _MINUTES),
            job.kind,
            job.attempts,
            job.error_id,
            job.reason,
            site_of_link(job.url) or None,
        )
        for job in jobs
    ]
    print(f"\n{table(('ID', 'FAILED AT', 'JOB', 'TRIES', 'ERROR', 'WHY', 'SITE'), rows)}")


def _print_job(job: FailedJob, *, as_json: bool) -> None:
    if as_json:
        run = vars(job.run) if job.run else None
        print_json({**_summary(job), "url": job.url, "detail": job.detail, "run": run})
        return
    say(f"job {job.id}: {job.kind} of {job.url or '(no link)'}")
    say(f"failed      {local_time(job.failed_at)}, after {count(job.attempts, 'attempt')}")
    say(f"waited      {duration(job.failed_at - job.created_at)} from its beginning")
    say(f"error       {job.error_id}: {job.reason} ({job.fault})")
    if job.run:
        used = f"{job.run.cpu_s:.1f} s of processor, {size(job.run.peak_bytes)} at most"
        if job.run.passed_bytes is not None:
            used += f", {size(job.run.passed_bytes)} through the judge"
        say(f"attempt {job.run.attempt:<3} {job.run.run_s:.1f} s, {used}")
    say(f"\n{job.detail}")
    if job.run and job.run.log:
        say(f"\nthe end of its log:\n{job.run.log}")


def _print_outcomes(action: str, problems: Mapping[int, str | None], *, as_json: bool) -> None:
    if as_json:
        outcomes = [{"id": job_id, "error": problem} for job_id, problem in problems.items()]
        print_json({action: outcomes})
        return
    done = {"retry": "waits to be done again", "forget": "is forgotten"}[action]
    if not problems:
        say("No failed job matches.")
    for job_id, problem in problems.items():
        say(f"job {job_id}: {f'is left as it is, {problem}' if problem else done}.")
    if len(problems) > 1:
        left = sum(map(bool, problems.values()))
        say(f"{count(len(problems), 'job')}, of which {left} are left as they are.")


def _summary(job: FailedJob) -> dict[str, Any]:
    return {
        "id": job.id,
        "job": job.kind,
        "failed_at": job.failed_at,
        "attempts": job.attempts,
        "site": site_of_link(job.url),
        "reason": job.reason,
        "fault": job.fault,
        "error_id": job.error_id,
    }
