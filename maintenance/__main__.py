"""`python -m maintenance`: what the operator asks and tells a bot, running or not.

Settings come from the environment and `.env`, as for the bot; no token is needed. Exit code 0
is fine, 1 a warning or something found, 2 critical or could not.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from maintenance import commands
from maintenance.report import parse_duration
from worker.ledger import LedgerBusy, LedgerError
from worker.settings import SettingsError, load_settings


def main(arguments: Sequence[str]) -> int:
    """Run one command. Returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        settings = load_settings(os.environ, Path(".env"), needs_token=False)
        commands.refuse_stranger(settings)
        code: int = options.run(settings, options)
        sys.stdout.flush()
    except SettingsError as error:
        return _fail(*error.problems)
    except BrokenPipeError:
        # `| head` has read enough. What is left in the buffer shall not fail once more at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return commands.EXIT_FAILED
    except (LedgerError, LedgerBusy, OSError) as error:
        return _fail(str(error))
    return code


def _fail(*problems: str) -> int:
    for problem in problems:
        print(f"maintenance: {problem}", file=sys.stderr)
    return commands.EXIT_FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m maintenance",
        description="Look after a bot: its processes, directories, failed jobs and health.",
        epilog="Exit code: 0 fine, 1 a warning or something found, 2 critical or could not.",
    )
    add = parser.add_subparsers(required=True, metavar="command").add_parser

    health = add("health", help="how the bot is, against the limits for alerts")
    health.add_argument("--detailed", action="store_true", help="each worker and running job too")
    form = health.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for programs")
    form.add_argument("--prometheus", action="store_true", help="in Prometheus' text format")
    health.set_defaults(run=commands.health_command)

    zombies = add("zombies", help="processes of this bot that should not be there")
    zombies.add_argument("--kill", action="store_true", help="end them")
    zombies.set_defaults(run=commands.zombies_command)

    orphans = add("orphans", help="download directories of no live job")
    orphans.add_argument("--delete", action="store_true", help="remove them")
    orphans.add_argument(
        "--older-than",
        type=_duration,
        metavar="TIME",
        help="only those unchanged for so long, such as 90s, 30m or 2h (ORPHAN_MAX_AGE)",
    )
    orphans.set_defaults(run=commands.orphans_command)

    failed = add("failed", help="jobs that failed for good")
    failed.set_defaults(run=commands.failed_command)
    actions = failed.add_subparsers(required=True, metavar="action", dest="action")
    listing = actions.add_parser("list", help="the newest first")
    listing.add_argument("--limit", type=int, default=50, help="how many at most (50)")
    one = actions.add_parser("show", help="all that is known of one")
    one.add_argument("ids", nargs=1, metavar="ID", help="a job's id, or an error's")
    several = [
        actions.add_parser("retry", help="do them again; people get a new answer"),
        actions.add_parser("forget", help="remove them from the list"),
    ]
    for action in several:
        action.add_argument("ids", nargs="+", metavar="ID", help="a job's id, or an error's")

    for command in (zombies, orphans, listing, one, *several):
        command.add_argument("--json", action="store_true", help="for programs")
    return parser


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not {error}") from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
