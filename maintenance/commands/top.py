"""`python -m maintenance top`: the live view of workers and jobs."""

import sys
from argparse import ArgumentParser, Namespace

from maintenance.commands import open_ledger
from maintenance.commands.live_view import top
from maintenance.exit_codes import EXIT_FAILED, EXIT_OK
from maintenance.output import print_json, say
from worker.settings import Settings


def add_options(parser: ArgumentParser) -> None:
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--once", action="store_true", help="print it once, also into a pipe")
    form.add_argument("--json", action="store_true", help="once, for programs")


def run(settings: Settings, options: Namespace) -> int:
    """Show the bot's workers and running jobs, until a key ends that or once."""
    if not (options.once or options.json):
        return _show(settings)
    with open_ledger(settings) as ledger:
        snapshot = top.take(settings, ledger)
    if options.json:
        print_json(top.to_json(snapshot))
    else:
        for line in top.lay_out(snapshot):
            say(line.text)
    return EXIT_OK


def _show(settings: Settings) -> int:
    # Some builds of Python have no curses, and the other commands need none.
    try:
        from maintenance.commands.live_view import live, screen
    except ImportError as error:
        problem: str | None = f"{error}; top --once prints a snapshot"
    else:
        problem = screen.trouble()
    if problem:
        print(f"maintenance: {problem}", file=sys.stderr)
        return EXIT_FAILED
    screen.show(live.LiveView(settings))
    return EXIT_OK
