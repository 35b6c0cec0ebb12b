"""`python -m maintenance top`."""

from argparse import ArgumentParser, Namespace

from maintenance import top
from maintenance.commands import EXIT_FINE, open_ledger
from maintenance.output import print_json, say
from worker.settings import Settings


def add_options(parser: ArgumentParser) -> None:
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--once", action="store_true", help="print it once, also into a pipe")
    form.add_argument("--json", action="store_true", help="once, for programs")


def run(settings: Settings, options: Namespace) -> int:
    """Show the bot's workers and running jobs."""
    with open_ledger(settings) as ledger:
        snapshot = top.take(settings, ledger)
    if options.json:
        print_json(top.to_json(snapshot))
    else:
        for line in top.lay_out(snapshot):
            say(line.text)
    return EXIT_FINE
