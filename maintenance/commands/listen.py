"""`python -m maintenance listen`: report to HEALTH_URL what supervisor says about the bot.

An event listener of supervisor ("Event Listeners and Event Notifications" in its documentation).
The bot itself says why it ends, if it can; supervisor also knows of ends that it cannot report.
"""

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import TYPE_CHECKING, TextIO

from maintenance.exit_codes import EXIT_FAILED, EXIT_OK
from worker.settings import Settings

if TYPE_CHECKING:
    from maintenance.reporting.pings import PingTarget

AGAIN_S = 10.0
"""How soon supervisor hands out an event again that could not be reported."""

MANY_TRIES = 3
"""How many starts in a row have to end at once to be reported."""

READY = "READY\n"
TAKEN = "RESULT 2\nOK"
NOT_TAKEN = "RESULT 4\nFAIL"


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--program", default="fetchbot", metavar="NAME", help="the bot's name at supervisor"
    )
    # A bot that cannot even begin has no ledger yet.
    parser.set_defaults(needs_data_dir=False)


def run(settings: Settings, options: Namespace) -> int:
    """Take events until supervisor ends the listener. Nothing else may be printed."""
    # It imports requests, for which no other command should have to wait.
    from maintenance.reporting import reporter

    target = reporter.ping_target(settings)
    if target is None:
        print("maintenance: listen needs HEALTH_URL", file=sys.stderr)
        return EXIT_FAILED
    while event := _await_event(sys.stdin):
        reason = describe(event, options.program)
        is_taken = reason is None or _send(target, reason)
        _tell(TAKEN if is_taken else NOT_TAKEN)
    return EXIT_OK


def describe(event: Mapping[str, str], program: str) -> str | None:
    """What an event means for whoever looks after the bot; None for nothing."""
    if event.get("processname") != program:
        return None
    match event.get("eventname"):
        case "PROCESS_STATE_EXITED" if event.get("expected") == "1":
            return f"{program} has ended and is not started again: stopped, or a wrong setting"
        case "PROCESS_STATE_EXITED":
            return f"{program} has ended unexpectedly and is started again"
        case "PROCESS_STATE_BACKOFF" if event.get("tries") == str(MANY_TRIES):
            return f"{program} cannot be started: {MANY_TRIES} tries have ended at once"
        case "PROCESS_STATE_FATAL":
            return f"{program} cannot be started and is given up"
    return None


def _await_event(source: TextIO) -> dict[str, str]:
    """Tell supervisor to send an event, and return its header and payload; empty after the last."""
    _tell(READY)
    header = _pairs(source.readline())
    return header and {**header, **_pairs(source.read(int(header["len"])))}


def _pairs(text: str) -> dict[str, str]:
    return dict(pair.split(":", 1) for pair in text.split())


def _send(target: "PingTarget", reason: str) -> bool:
    """Send a ping. False if it does not arrive: then supervisor sends the event again."""
    problem = target.send(is_well=False, text=reason)
    if problem:
        print(f"HEALTH_URL does not take pings ({problem}).", file=sys.stderr)
        time.sleep(AGAIN_S)
    return problem is None


def _tell(words: str) -> None:
    sys.stdout.write(words)
    sys.stdout.flush()
