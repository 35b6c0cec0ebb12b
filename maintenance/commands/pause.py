"""`python -m maintenance pause` and `resume`: no download begins in between."""

from argparse import ArgumentParser, Namespace

from maintenance.commands import open_ledger
from maintenance.commands.options import add_json
from maintenance.exit_codes import EXIT_OK
from maintenance.output import print_json, say
from maintenance.units import count
from worker.clocks import wall_clock
from worker.ledger import DOWNLOADS
from worker.ledger.storage.database import Access
from worker.settings import Settings


def add_options(parser: ArgumentParser) -> None:
    add_json(parser)


def pause(settings: Settings, options: Namespace) -> int:
    """Let links wait from now on, also across restarts. What runs already goes on."""
    with open_ledger(settings, Access.WRITE) as ledger:
        is_new = ledger.pause(wall_clock())
        running = sum(job.pool == DOWNLOADS for job in ledger.statistics_at(wall_clock()).running)
    if options.json:
        print_json({"paused": True, "changed": is_new, "running_downloads": running})
        return EXIT_OK
    say("Paused: links are taken and wait." if is_new else "It was paused already.")
    say(f"{count(running, 'download')} running, which will end by themselves.")
    return EXIT_OK


def resume(settings: Settings, options: Namespace) -> int:
    """Let downloads begin again."""
    with open_ledger(settings, Access.WRITE) as ledger:
        was_paused = ledger.resume()
    if options.json:
        print_json({"paused": False, "changed": was_paused})
    else:
        say("Downloads continue." if was_paused else "It was not paused.")
    return EXIT_OK
