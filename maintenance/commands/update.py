"""`python -m maintenance update`: another yt-dlp, beside a running bot or without one."""

import argparse
import os
import pwd
import re
import sys
from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path

from maintenance.answers import in_use
from maintenance.commands import options
from maintenance.exit_codes import EXIT_FAILED, EXIT_FOUND, EXIT_OK
from maintenance.output import print_json, say
from maintenance.ownership import owner_of
from maintenance.updates import packages
from maintenance.updates.packages import ReleaseChannel
from maintenance.updates.situation import Situation, read_situation
from maintenance.updates.updater import Outcome, Updater, UpdateResult
from worker.downloads.ytdlp.packages import plugin_packages
from worker.settings import Settings

_EXIT_CODES = {
    UpdateResult.NEW: EXIT_FOUND,
    UpdateResult.NOTHING: EXIT_FAILED,
    UpdateResult.REFUSED: EXIT_FAILED,
    UpdateResult.BUSY: EXIT_FAILED,
}


def add_options(parser: ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="only say what is new")
    what.add_argument("--rollback", action="store_true", help="use again what was used before")
    what.add_argument("--version", type=_version, metavar="V", help="this one, also an older one")
    parser.add_argument(
        "--channel",
        type=ReleaseChannel,
        choices=tuple(ReleaseChannel),
        metavar="{stable,nightly}",
        default=ReleaseChannel.STABLE,
        help="which releases count (default: stable)",
    )
    options.add_json(parser)


def _version(text: str) -> str:
    if not re.fullmatch(r"[0-9][0-9A-Za-z.+-]{0,40}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no version")
    return text


def run(settings: Settings, chosen: Namespace) -> int:
    """Update, look or go back as the bot's user, and say how it ended."""
    _become_owner(settings.data_dir)
    os.umask(0o077)
    plugin_packages.allow(settings.ytdlp_plugins)
    updater = Updater(
        settings.data_dir,
        settings.download_memory_mib,
        packages.environment(os.environ, settings.proxy_to_sites),
        say=_say_step,
    )
    if chosen.rollback:
        outcome = updater.roll_back()
    elif chosen.check:
        outcome = updater.check(chosen.channel)
    else:
        outcome = updater.update(chosen.channel, chosen.version)
    _print(outcome, read_situation(settings.data_dir), as_json=chosen.json)
    return _EXIT_CODES.get(outcome.result, EXIT_OK)


def _say_step(step: str) -> None:
    # For people at a terminal, and not for cron, which would mail it.
    if sys.stderr.isatty():
        print(f"{step} …", file=sys.stderr, flush=True)


def _print(outcome: Outcome, situation: Situation, *, as_json: bool) -> None:
    before = situation.before
    left = situation.choice.left if situation.choice else None
    if as_json:
        print_json(
            {
                **asdict(outcome),
                "source": "update" if situation.is_copy else "pip",
                "before": before and before.version,
                "left": left and asdict(left),
            }
        )
        return
    say(outcome.text)
    say(in_use(situation))
    if situation.trouble:
        say(f"What an update has chosen is not used: {situation.trouble}.")
    if before:
        say(f"Before: {before.version}; update --rollback goes back to it.")


def _become_owner(data_dir: Path) -> None:
    """Run as the bot's user from here on, if this is root: what it installs is that user's."""
    owner = owner_of(data_dir)
    if os.geteuid() or not owner:
        return
    group = data_dir.stat().st_gid
    os.setgroups([group])
    os.setgid(group)
    os.setuid(owner)
    try:
        os.environ["HOME"] = pwd.getpwuid(owner).pw_dir
    except KeyError:
        os.environ.pop("HOME", None)
