"""`python -m maintenance`: the operator's commands, whether the bot runs or not.

Settings come from the environment and `.env`, as for the bot; no token is needed. Exit code 0
is fine, 1 a warning or something found, 2 something critical or a command that failed.
"""

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from maintenance.exit_codes import EXIT_FAILED
from maintenance.packages import broken_packages, how_to_install

try:
    from maintenance.commands import (
        backup,
        bans,
        completion,
        failed,
        health,
        listen,
        orphans,
        pause,
        refuse_stranger,
        requests,
        restore,
        stats,
        top,
        topics,
        unit,
        update,
        zombies,
    )
    from maintenance.commands.topics import examples
    from maintenance.output import drop_unwritten, escape_unprintable
    from worker.downloads.ytdlp.packages import copies
    from worker.ledger import LedgerBusy, LedgerError
    from worker.logs import redact
    from worker.processes import process_setup
    from worker.settings import SettingsError, load_settings
except ImportError as error:
    if __name__ != "__main__" or not broken_packages():
        raise
    # Python's own exit code, 1, would mean a warning.
    print(f"maintenance: {error}: {how_to_install('-m maintenance')}", file=sys.stderr)
    sys.exit(EXIT_FAILED)

COMMANDS = (
    ("health", "how the bot is, against the limits for alerts", health.add_options, health.run),
    ("top", "workers and running jobs, as they change", top.add_options, top.run),
    ("zombies", "processes of this bot that should not be there", zombies.add_options, zombies.run),
    ("orphans", "download directories that no job uses", orphans.add_options, orphans.run),
    ("failed", "jobs that failed for good", failed.add_options, failed.run),
    ("requests", "the links of the last month", requests.add_options, requests.run),
    ("stats", "links by site, person, day or reason", stats.add_options, stats.run),
    ("bans", "who may not use the bot", bans.add_options, bans.run),
    ("pause", "let links wait, across restarts", pause.add_options, pause.pause),
    ("resume", "let downloads begin again", pause.add_options, pause.resume),
    ("backup", "copy the ledger, also while the bot runs", backup.add_options, backup.run),
    (
        "listen",
        "report to HEALTH_URL what supervisor says about the bot",
        listen.add_options,
        listen.run,
    ),
    (
        "update",
        "another yt-dlp, tried before it is used",
        update.add_options,
        update.run,
    ),
    ("unit", "print a file for systemd or supervisor", unit.add_options, unit.run),
    ("restore", "put a backup in the ledger's place", restore.add_options, restore.run),
    ("completion", "complete these commands in a shell", completion.add_options, completion.run),
    ("help", "what to do about something", topics.add_options, topics.run),
)


def main(arguments: Sequence[str]) -> int:
    """Run one command. Returns the exit code."""
    process_setup.open_closed_stdio()
    escape_unprintable()
    options = _parser().parse_args(arguments)
    code, problems = EXIT_FAILED, list[str]()
    try:
        code = _run(options)
    except SettingsError as error:
        problems = list(error.problems)
    except BrokenPipeError:
        pass  # A reader such as `head` has read enough.
    except KeyboardInterrupt:
        _say("interrupted")
    except (LedgerError, LedgerBusy, OSError) as error:
        problems = [str(error)]
    except Exception:  # noqa: BLE001 - the interpreter's own exit code would mean a warning
        problems = [redact(traceback.format_exc())]
    _say(*problems)
    if problems:
        options.note_failure(options, "\n".join(problems))
    drop_unwritten()
    return code


def _run(options: argparse.Namespace) -> int:
    settings = load_settings(os.environ, Path(".env"), needs_token=False)
    copies.tell(settings.data_dir)
    if options.needs_data_dir:
        refuse_stranger(settings)
    code: int = options.run(settings, options)
    sys.stdout.flush()
    return code


def _say(*problems: str) -> None:
    for problem in problems:
        print(f"maintenance: {problem}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m maintenance",
        description="Look after a bot: its processes, directories, failed jobs and health.",
        epilog="Exit code: 0 fine, 1 a warning or something found, 2 critical or failed.",
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    for name, help_text, add_options, run in COMMANDS:
        command = commands.add_parser(
            name,
            help=help_text,
            description=help_text[0].upper() + help_text[1:] + ".",
            epilog=examples(name),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.set_defaults(
            run=run, note_failure=lambda *_: None, needs_data_dir=True, commands=parser
        )
        add_options(command)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
