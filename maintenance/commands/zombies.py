"""`python -m maintenance zombies`: list or end processes that should not be there."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any

from maintenance import zombies
from maintenance.commands import find_instance
from maintenance.commands.options import add_json
from maintenance.exit_codes import EXIT_FAILED, EXIT_FOUND, EXIT_OK
from maintenance.output import print_json, say, table
from maintenance.units import duration, size
from maintenance.zombies import Problem, Zombie
from worker.settings import Settings


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--kill", action="store_true", help="end them")
    add_json(parser)


def run(settings: Settings, options: Namespace) -> int:
    """List the processes that should not be there; with --kill end them."""
    instance = find_instance(settings)
    found = zombies.find(instance)
    left = zombies.end(instance, found, found.append) if options.kill else found
    if options.json:
        answer: dict[str, Any] = {"zombies": [_to_json(zombie) for zombie in found]}
        if options.kill:
            answer["left"] = [_to_json(zombie) for zombie in left]
        print_json(answer)
    else:
        _print_found(found)
        if options.kill and found:
            _print_left(found, left)
    if options.kill:
        return EXIT_FAILED if left else EXIT_OK
    return EXIT_FOUND if found else EXIT_OK


def _print_found(found: Sequence[Zombie]) -> None:
    if not found:
        say("No zombies: nothing defunct, orphaned, stuck or stopped.")
        return
    rows = [
        (
            zombie.process.pid,
            duration(zombie.process.age_s),
            zombie.process.state,
            size(zombie.process.rss_bytes),
            zombie.job_id,
            zombie.problem,
            f"{zombie.reason}: {zombie.command}",
        )
        for zombie in found
    ]
    print(table(("PID", "AGE", "STATE", "MEMORY", "JOB", "WHAT", "WHY AND COMMAND"), rows))


def _print_left(found: Sequence[Zombie], left: Sequence[Zombie]) -> None:
    still = {zombie.process.identity for zombie in left}
    for zombie in found:
        if zombie.process.identity not in still:
            say(f"{zombie.process.pid} is gone.")
    for zombie in left:
        if zombie.problem is Problem.DEFUNCT:
            say(f"{zombie.process.pid} is still there: end its parent {zombie.process.parent_pid}.")
        else:
            say(f"{zombie.process.pid} is still there, {zombie.problem}: {zombie.reason}.")


def _to_json(zombie: Zombie) -> dict[str, Any]:
    process = zombie.process
    return {
        "pid": process.pid,
        "parent": process.parent_pid,
        "what": zombie.problem,
        "reason": zombie.reason,
        "age_seconds": round(process.age_s, 1),
        "state": process.state,
        "memory_bytes": process.rss_bytes,
        "command": zombie.command,
        "job": zombie.job_id,
    }
