"""`python -m tests.chaos --minutes M --seed S`: run the bot under faults, and report."""

from __future__ import annotations

import argparse
import logging
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from tests.chaos.disk import enter_own_namespace
from tests.chaos.run import Result, Run
from tests.chaos.supervisor import EXPECTED_EXITS

FINE, WRONG, STOPPED = 0, 1, 130

LONGEST_MINUTES = 7 * 24 * 60


def main() -> int:
    """Run as the command line says; returns the exit code."""
    options = _options()
    # A shell that starts this with & has it ignore SIGINT.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        enter_own_namespace()
        own_disk = True
    except OSError as error:
        print(f"THE DISK IS NOT FILLED: this machine lets nobody mount a small one ({error})")
        own_disk = False
    logs = Path(tempfile.mkdtemp(prefix="chaos-logs-"))
    logging.basicConfig(
        filename=logs / "chaos.log", level=logging.INFO, format="%(asctime)s %(message)s"
    )
    print(f"seed {options.seed}, {options.minutes:g} minutes, logs in {logs}", flush=True)
    try:
        with Run(options.seed, options.minutes, logs, own_disk) as run:
            try:
                result = run.go()
            finally:
                # The rest is clean-up, which a second Ctrl-C would only cut short.
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
    except KeyboardInterrupt:
        print(f"stopped; logs are in {logs}")
        return STOPPED
    for line in _lines(result):
        print(line)
    if result.wrong:
        print(f"WRONG ({len(result.wrong)}); logs are kept in {logs}")
        for sentence in result.wrong:
            print(f"- {sentence}")
        return WRONG
    shutil.rmtree(logs)
    print("all is well")
    return FINE


def _lines(result: Result) -> Iterator[str]:
    answers, chosen, choices, lives = result.answers, result.chosen, result.choices, result.lives
    yield f"links accepted        {answers.links}"
    yield f"final answers         {answers.final} ({answers.media} of them media)"
    yield f"parts beside them     {answers.beside} ({answers.repeated} of them again)"
    yield f"duplicates            {len(answers.doubled)}"
    yield f"lost                  {len(answers.lost)}"
    yield f"orphaned status       {answers.orphaned}"
    yield f"answers changed       {len(answers.changed)}"
    yield f"chosen by buttons     {chosen.links}"
    yield f"final answers         {chosen.final} ({chosen.media} of them media)"
    yield f"duplicates            {len(chosen.doubled)}"
    yield f"lost                  {len(chosen.lost)}"
    yield f"lists taken           {choices.taken} ({choices.items} items)"
    yield f"panels opened         {choices.panels}"
    yield f"orphaned messages     {chosen.orphaned + choices.orphaned}"
    yield f"stray processes       {len(result.strays)}"
    yield f"zombies               {len(result.zombies)}"
    yield f"directories left      {len(result.directories)}"
    yield f"main process, first   {result.first}"
    yield f"main process, last    {result.last}"
    longest = max(lives, key=lambda life: life.age_s)
    yield f"longest life          {longest.age_s:.0f} s: {longest.first} to {longest.last}"
    yield f"starts                {len(lives)}"
    for code, times in sorted(result.exits.items()):
        yield f"    exit code {code:<8}{times} ({EXPECTED_EXITS.get(code, 'not expected')})"
    yield f"buttons pressed       {sum(result.presses.values())}"
    for button, times in sorted(result.presses.items()):
        yield f"    {button:<28}{times}"
    yield f"quiet after           {result.quiet_after_s:.0f} s"
    yield f"jobs that broke       {len(result.broken)}"
    yield f"faults injected       {sum(result.done.values())}"
    for what, times in sorted(_grouped(result.done).items()):
        yield f"    {what:<28}{times}"
    yield f"without a target      {sum(result.missed.values())}"


def _grouped(done: Counter[str]) -> Counter[str]:
    """The counts with the API's faults told apart by kind, not by method."""
    grouped: Counter[str] = Counter()
    for what, times in done.items():
        grouped[" ".join(what.split()[:2]) if what.startswith("API") else what] += times
    return grouped


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        description="Runs the bot on the sandbox while its processes are killed and stopped, its "
        "disk filled, and its Telegram made to fail; then counts what came of it.",
    )
    parser.add_argument("--minutes", type=_minutes, default=2.0, help="how long (2)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same plan (1)")
    return parser.parse_args()


def _minutes(text: str) -> float:
    """Parse a number of minutes above 0 and up to a week, since a plan must be finite."""
    minutes = float(text)
    if not 0 < minutes <= LONGEST_MINUTES:
        raise argparse.ArgumentTypeError(f"from more than 0 to {LONGEST_MINUTES}")
    return minutes


if __name__ == "__main__":
    sys.exit(main())
