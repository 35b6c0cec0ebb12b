"""The commands of `python -m maintenance`, a module for each, and what they share.

A command prints what it finds, acts only if told to, and returns its exit code. If it cannot do its
work, it raises LedgerError, LedgerBusy or OSError, which `__main__` prints.
"""

import os
import shlex

from maintenance.ownership import Instance, owner_of
from worker.file_owner import owner_name
from worker.ledger import ledger_path
from worker.ledger.storage.database import Access
from worker.ledger.upkeep.upkeep import Upkeep
from worker.settings import Settings


def refuse_stranger(settings: Settings) -> None:
    """Raise OSError unless DATA_DIR exists and belongs to the caller, or the caller is root."""
    if not settings.data_dir.is_dir():
        raise FileNotFoundError(
            f"there is no directory {settings.data_dir}: is DATA_DIR that of the bot?"
        )
    owner = owner_of(settings.data_dir)
    if os.geteuid() not in (0, owner):
        name = owner_name(owner)
        sudo = f"sudo -u {shlex.quote(name)}"
        raise PermissionError(f"this bot is {name}'s: run it as root or by {sudo}")


def open_ledger(settings: Settings, access: Access = Access.READ) -> Upkeep:
    """Open this bot's ledger. Raises LedgerError when there is none."""
    return Upkeep(ledger_path(settings.data_dir), access)


def find_instance(settings: Settings) -> Instance:
    """This bot, even before its first start, when it has no ledger yet."""
    if not ledger_path(settings.data_dir).exists():
        return Instance.of(settings, {})
    with open_ledger(settings) as ledger:
        return Instance.of(settings, ledger.sessions())
