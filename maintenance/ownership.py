"""Which processes belong to a bot. A bot is named by its data directory."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from worker.data_directory import LOCK_NAME
from worker.processes import process_table
from worker.processes.process_table import Identity, Process
from worker.settings import Settings

STUCK_GRACE_S = 15.0
"""How long a download may take to end after its job's timeout: TERM, KILL, a slow machine."""


@dataclass(frozen=True)
class Instance:
    """One bot, running or not. `sessions`: the leaders of its downloads' sessions, with job ids."""

    data_dir: Path
    download_limit_s: float
    sessions: Mapping[Identity, int] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings, sessions: Mapping[Identity, int]) -> "Instance":
        """The bot of these settings."""
        limit_s = settings.download_job_timeout_s + STUCK_GRACE_S
        return cls(settings.data_dir, limit_s, sessions)


class ProcessTable:
    """All processes of the machine at one moment, and which of them are one bot's.

    These are what is below the bot, what carries its instance tag and runs as its user, what the
    ledger knows by pid and start time, and whatever is below those. `ours` leaves out the main
    process itself, and the calling process with its ancestors.
    """

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self.everything = process_table.snapshot()
        # After the snapshot: a bot takes the lock before it starts any process, so whatever is
        # in the snapshot is below the bot that is found here, or has lost an earlier one.
        identity = running_bot(instance.data_dir)
        bot = self.everything.get(identity.pid) if identity else None
        self.bot = bot if bot and bot.identity == identity else None
        self._tag = process_table.instance_tag(instance.data_dir)
        self._user = owner_of(instance.data_dir)
        self._children: dict[int, list[Process]] = {}
        for process in self.everything.values():
            self._children.setdefault(process.parent_pid, []).append(process)
        self.ours = self._find_ours()

    def below(self, pids: set[int]) -> set[int]:
        """The pids of all descendants of these processes."""
        found: set[int] = set()
        pending = list(pids)
        while pending:
            fresh = {child.pid for child in self._children.get(pending.pop(), ())} - found
            found |= fresh
            pending += fresh
        return found

    def ancestors(self, process: Process) -> list[Process]:
        """The parent, its parent and so on."""
        found: list[Process] = []
        while (process := self.everything.get(process.parent_pid, process)) not in found:
            found.append(process)
        return found

    def is_download(self, process: Process) -> bool:
        """Whether the process is not of the bot's own session, in which all but downloads are."""
        return self.bot is None or process.session_id != self.bot.session_id

    def _find_ours(self) -> dict[int, Process]:
        found = self.below({self.bot.pid}) if self.bot else set()
        roots = {
            process.pid
            for process in self.everything.values()
            if process.pid not in found
            and (process.identity in self._instance.sessions or self._is_tagged(process.pid))
        }
        found |= roots | self.below(roots)
        caller = self.everything[os.getpid()]
        found -= {caller.pid, *(process.pid for process in self.ancestors(caller))}
        found -= {self.bot.pid} if self.bot else set()
        return {pid: self.everything[pid] for pid in found}

    def _is_tagged(self, pid: int) -> bool:
        # Anybody can copy the tag into an environment, but not run as the bot's user.
        return process_table.is_tagged(pid, self._tag) and _user_of(pid) == self._user


def running_bot(data_dir: Path) -> Identity | None:
    """The main process that holds the directory's lock; None if no process does.

    The lock is read from /proc/locks: to try to take it could keep a bot from starting.
    """
    try:
        with (data_dir / LOCK_NAME).open(encoding="ascii", errors="replace") as file:
            inode = os.fstat(file.fileno()).st_ino
            text = file.read(20).strip()
    except FileNotFoundError:
        return None
    if not text.isdecimal():
        return None
    with open("/proc/locks", encoding="ascii", errors="replace") as locks:
        is_held = any(_is_lock(line, int(text), inode) for line in locks)
    return process_table.identify(int(text)) if is_held else None


def _is_lock(line: str, pid: int, inode: int) -> bool:
    """Whether a line of /proc/locks (proc(5)) says that this process holds this file."""
    # "1: FLOCK  ADVISORY  WRITE 13891 fe:00:2146324 0 EOF"; a waiting one has "->" in front.
    fields = line.split()
    return fields[1] == "FLOCK" and fields[4] == str(pid) and fields[5].endswith(f":{inode}")


def owner_of(data_dir: Path) -> int:
    """The user whose bot this is: the lock is the bot's own file, the directory may be given."""
    try:
        return (data_dir / LOCK_NAME).stat().st_uid
    except FileNotFoundError:
        return data_dir.stat().st_uid


def _user_of(pid: int) -> int:
    """The user that started a process, set-uid or not; -1 when it is gone."""
    try:
        return psutil.Process(pid).uids().real
    except psutil.NoSuchProcess:
        return -1
