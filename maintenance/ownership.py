"""Which processes belong to a bot, which is identified by its data directory."""

import fcntl
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

from worker.data_directory import LOCK_NAME
from worker.processes import process_table
from worker.processes.process_table import Identity, Process
from worker.settings import Settings

OUT_OF_SIGHT = 0
"""The pid, in /proc/locks, of a process that has none in this namespace."""

STUCK_GRACE_S = 15.0
"""How long a download may take to end after its timeout: TERM, then KILL, on a slow machine."""


@dataclass(frozen=True)
class Instance:
    """One bot, running or not.

    `sessions` maps the leader of each download's session to the id of its job.
    """

    data_dir: Path
    download_limit_s: float
    sessions: Mapping[Identity, int] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings, sessions: Mapping[Identity, int]) -> "Instance":
        """The bot of these settings."""
        longest_s = settings.download_job_timeout_s + 60 * settings.live_max_minutes
        limit_s = longest_s + STUCK_GRACE_S
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


class BotOutOfSight(OSError):
    """A bot runs, but from here its processes cannot be distinguished from strays."""


def running_bot(data_dir: Path) -> Identity | None:
    """The main process that holds the directory's lock; None if no process does.

    Raises BotOutOfSight when the holder is in another PID namespace, or /proc hides it. The lock
    is read from /proc/locks, which leaves out holders of other namespaces. Only if it names none
    is the lock tried, which shows whether there is one.
    """
    lock = data_dir / LOCK_NAME
    try:
        file = lock.open("rb")
    except FileNotFoundError:
        return None
    with file:
        pid = _visible_holder(file)
        if pid is None and _is_held(file):
            pid = _visible_holder(file) or OUT_OF_SIGHT  # It may have been taken meanwhile.
        identity = process_table.identify(pid) if pid else None
        is_hidden = bool(pid) and identity is None and _is_held(file)
    if pid is None:
        return None
    if pid == OUT_OF_SIGHT or process_table.is_in_inner_namespace(pid):
        raise BotOutOfSight(
            f"a bot holds {lock} and runs in another PID namespace, such as a container: "
            "type this there"
        )
    if is_hidden:
        # It refuses inspection, so even its own user does not see it where others are hidden.
        raise BotOutOfSight(
            f"a bot holds {lock} and /proc hides process {pid} (hidepid): type this as root"
        )
    return identity


def _visible_holder(file: IO[bytes]) -> int | None:
    """The process that holds a file, by /proc/locks (proc(5))."""
    status = os.fstat(file.fileno())
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
    file.seek(0)
    written = file.read(20).decode("ascii", errors="replace").strip()
    with open("/proc/locks", encoding="ascii", errors="replace") as locks:
        for line in locks:
            # "1: FLOCK  ADVISORY  WRITE 13891 fe:00:2146324 0 EOF"; a waiting one has "->".
            _, kind, _, mode, pid, place, *_ = line.split()
            # On some file systems the device is another there than here, but the pid is the same.
            is_ours = place.rpartition(":")[0] == device or pid == written
            # Another command that looks for the bot may hold it for reading.
            is_a_bots = kind == "FLOCK" and mode == "WRITE"
            if is_a_bots and is_ours and place.endswith(f":{status.st_ino}"):
                return int(pid)
    return None


def _is_held(file: IO[bytes]) -> bool:
    """Whether somebody holds the lock, by taking and releasing it.

    A bot that starts at that very moment fails to lock it, and tries again.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(file, fcntl.LOCK_UN)
    return False


def owner_of(data_dir: Path) -> int:
    """The user whose bot this is: the owner of the lock, or else of the directory."""
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
