"""The bot's runs: how often it was started, how it ended, and how long it waits before it ends.

Starts are counted in the ledger. Ends are lines of a file beside it: a run may end because the
ledger cannot be used, or because a thread hangs that has locked it. A run without a line was
killed, or the machine went down.
"""

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

from maintenance import limits
from maintenance.exit_codes import EXIT_OK, EXITS_TO_RESTART
from worker.clocks import Wall
from worker.ledger.upkeep.upkeep import Upkeep
from worker.processes import process_table

ENDS = "ends"
"""The file: for each end of a run its wall time, its exit code, and its process."""

STARTS = "starts"
"""The name under which the starts stand in the ledger."""

COUNTED_S = 3600.0
"""How far back starts and failed ends are counted."""

STOPPED = "stopped"
"""The end of a run that was told to stop."""

FIRST_PAUSE_S = 5.0
MAX_PAUSE_S = 60.0
"""How long a bot waits before an exit that restarts it: the first time, and when there are many."""

UNCOUNTED_PAUSE_S = 20.0
"""How long a bot waits before an exit if nothing can be written, so that exits are not counted."""

STARTSECS = 3.0
"""supervisor.conf's `startsecs`: to supervisor, a process that ends sooner has failed to start,
whatever its exit code."""

_KEPT_BYTES = 4096
_KEPT_STARTS = 100


@dataclass(frozen=True)
class End:
    """How a run ended, as it has recorded. `process` distinguishes it from other runs."""

    at: Wall
    exitcode: int
    process: str


@dataclass(frozen=True)
class Starts:
    """The starts of the last hour, and how the runs before them ended.

    `unclean` counts those runs that did not end by a stop, and `unclean_total` all that ever did;
    `last_end` is in words, None before the second start.
    """

    recent: int = 0
    unclean: int = 0
    last_end: str | None = None
    total: int = 0
    unclean_total: int = 0


# --------------------------------------------------------------------------------------- ends


def note_end(data_dir: Path, exitcode: int, wall: Wall) -> float:
    """Write down that this run ends now. Returns how long it must wait before it does."""
    is_noted = True
    try:
        _append(data_dir / ENDS, f"{int(wall)} {exitcode} {_this_process()}\n")
    except OSError:
        is_noted = False
    if exitcode not in EXITS_TO_RESTART:
        return 0.0
    if not is_noted:
        return UNCOUNTED_PAUSE_S
    failed = sum(
        end.exitcode in EXITS_TO_RESTART and 0 <= wall - end.at < COUNTED_S
        for end in read_ends(data_dir)
    )
    return min(MAX_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(failed - 1, 10))


def read_ends(data_dir: Path) -> list[End]:
    """The ends that were written down, the oldest first."""
    found = []
    with contextlib.suppress(OSError):
        for line in (data_dir / ENDS).read_text("ascii", errors="replace").splitlines():
            with contextlib.suppress(ValueError):
                at, exitcode, process = line.split(" ", 2)
                found.append(End(Wall(float(at)), int(exitcode), process))
    return found


def _append(path: Path, line: str) -> None:
    # What fits into the file's last block can be written even on a full disk.
    with path.open("a", encoding="ascii") as file:
        file.write(line)
    if path.stat().st_size > _KEPT_BYTES:
        lines = path.read_text("ascii", errors="replace").splitlines(keepends=True)
        new = path.with_name(f"{ENDS}.new")
        new.write_text("".join(lines[len(lines) // 2 :]), "ascii", errors="replace")
        new.replace(path)


def _this_process() -> str:
    identity = process_table.identify(os.getpid())
    return f"{identity.pid} {identity.started}" if identity else ""


def outlast_start() -> None:
    """Wait until supervisor counts this process as started: before that it ignores exit codes."""
    me = process_table.look_up(os.getpid())
    if me:
        time.sleep(max(0.0, STARTSECS + 1.0 - me.age_s))


# ------------------------------------------------------------------------------------- starts


def note_start(ledger: Upkeep, data_dir: Path, wall: Wall) -> str | None:
    """Count this start in the ledger. Returns how the run before ended; None for no run before."""
    known = ledger.published(STARTS)
    starts = [list(start) for start in known.get("starts", [])][-_KEPT_STARTS:]
    total, unclean_total = known.get("total", 0), known.get("unclean_total", 0)
    last_end = None
    if starts:
        process = starts[-1][1]
        exitcodes = [end.exitcode for end in read_ends(data_dir) if end.process == process]
        starts[-1][2] = exitcodes[-1] if exitcodes else None
        unclean_total += starts[-1][2] != 0
        last_end = _in_words(starts[-1][2])
    starts.append([wall, _this_process(), 0])
    ledger.publish(STARTS, {"starts": starts, "total": total + 1, "unclean_total": unclean_total})
    return last_end


def read_starts(ledger: Upkeep, wall: Wall) -> Starts:
    """What the ledger knows of the starts, at wall time `wall`."""
    known = ledger.published(STARTS)
    starts = known.get("starts", [])
    recent = [number for number, start in enumerate(starts) if abs(wall - start[0]) < COUNTED_S]
    before = [starts[number - 1][2] for number in recent if number]
    return Starts(
        recent=len(recent),
        unclean=sum(exitcode != 0 for exitcode in before),
        last_end=_in_words(starts[-2][2]) if len(starts) > 1 else None,
        total=known.get("total", 0),
        unclean_total=known.get("unclean_total", 0),
    )


def _in_words(exitcode: int | None) -> str:
    if exitcode is None:
        return "not recorded (it was killed, or the machine went down)"
    return STOPPED if exitcode == EXIT_OK else f"exit code {exitcode}"


def is_crash_loop(starts: Starts) -> bool:
    """Whether the bot has started so often that an admin should find out why."""
    return starts.recent >= limits.STARTS_CRITICAL and starts.unclean > 0
