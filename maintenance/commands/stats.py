"""`python -m maintenance stats`: answered links in groups, as a table with bars, or a picture."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from maintenance import plots
from maintenance.commands import open_ledger, options
from maintenance.exit_codes import EXIT_OK
from maintenance.output import print_json, replace_file, say, table
from maintenance.units import duration, size
from worker.ledger.upkeep.history import By, Group, RequestFilter
from worker.settings import Settings

_BAR_WIDTH = 24
_HEAD = ("LINKS", "MEDIA", "MEMORY", "FAILED", "CANCELLED", "SIZE", "TOOK", "")


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--by", type=By, choices=list(By), default=By.SITE, help="what they are grouped by (site)"
    )
    options.add_since(parser)
    options.add_limit(parser, 30)
    parser.add_argument(
        "--svg", type=Path, metavar="FILE", help="draw a picture, in place of such a file"
    )
    options.add_json(parser)


def run(settings: Settings, chosen: Namespace) -> int:
    """Print the groups, and draw them if told to."""
    which = RequestFilter(since=options.since(chosen.since), failed=chosen.by is By.REASON)
    with open_ledger(settings) as ledger:
        groups = ledger.answer_groups(chosen.by, which)
    shown = groups[: chosen.limit]
    if chosen.by is By.DAY:
        shown = shown[::-1]
    if chosen.svg:
        replace_file(chosen.svg, plots.draw(f"Links by {chosen.by}", shown), mode=0o600)
    if chosen.json:
        print_json(
            {"by": chosen.by, "total": len(groups), "groups": [asdict(each) for each in shown]}
        )
    else:
        _print(chosen.by, shown, len(groups))
    return EXIT_OK


def _print(by: By, shown: Sequence[Group], total: int) -> None:
    if not total:
        say("No link was answered.")
        return
    if shown:
        most = max(each.links for each in shown)
        blocks = plots.blocks_of(sys.stdout.encoding)
        rows = [
            (
                each.key or None,
                *(each.links, each.media, each.remembered, each.failed, each.cancelled),
                size(each.media_bytes),
                duration(each.seconds),
                plots.bar(each.links / most, _BAR_WIDTH, blocks),
            )
            for each in shown
        ]
        print(table((by.upper(), *_HEAD), rows))
    if len(shown) < total:
        say(f"\n{len(shown)} of {total} are shown: --limit {total}")
