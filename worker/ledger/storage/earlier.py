"""The ledger as it was before a newer bot brought it up to date, kept beside it for a while.

A step of a migration cannot be taken back, and an older bot refuses what it does not know. People
who go back to an older bot find here the last ledger that it understands.
"""

import os
import shlex
from pathlib import Path

from worker.clocks import Wall

MAX_KEPT = 2
"""How many copies are kept, each of another version; older ones are removed."""

KEPT_S = 7 * 86_400.0
"""How long a copy of the ledger is kept, which holds people's links as well."""

_INFIX = ".version-"


def path_of(ledger: Path, version: int) -> Path:
    """Where the ledger of this version is kept, if it is."""
    return ledger.with_name(f"{ledger.name}{_INFIX}{version}")


def kept(ledger: Path) -> dict[int, Path]:
    """What is kept, by version, the newest version first."""
    found = {}
    for path in ledger.parent.glob(f"{ledger.name}{_INFIX}*"):
        version = path.name.removeprefix(f"{ledger.name}{_INFIX}")
        if version.isdecimal():
            found[int(version)] = path
    return dict(sorted(found.items(), reverse=True))


def remove_old(ledger: Path, before: Wall) -> list[Path]:
    """Remove the copies that were made before a time, and all but the newest versions."""
    paths = list(kept(ledger).values())
    old = [
        path
        for number, path in enumerate(paths)
        if number >= MAX_KEPT or os.stat(path).st_mtime < before
    ]
    for path in old:
        path.unlink(missing_ok=True)
    return old


def how_to_go_back(ledger: Path, known_version: int) -> str:
    """What to type so that a bot which knows versions up to that one can run again."""
    for version, path in kept(ledger).items():
        if version <= known_version:
            command = f"python -m maintenance restore {shlex.quote(str(path))}"
            return f"or go back to the ledger of before, without the links since: {command}"
    return "or restore a backup of before"
