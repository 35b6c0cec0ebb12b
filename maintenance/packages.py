"""The Python packages that the bot needs: whether they work, and how they are installed."""

import importlib
import shlex
import ssl
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

from maintenance.findings import Finding, critical, ok
from worker import ROOT

# By the names under which they are installed. yt-dlp has a check of its own.
_MODULES = {"pyTelegramBotAPI": "telebot", "psutil": "psutil"}


def how_to_install(command: str = "bot.py --check") -> str:
    """The command that installs the packages of `requirements.txt` for this Python.

    `command` is what this Python was to run; with the Python of `.venv` it may work at once.
    """
    install = f"{pip_install()} -r requirements.txt"
    if sys.prefix != sys.base_prefix:
        return install
    if (ROOT / ".venv" / "bin" / "python").exists():
        return f"they may be in .venv, so type .venv/bin/python {command}"
    if not Path(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED").exists():
        return install
    make = "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt"
    return make if find_spec("ensurepip") else f"apt install python3-venv && {make}"


def pip_install() -> str:
    """The beginning of a command that installs packages for this Python."""
    return f"{shlex.quote(sys.executable)} -m pip install"


def broken_packages() -> list[str]:
    """The packages that the bot cannot start without and that cannot be imported."""
    return [package for package, module in _MODULES.items() if not _can_import(module)]


def missing_packages() -> tuple[str, ...]:
    """A sentence for each package that the bot needs and that is not installed."""
    missing = [package for package, module in _MODULES.items() if not _is_installed(module)]
    return tuple(f"{package} is not installed: {how_to_install('bot.py')}" for package in missing)


def _is_installed(module: str) -> bool:
    spec = find_spec(module)
    # What an interrupted removal leaves is a directory without a loader.
    return spec is not None and spec.loader is not None


def _can_import(module: str) -> bool:
    try:
        importlib.import_module(module)
    except Exception:  # noqa: BLE001 - a damaged file may raise anything
        return False
    return True


def check_packages() -> Finding:
    """Import the packages that the bot cannot start without."""
    if broken := broken_packages():
        return critical("packages", f"no {' and no '.join(broken)}: {how_to_install()}")
    return ok("packages", " and ".join(_MODULES))


def check_certificates() -> Finding:
    """Read the certificates of certifi, by which sites and Telegram are trusted."""
    try:
        where = importlib.import_module("certifi").where()
        number = len(ssl.create_default_context(cafile=where).get_ca_certs())
    except ImportError:
        return critical("certificates", f"no certifi: {how_to_install()}")
    except (OSError, ValueError):
        number = 0
    if not number:
        again = f"{pip_install()} --force-reinstall certifi"
        return critical("certificates", f"{where} is damaged, so no site is trusted: {again}")
    return ok("certificates", f"{number} in {where}")
