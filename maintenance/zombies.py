"""Zombies in the operator's sense: processes of this bot that should not be there, and their end.

`maintenance.ownership` says which processes are this bot's.
"""

import os
import signal
import time
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum

import psutil

from maintenance.ownership import Instance, ProcessTable
from worker.processes import process_table, signals
from worker.processes.process_table import Identity, Process

CONFIRM_S = 0.3
"""How long to wait before a second look: a process may just have been ending, or starting."""

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
    """A process that should not be there. `reason` says why, in words."""

    process: Process
    problem: Problem
    reason: str
    command: str
    job_id: int | None


def find(instance: Instance, confirm_s: float = CONFIRM_S) -> list[Zombie]:
    """The zombies of this bot: what two looks find, the second `confirm_s` after the first."""
    first = {(zombie.process.identity, zombie.problem) for zombie in _look(instance)}
    if not first:
        return []
    time.sleep(confirm_s)
    second = _look(instance)
    return [zombie for zombie in second if (zombie.process.identity, zombie.problem) in first]


def end(
    instance: Instance,
    zombies: Iterable[Zombie],
    on_another: Callable[[Zombie], None],
    spared: AbstractSet[Problem] = frozenset(),
) -> list[Zombie]:
    """End zombies and what belongs to them. Returns those that are left.

    TERM to the whole session, KILL after `TERM_GRACE_S`, and the same again for what the next look
    finds: those that are left, and others, of which each is given to `on_another` first. Only its
    parent can reap a defunct process; the parent is told to, if it is ours. Zombies with a problem
    that is `spared` are neither touched nor returned.
    """
    left = [zombie for zombie in zombies if zombie.problem not in spared]
    known = {zombie.process.identity for zombie in left}
    for _ in range(ROUNDS):
        if not left:
            break
        for zombie in left:
            if zombie.process.identity not in known:
                known.add(zombie.process.identity)
                on_another(zombie)
        _kill(instance, [zombie for zombie in left if zombie.problem is not Problem.DEFUNCT])
        _reap_by_parents(instance, [zombie for zombie in left if zombie.problem is Problem.DEFUNCT])
        left = [zombie for zombie in find(instance) if zombie.problem not in spared]
        if all(zombie.problem is Problem.DEFUNCT for zombie in left):
            break  # Their parents have been told already.
    return left


def resume(zombies: Iterable[Zombie]) -> None:
    """Continue the zombies that are stopped."""
    for zombie in zombies:
        if zombie.problem is Problem.STOPPED:
            signals.send_signal(zombie.process.identity, signal.SIGCONT)


# ------------------------------------------------------------------------------------ finding


def _look(instance: Instance) -> list[Zombie]:
    processes = ProcessTable(instance)
    found = []
    for process in sorted(processes.ours.values(), key=lambda process: process.pid):
        if wrong := _what_is_wrong(instance, processes, process):
            job_id = _job_of(instance, process)
            found.append(Zombie(process, *wrong, _command_of(process), job_id))
    return found


def _what_is_wrong(
    instance: Instance, processes: ProcessTable, process: Process
) -> tuple[Problem, str] | None:
    if process.is_defunct:
        parent = processes.everything.get(process.parent_pid)
        name = parent.name if parent else "gone"
        return Problem.DEFUNCT, f"not reaped by its parent {process.parent_pid} ({name})"
    if _is_orphan(processes, process):
        return Problem.ORPHAN, "its worker is gone" if processes.bot else "the bot is not running"
    limit_s = instance.download_limit_s
    # All the time that the machine was suspended may have been since the download began.
    ran_s = process.age_s - process_table.suspended_s()
    if processes.is_download(process) and ran_s > limit_s:
        return Problem.STUCK, f"has run for {ran_s:.0f} s; the limit is {limit_s:.0f} s"
    if process.state == "T":
        return Problem.STOPPED, "somebody stopped it (SIGSTOP)"
    return None


def _is_orphan(processes: ProcessTable, process: Process) -> bool:
    """Whether no worker of a running bot looks after the process.

    The bot adopts what loses its parent. So a download that is a child of the bot itself has lost
    its worker, and a process that is not below the bot at all has lost the bot.
    """
    if processes.bot is None:
        return True
    above = processes.ancestors(process)
    if processes.bot not in above:
        return True
    child_of_bot = [process, *above][above.index(processes.bot)]
    return processes.is_download(child_of_bot)


def _command_of(process: Process) -> str:
    """The command line; the name alone for a fork, which still has its parent's command line."""
    try:
        words = psutil.Process(process.pid).cmdline()
    except psutil.Error:
        return process.name
    is_its_own = bool(words) and os.path.basename(words[0]).startswith(process.name)
    # A title leaves empty words of the first command line.
    return " ".join(filter(None, words)) if is_its_own else process.name


def _job_of(instance: Instance, process: Process) -> int | None:
    for leader, job_id in instance.sessions.items():
        if process.identity == leader or process.session_id == leader.pid:
            return job_id
    try:
        text = psutil.Process(process.pid).environ().get(process_table.JOB_VARIABLE, "")
    except psutil.Error:
        return None
    return int(text) if text.isdecimal() else None


# ------------------------------------------------------------------------------------- ending


def _kill(instance: Instance, zombies: list[Zombie]) -> None:
    processes = ProcessTable(instance)
    identities = {zombie.process.identity for zombie in zombies}
    found = [p for p in processes.ours.values() if p.identity in identities]
    sessions = {p.session_id for p in found if processes.is_download(p)}
    roots = {p.pid for p in processes.ours.values() if p.session_id in sessions}
    roots |= {p.pid for p in found}
    wanted = roots | processes.below(roots)
    victims = [p.identity for p in processes.ours.values() if p.pid in wanted and not p.is_defunct]
    for identity in victims:
        signals.send_signal(identity, signal.SIGTERM)
        signals.send_signal(identity, signal.SIGCONT)  # A stopped process would not act on it.
    _wait_for_ends(victims, TERM_GRACE_S)
    for identity in victims:
        signals.send_signal(identity, signal.SIGKILL)
    _wait_for_ends(victims, signals.KILL_PATIENCE_S)


def _wait_for_ends(identities: list[Identity], timeout_s: float) -> None:
    """Wait until none of them runs any more, or the time is up."""
    deadline = time.monotonic() + timeout_s
    while (left := deadline - time.monotonic()) > 0:
        alive = [identity for identity in identities if process_table.is_alive(identity)]
        if not alive:
            return
        signals.wait_for_one(alive, min(left, 0.2))


def _reap_by_parents(instance: Instance, zombies: list[Zombie]) -> None:
    """Tell parents of ours that a child has ended, and wait until they have reaped it."""
    processes = ProcessTable(instance)
    told: list[Identity] = []
    for zombie in zombies:
        # Its parent now: the one that it had when it was found may have been killed since.
        child = processes.everything.get(zombie.process.pid, zombie.process)
        parent = processes.everything.get(child.parent_pid)
        if parent and (parent.pid in processes.ours or parent == processes.bot):
            # The signal that the kernel sends when a child ends. The bot reaps its own every second
            # anyway.
            signals.send_signal(parent.identity, signal.SIGCHLD)
            told.append(zombie.process.identity)
    deadline = time.monotonic() + REAP_PATIENCE_S
    while told and time.monotonic() < deadline:
        time.sleep(0.1)
        told = [identity for identity in told if process_table.identify(identity.pid) == identity]
