"""`python -m maintenance orphans`: list or delete download directories that no job uses."""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from typing import Any

from maintenance.commands import open_ledger
from maintenance.commands.options import add_json, age
from maintenance.exit_codes import EXIT_FAILED, EXIT_FOUND, EXIT_OK
from maintenance.orphans import Orphan, find_orphans
from maintenance.output import print_json, say, table
from maintenance.units import duration, size
from worker.downloads import workspace
from worker.ledger import ledger_path
from worker.settings import Settings


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--delete", action="store_true", help="remove them")
    parser.add_argument(
        "--older-than",
        type=age,
        metavar="TIME",
        help="only those unchanged for this long, such as 90s, 30m or 2h (ORPHAN_MAX_AGE)",
    )
    add_json(parser)


def run(settings: Settings, options: Namespace) -> int:
    """List download directories that no job uses; with --delete remove them."""
    found = _find(settings, options.older_than)
    errors = _delete(found) if options.delete else {}
    if options.json:
        print_json({"orphans": [_to_json(o, errors.get(o), options.delete) for o in found]})
    else:
        _print(found, errors, options.delete)
    if options.delete:
        return EXIT_FAILED if errors else EXIT_OK
    return EXIT_FOUND if found else EXIT_OK


def _find(settings: Settings, older_than_s: float | None) -> list[Orphan]:
    downloads = settings.data_dir / "downloads"
    if not downloads.exists() and not ledger_path(settings.data_dir).exists():
        return []  # This bot has never been started.
    if older_than_s is None:
        older_than_s = settings.orphan_max_age_s
    with open_ledger(settings) as ledger:
        return find_orphans(downloads, ledger.live_directories, older_than_s)


def _delete(found: Sequence[Orphan]) -> dict[Orphan, str]:
    """Remove the directories. Returns those that could not be removed, and why."""
    errors = {}
    for orphan in found:
        try:
            workspace.remove(orphan.path)
        except OSError as error:
            errors[orphan] = str(error)
    return errors


def _print(found: Sequence[Orphan], errors: Mapping[Orphan, str], were_deleted: bool) -> None:
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


def _to_json(orphan: Orphan, error: str | None, was_deleted: bool) -> dict[str, Any]:
    return {
        "path": str(orphan.path),
        "age_seconds": round(orphan.age_s, 1),
        "size_bytes": orphan.size_bytes,
        "deleted": was_deleted and error is None,
        "error": error,
    }
