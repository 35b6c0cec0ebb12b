"""`python -m maintenance unit`: files for systemd and supervisor, for this installation."""

import os
import pwd
import re
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

from maintenance import service_files
from maintenance.exit_codes import EXIT_FAILED, EXIT_OK
from maintenance.ownership import owner_of
from maintenance.service_files import Installation
from worker import ROOT
from worker.settings import Settings


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "runner",
        metavar="systemd|supervisor",
        choices=("systemd", "supervisor"),
        help="for which of the two",
    )
    parser.add_argument(
        "--name", type=_name, default="fetchbot", help="the bot's name there (default: fetchbot)"
    )
    parser.add_argument("--user", type=_user, help="as whom it runs (default: who owns DATA_DIR)")
    parser.set_defaults(needs_data_dir=False)


def _name(text: str) -> str:
    if not text.replace("-", "").replace("_", "").isalnum() or not text.isascii():
        raise ArgumentTypeError("letters, digits, - and _")
    return text


def _user(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\$?", text):
        raise ArgumentTypeError("a user's name or number")
    return text


def run(settings: Settings, options: Namespace) -> int:
    """Print the file."""
    installation = _installation(settings, options.user)
    if installation.user == "root":
        print("maintenance: this bot would run as root; --user names another user", file=sys.stderr)
    try:
        if options.runner == "systemd":
            if not installation.data_dir.is_dir():
                # systemd cannot let the bot write what is not there (exit code 226).
                text = "bot.py --check makes DATA_DIR, which has to be there before systemd starts"
                print(f"maintenance: {text} the bot", file=sys.stderr)
            print(service_files.systemd(installation, options.name), end="")
        else:
            with (ROOT / "supervisor.conf").open(encoding="utf-8") as shipped:
                print(service_files.supervisor(installation, options.name, shipped), end="")
    except ValueError as error:
        print(f"maintenance: {error}", file=sys.stderr)
        return EXIT_FAILED
    return EXIT_OK


def _installation(settings: Settings, user: str | None) -> Installation:
    cookies = settings.cookies_file
    return Installation(
        directory=ROOT,
        # Not resolved: a virtual environment's Python is a link to the one that made it.
        python=Path(sys.executable),
        user=user or _owner(settings.data_dir),
        data_dir=settings.data_dir,
        shutdown_grace_s=settings.shutdown_grace_s,
        # Renewed cookies are written back to a new file beside the old one.
        written=(cookies.parent,) if cookies else (),
    )


def _owner(data_dir: Path) -> str:
    user_id = owner_of(data_dir) if data_dir.is_dir() else os.stat(ROOT).st_uid
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return str(user_id)
