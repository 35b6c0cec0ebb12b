"""`python -m maintenance restore`: a backup takes the ledger's place."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from maintenance.commands.options import add_json
from maintenance.exit_codes import EXIT_OK
from maintenance.output import print_json, say
from worker import data_directory
from worker.ledger import ledger_path
from worker.ledger.storage.backup import restore
from worker.settings import Settings


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="what `backup` has made")
    add_json(parser)


def run(settings: Settings, options: Namespace) -> int:
    """Put a copy of `options.file` in the ledger's place, and keep the old ledger beside it.

    Raises BlockingIOError when the bot runs, and no bot can start meanwhile.
    """
    if not options.file.is_file():
        raise FileNotFoundError(f"there is no backup {options.file}")
    try:
        lock = data_directory.lock(settings.data_dir)
    except BlockingIOError:
        raise BlockingIOError(
            f"a bot is using {settings.data_dir}: stop it first, and start it afterwards"
        ) from None
    with lock:
        kept = restore(ledger_path(settings.data_dir), options.file)
    if options.json:
        print_json({"restored": str(options.file), "kept": kept and str(kept)})
        return EXIT_OK
    say(f"{options.file} is the ledger now.")
    if kept:
        say(f"The one before is kept as {kept}; remove it when you are sure.")
    return EXIT_OK
