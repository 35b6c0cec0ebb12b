"""Processes of this bot that should not be there, and their end. What is ours says `Census`."""

import os
import signal
import time
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum

import psutil

from maintenance.ownership import Instance, ProcessTable
from worker.processes import process_table, signals
from worker.processes.process_table import Identity, Process

CONFIRM_S = 0.3
"""What is found is looked at again: it may just have been ending, or starting."""

TERM_GRACE_S = 3.0
REAP_PATIENCE_S = 10.0
ROUNDS = 3


class Problem(StrEnum):
    """What is wrong with a process."""

    DEFUNCT = "defunct"
    ORPHAN = "orphan"
    STUCK = "stuck"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Zombie:
    """A process that should not be there, and why. `command` is what it shows itself as."""

    process: Process
    why: Problem
    reason: str
    command: str
    job: int | None


def find(house: Instance, confirm_s: float = CONFIRM_S) -> list[Zombie]:
    """The zombies of this house; what is wrong for a moment only is none.

    If there seem to be any, the look that confirms it comes `confirm_s` after the first.
    """
    first = {(zombie.process.identity, zombie.why) for zombie in _look(house)}
    if not first:
        return []
    time.sleep(confirm_s)
    return [zombie for zombie in _look(house) if (zombie.process.identity, zombie.why) in first]


def end(
    house: Instance, zombies: Iterable[Zombie], spared: AbstractSet[Problem] = frozenset()
) -> list[Zombie]:
    """End them and what belongs to them. Returns what is there after all, by another look.

    TERM to the session, KILL after the grace, again for what a scan finds then. A defunct
    process can be reaped by its parent alone, which is told to if it is ours. Of the kinds that
    are `spared` none is touched or returned, not even one that only the scan finds.
    """
    left = [zombie for zombie in zombies if zombie.why not in spared]
    for _ in range(ROUNDS):
        _kill(house, [zombie for zombie in left if zombie.why is not Problem.DEFUNCT])
        _have_reaped(house, [zombie for zombie in left if zombie.why is Problem.DEFUNCT])
        left = [zombie for zombie in find(house) if zombie.why not in spared]
        if all(zombie.why is Problem.DEFUNCT for zombie in left):
            break  # Their parents have been told, and to tell them again helps nobody.
    return left


def resume(zombies: Iterable[Zombie]) -> None:
    """Let those that are stopped go on."""
    for zombie in zombies:
        if zombie.why is Problem.STOPPED:
            signals.send_signal(zombie.process.identity, signal.SIGCONT)


# ------------------------------------------------------------------------------------ finding


def _look(house: Instance) -> list[Zombie]:
    census = ProcessTable(house)
    found = []
    for process in sorted(census.ours.values(), key=lambda process: process.pid):
        if wrong := _what_is_wrong(house, census, process):
            job = _job_of(house, process)
            found.append(Zombie(process, *wrong, command=command_of(process), job=job))
    return found


def _what_is_wrong(
    house: Instance, census: ProcessTable, process: Process
) -> tuple[Problem, str] | None:
    if process.is_defunct:
        parent = census.everything.get(process.parent_pid)
        name = parent.name if parent else "gone"
        return Problem.DEFUNCT, f"not reaped by its parent {process.parent_pid} ({name})"
    if _is_orphan(census, process):
        return Problem.ORPHAN, "its worker is gone" if census.bot else "the bot is not running"
    limit_s = house.download_limit_s
    if census.is_download(process) and process.age_s > limit_s:
        return Problem.STUCK, f"runs for {process.age_s:.0f} s, and may for {limit_s:.0f} s"
    if process.state == "T":
        return Problem.STOPPED, "somebody stopped it (SIGSTOP)"
    return None


def _is_orphan(census: ProcessTable, process: Process) -> bool:
    """Whether no worker of a running bot attends to the process.

    The bot adopts what loses its parent. So a download that is a child of the bot itself has
    lost its worker, and what is not below the bot at all has lost the bot.
    """
    if census.bot is None:
        return True
    above = census.ancestors(process)
    if census.bot not in above:
        return True
    child_of_bot = [process, *above][above.index(census.bot)]
    return census.is_download(child_of_bot)


def command_of(process: Process) -> str:
    """The command line, or the name of a fork, which shows the command line of another."""
    try:
        words = psutil.Process(process.pid).cmdline()
    except psutil.Error:
        return process.name
    is_its_own = bool(words) and os.path.basename(words[0]).startswith(process.name)
    return " ".join(words) if is_its_own else process.name


def _job_of(house: Instance, process: Process) -> int | None:
    for leader, job in house.sessions.items():
        if process.identity == leader or process.session_id == leader.pid:
            return job
    try:
        text = psutil.Process(process.pid).environ().get(process_table.JOB_VARIABLE, "")
    except psutil.Error:
        return None
    return int(text) if text.isdecimal() else None


# ------------------------------------------------------------------------------------- ending


def _kill(house: Instance, zombies: list[Zombie]) -> None:
    census = ProcessTable(house)
    identities = {zombie.process.identity for zombie in zombies}
    found = [p for p in census.ours.values() if p.identity in identities]
    sessions = {p.session_id for p in found if census.is_download(p)}
    roots = {p.pid for p in census.ours.values() if p.session_id in sessions}
    roots |= {p.pid for p in found}
    wanted = roots | census.below(roots)
    victims = [p.identity for p in census.ours.values() if p.pid in wanted and not p.is_defunct]
    for identity in victims:
        signals.send_signal(identity, signal.SIGTERM)
        signals.send_signal(identity, signal.SIGCONT)  # A stopped one would not hear of it.
    _wait_for_ends(victims, TERM_GRACE_S)
    for identity in victims:
        signals.send_signal(identity, signal.SIGKILL)
    _wait_for_ends(victims, signals.KILL_PATIENCE_S)


def _wait_for_ends(identities: list[Identity], timeout_s: float) -> None:
    """Wait until none of them runs any more, or the time is over."""
    deadline = time.monotonic() + timeout_s
    while (left := deadline - time.monotonic()) > 0:
        alive = [identity for identity in identities if process_table.is_alive(identity)]
        if not alive:
            return
        signals.wait_for_one(alive, min(left, 0.2))


def _have_reaped(house: Instance, zombies: list[Zombie]) -> None:
    """Tell parents of ours that a child has ended, and wait for them to see to it."""
    census = ProcessTable(house)
    told: list[Identity] = []
    for zombie in zombies:
        # Not the parent that it had when it was found: that one may have been ended by now.
        child = census.everything.get(zombie.process.pid, zombie.process)
        parent = census.everything.get(child.parent_pid)
        if parent and (parent.pid in census.ours or parent == census.bot):
            # What the kernel says at a child's end. The bot looks after its own each second.
            signals.send_signal(parent.identity, signal.SIGCHLD)
            told.append(zombie.process.identity)
    deadline = time.monotonic() + REAP_PATIENCE_S
    while told and time.monotonic() < deadline:
        time.sleep(0.1)
        told = [identity for identity in told if process_table.identify(identity.pid) == identity]
