"""The commands of `python -m maintenance`: each looks, says what it sees, acts if told to.

A command returns its exit code. What keeps it from its work leaves as LedgerError, LedgerBusy
or OSError, and the caller says so.
"""

import os
import pwd
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from maintenance import failed_jobs, health, measures, prometheus, status, zombies
from maintenance.findings import worst
from maintenance.orphans import Orphan, find_orphans
from maintenance.ownership import Instance, owner_of
from maintenance.report import duration, print_json, say, size, table
from maintenance.zombies import Zombie
from worker.clocks import wall_clock
from worker.downloads import workspace
from worker.ledger import LedgerError, ledger_path
from worker.ledger.database import Access
from worker.ledger.failures import FailedJob, NotRetried
from worker.ledger.upkeep import Upkeep
from worker.settings import Settings

EXIT_FINE = 0
EXIT_FOUND = 1
EXIT_FAILED = 2

GLANCE_S = 0.05
"""Health must not take long, and a count that is one too high does no harm."""


def refuse_stranger(settings: Settings) -> None:
    """Raise OSError unless there is a bot's directory whose owner the caller may act for."""
    if not settings.data_dir.is_dir():
        raise FileNotFoundError(
            f"there is no directory {settings.data_dir}: is DATA_DIR that of the bot?"
        )
    owner = owner_of(settings.data_dir)
    if os.geteuid() not in (0, owner):
        try:
            name = pwd.getpwuid(owner).pw_name
        except KeyError:
            name = f"#{owner}"
        raise PermissionError(f"this bot is {name}'s: run it as root or by sudo -u {name}")


def open_ledger(settings: Settings, access: Access = Access.READ) -> Upkeep:
    """The ledger of this bot, which must exist."""
    return Upkeep(ledger_path(settings.data_dir), access)


# ------------------------------------------------------------------------------------- health


def health_command(settings: Settings, options: Namespace) -> int:
    """Say how the bot is: its verdicts, and with --detailed each worker and running job."""
    with open_ledger(settings) as ledger:
        found = zombies.find(Instance.of(settings, ledger.sessions()), GLANCE_S)
        taken = measures.take(settings, ledger, len(found))
    findings = health.assess(taken)
    if options.prometheus:
        sys.stdout.write(prometheus.render(taken, findings))
    elif options.json:
        print_json(status.as_json(taken, findings))
    else:
        status.print_findings(findings)
        if options.detailed:
            status.print_details(taken)
    return worst(findings)


# ------------------------------------------------------------------------------------ zombies


def zombies_command(settings: Settings, options: Namespace) -> int:
    """List the processes that should not be there; with --kill end them."""
    house = find_house(settings)
    found = zombies.find(house)
    left = zombies.end(house, found) if options.kill else found
    if options.json:
        answer: dict[str, Any] = {"zombies": [_zombie_json(zombie) for zombie in found]}
        if options.kill:
            answer["left"] = [_zombie_json(zombie) for zombie in left]
        print_json(answer)
    else:
        _say_zombies(found)
        if options.kill and found:
            _say_what_is_left(found, left)
    if options.kill:
        return EXIT_FAILED if left else EXIT_FINE
    return EXIT_FOUND if found else EXIT_FINE


def find_house(settings: Settings) -> Instance:
    """The house of this bot, also before its first start."""
    if not ledger_path(settings.data_dir).exists():
        return Instance.of(settings, {})
    with open_ledger(settings) as ledger:
        return Instance.of(settings, ledger.sessions())


def _say_zombies(found: Sequence[Zombie]) -> None:
    if not found:
        say("No zombies: nothing defunct, orphaned, stuck or stopped.")
        return
    rows = [
        (
            z.process.pid,
            duration(z.process.age_s),
            z.process.state,
            size(z.process.rss_bytes),
            z.job,
            z.why,
            f"{z.reason}: {z.command}",
        )
        for z in found
    ]
    print(table(("PID", "AGE", "STATE", "MEMORY", "JOB", "WHAT", "WHY AND COMMAND"), rows))


def _say_what_is_left(found: Sequence[Zombie], left: Sequence[Zombie]) -> None:
    still = {zombie.process.identity for zombie in left}
    gone = [zombie for zombie in found if zombie.process.identity not in still]
    for zombie in gone:
        say(f"{zombie.process.pid} is gone.")
    for zombie in left:
        if zombie.why is zombies.Problem.DEFUNCT:
            say(f"{zombie.process.pid} is still there: end its parent {zombie.process.parent_pid}.")
        else:
            say(f"{zombie.process.pid} is still there, {zombie.why}: {zombie.reason}.")


def _zombie_json(zombie: Zombie) -> dict[str, Any]:
    process = zombie.process
    return {
        "pid": process.pid,
        "parent": process.parent_pid,
        "what": zombie.why,
        "reason": zombie.reason,
        "age_seconds": round(process.age_s, 1),
        "state": process.state,
        "memory_bytes": process.rss_bytes,
        "command": zombie.command,
        "job": zombie.job,
    }


# ------------------------------------------------------------------------------------ orphans


def orphans_command(settings: Settings, options: Namespace) -> int:
    """List the download directories of no live job; with --delete remove them."""
    downloads = settings.data_dir / "downloads"
    if not downloads.exists() and not ledger_path(settings.data_dir).exists():
        found: list[Orphan] = []
    else:
        older_than_s = options.older_than
        if older_than_s is None:
            older_than_s = settings.orphan_max_age_s
        with open_ledger(settings) as ledger:
            found = find_orphans(downloads, ledger.live_directories, older_than_s)
    errors = _delete(found) if options.delete else {}
    if options.json:
        print_json({"orphans": [_orphan_json(o, errors.get(o), options.delete) for o in found]})
    else:
        _say_orphans(found, errors, options.delete)
    if options.delete:
        return EXIT_FAILED if errors else EXIT_FINE
    return EXIT_FOUND if found else EXIT_FINE


def _delete(found: Sequence[Orphan]) -> dict[Orphan, str]:
    """Remove them. Returns why some could not be, after the tries that `remove` makes."""
    errors = {}
    for orphan in found:
        try:
            workspace.remove(orphan.path)
        except OSError as error:
            errors[orphan] = str(error)
    return errors


def _say_orphans(found: Sequence[Orphan], errors: dict[Orphan, str], were_deleted: bool) -> None:
    if not found:
        say("No orphans: every download directory is young or belongs to a live job.")
        return
    rows = [(duration(o.age_s), size(o.size_bytes), o.path.name) for o in found]
    say(f"In {found[0].path.parent}:")
    print(table(("AGE", "SIZE", "DIRECTORY"), rows))
    if were_deleted:
        removed = [orphan for orphan in found if orphan not in errors]
        freed = size(sum(orphan.size_bytes for orphan in removed))
        say(f"{len(removed)} of {len(found)} are removed, {freed} are free again.")
    for orphan, error in errors.items():
        say(f"{orphan.path} cannot be removed: {error}")


def _orphan_json(orphan: Orphan, error: str | None, was_deleted: bool) -> dict[str, Any]:
    return {
        "path": str(orphan.path),
        "age_seconds": round(orphan.age_s, 1),
        "size_bytes": orphan.size_bytes,
        "deleted": was_deleted and error is None,
        "error": error,
    }


# ------------------------------------------------------------------------------------- failed


def failed_command(settings: Settings, options: Namespace) -> int:
    """List, show, retry or forget the jobs that failed for good."""
    if options.action == "list":
        with open_ledger(settings) as ledger:
            found = ledger.failed(options.limit)
        failed_jobs.print_list(found, as_json=options.json)
        return EXIT_FOUND if found else EXIT_FINE
    access = Access.READ if options.action == "show" else Access.WRITE
    with open_ledger(settings, access) as ledger:
        jobs = [_the_job(ledger, name) for name in options.ids]
        if options.action == "show":
            failed_jobs.print_job(jobs[0], as_json=options.json)
            return EXIT_FINE
        act = _retry if options.action == "retry" else _forget
        problems = {job.id: act(ledger, job) for job in jobs}
    failed_jobs.print_outcomes(options.action, problems, as_json=options.json)
    return EXIT_FAILED if any(problems.values()) else EXIT_FINE


def _the_job(ledger: Upkeep, name: str) -> FailedJob:
    job = ledger.failed_job(name)
    if job is None:
        raise LedgerError(f"no failed job has the id or error id {name!r}")
    return job


def _retry(ledger: Upkeep, job: FailedJob) -> str | None:
    try:
        ledger.retry(job, wall_clock())
    except NotRetried as refusal:
        return str(refusal)
    return None


def _forget(ledger: Upkeep, job: FailedJob) -> None:
    ledger.forget(job)
