"""`python -m maintenance backup`: a copy of the ledger, while the bot runs or not."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from maintenance.commands.options import add_json
from maintenance.exit_codes import EXIT_OK
from maintenance.output import print_json, say
from maintenance.units import size
from worker.ledger import ledger_path
from worker.ledger.storage.backup import back_up
from worker.settings import Settings


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="made, or replaced if a backup")
    add_json(parser)


def run(settings: Settings, options: Namespace) -> int:
    """Make `options.file` a copy of the ledger that only its owner can read."""
    back_up(ledger_path(settings.data_dir), options.file)
    size_bytes = options.file.stat().st_size
    if options.json:
        print_json({"backup": str(options.file), "size_bytes": size_bytes})
    else:
        say(f"{options.file} is a whole backup of the ledger, {size(size_bytes)}.")
    return EXIT_OK
