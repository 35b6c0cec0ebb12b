"""`python -m maintenance bans`: who may not use the bot."""

import argparse
from argparse import ArgumentParser, Namespace

from maintenance.commands import open_ledger, options
from maintenance.exit_codes import EXIT_FAILED, EXIT_OK
from maintenance.output import print_json, say, table
from maintenance.units import local_time
from worker.clocks import wall_clock
from worker.ledger.storage.database import Access
from worker.settings import Settings

_LISTED = 50


def add_options(parser: ArgumentParser) -> None:
    parser.set_defaults(action="list")
    options.add_limit(parser, _LISTED)
    options.add_json(parser)
    actions = parser.add_subparsers(metavar="action", dest="action")
    listing = actions.add_parser("list", help="who is banned, and since when")
    add = actions.add_parser("add", help="ban people; what they wait for still comes")
    remove = actions.add_parser("remove", help="let people back in")
    for action in (add, remove):
        action.add_argument("ids", type=options.user_id, nargs="+", metavar="ID")
    options.add_limit(listing, _LISTED, is_inherited=True)
    for action in (listing, add, remove):
        # If it is left out here, the one before the action counts.
        action.add_argument(
            "--json", action="store_true", default=argparse.SUPPRESS, help="for programs"
        )


def run(settings: Settings, chosen: Namespace) -> int:
    """List the bans, or change them as told."""
    if (chosen.action or "list") == "list":
        return _list(settings, chosen.limit, as_json=chosen.json)
    is_banned = chosen.action == "add"
    admins = set(settings.admins).intersection(chosen.ids) if is_banned else set()
    with open_ledger(settings, Access.WRITE) as ledger:
        changed = {
            user_id: ledger.ban(user_id, wall_clock(), is_banned=is_banned)
            for user_id in chosen.ids
            if user_id not in admins
        }
    if chosen.json:
        outcomes = [
            {
                "user_id": user_id,
                "changed": changed.get(user_id, False),
                "error": "is an admin" if user_id in admins else None,
            }
            for user_id in dict.fromkeys(chosen.ids)
        ]
        print_json({chosen.action: outcomes})
    else:
        for user_id in dict.fromkeys(chosen.ids):
            say(f"{user_id} {_outcome(changed.get(user_id), is_banned)}.")
    return EXIT_FAILED if admins else EXIT_OK


def _outcome(changed: bool | None, is_banned: bool) -> str:
    if changed is None:
        return "is an admin and is not banned"
    if is_banned:
        return "is banned" if changed else "was banned already"
    return "may use the bot again" if changed else "was not banned"


def _list(settings: Settings, limit: int, *, as_json: bool) -> int:
    with open_ledger(settings) as ledger:
        found = ledger.bans(limit)
        total = ledger.count_bans()
    if as_json:
        bans = [{"user_id": user_id, "since": since} for user_id, since in found.items()]
        print_json({"total": total, "bans": bans})
        return EXIT_OK
    if not total:
        say("Nobody is banned.")
    if found:
        print(table(("USER", "SINCE"), [(who, local_time(since)) for who, since in found.items()]))
    if len(found) < total:
        say(f"\n{len(found)} of {total} bans are listed: --limit {total}")
    return EXIT_OK
