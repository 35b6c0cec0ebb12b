"""Notices a yt-dlp that was upgraded on disk, and finds out whether it can be used.

The fork server has imported yt-dlp once and for all, so a new version takes a new fork server.
It is first imported in a process of its own: if that fails, only `trouble` changes, for an alert.
So it does for a plugin that the operator wants and that fails with the new version alone; which
ones fail with what is in use is found out once at the start.

While downloads workers cannot start, all files of yt-dlp are watched: any change of them, or a
yt-dlp where there was none, may be the repair.

When the bot's own code has changed, nothing is replaced before a restart: the main process and
its workers exchange objects of that code, so both need the same one.
"""

import contextlib
import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from worker import ROOT
from worker.clocks import Monotonic
from worker.downloads.ytdlp.packages import plugin_packages
from worker.downloads.ytdlp.packages.installed import read_version, version_file

log = logging.getLogger(__name__)

CHECK_EVERY_S = 5.0
IMPORT_TIMEOUT_S = 120.0

RESTART = "The bot's code on disk has changed; a restart puts it to use."

CODE = (ROOT / "bot.py", ROOT / "maintenance", ROOT / "worker")
"""What the bot's processes run. Commands read it again each time they are typed."""

TRIAL = (
    "from worker.downloads.ytdlp.packages import copies; copies.use(); "
    "from worker.downloads.ytdlp.warm import warm_up; warm_up(); "
    "from worker.downloads.ytdlp.packages import plugins; plugins.tell_faults()"
)


@dataclass(frozen=True)
class InstalledYtDlp:
    """A yt-dlp on disk: its version, when that was written, and the state of all its files."""

    version: str
    written_ns: int
    files: frozenset[tuple[str, int]] | None = None


class UpgradeWatch:
    """The watch on yt-dlp's files. It never waits: one thread calls `step` again and again."""

    def __init__(self) -> None:
        """Take what is on disk now for what is in use."""
        self.trouble: str | None = None
        self._in_use = self._candidate = _read_installed(all_files=False)
        self._tried: InstalledYtDlp | None = None
        self._code = _code_on_disk()
        self._trial: subprocess.Popen[bytes] | None = None
        self._complaint: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - open until close
        self._told: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - open until close
        # Those that fail with what is in use; None until that is known.
        self._broken_plugins: frozenset[str] | None = None
        self._due_at = Monotonic(0.0)

    @property
    def pids(self) -> list[int]:
        """The process in which a new version is being tried, if there is one."""
        return [self._trial.pid] if self._trial else []

    @property
    def in_use(self) -> str | None:
        """The version that the fork server has imported, or has tried to."""
        return self._in_use.version if self._in_use else None

    def step(self, now: Monotonic, *, is_broken: bool = False) -> bool:
        """Do what is due at monotonic `now`. True when a new yt-dlp can take over.

        `is_broken` is whether what is in use cannot be used.
        """
        if self._trial:
            return self._watch_trial(self._trial, now)
        if now < self._due_at:
            return False
        self._due_at = Monotonic(now + CHECK_EVERY_S)
        if _code_on_disk() != self._code:
            self._ask_for_restart()
            return False
        found = _read_installed(all_files=is_broken)
        # Files are still being replaced unless two checks see the same.
        is_settled, self._candidate = found == self._candidate, found
        if found == self._in_use and not is_broken:
            self.trouble = self._tried = None
            if found and self._broken_plugins is None and plugin_packages.allowed():
                self._begin_trial(now)
        elif found and is_settled and found != self._tried:
            self._begin_trial(now)
        return False

    def close(self) -> None:
        """End the process in which a new version is being tried."""
        if self._trial:
            self._trial.kill()
            self._trial.wait()
        self._complaint.close()
        self._told.close()

    def _ask_for_restart(self) -> None:
        if self.trouble != RESTART:
            self.trouble = RESTART
            log.warning("%s", RESTART)

    def _begin_trial(self, now: Monotonic) -> None:
        for said in (self._complaint, self._told):
            said.seek(0)
            said.truncate()
        # Where no process can be started now, it is tried again at the next check.
        with contextlib.suppress(OSError):
            self._trial = subprocess.Popen(
                [sys.executable, "-c", TRIAL],
                stdin=subprocess.DEVNULL,
                stdout=self._told,
                stderr=self._complaint,
            )
            self._due_at = Monotonic(now + IMPORT_TIMEOUT_S)

    def _watch_trial(self, trial: subprocess.Popen[bytes], now: Monotonic) -> bool:
        if trial.poll() is None:
            if now >= self._due_at:
                trial.kill()
            return False
        self._trial, self._due_at = None, Monotonic(now + CHECK_EVERY_S)
        candidate = self._candidate
        if candidate is None or _read_installed(all_files=candidate.files is not None) != candidate:
            return False  # It has changed meanwhile, and is tried again.
        faults = _faults(_last_line(self._told))
        if candidate == self._in_use:
            self._broken_plugins = frozenset(faults)
            return False
        self._tried = candidate
        if reason := self._refusal(candidate, trial.returncode, faults):
            self.trouble = f"yt-dlp {candidate.version} on disk cannot be used: {reason}"
            log.error("%s", self.trouble)
            return False
        self._in_use, self.trouble = replace(candidate, files=None), None
        self._broken_plugins = frozenset(faults)
        log.info("yt-dlp %s is on disk now and takes over.", candidate.version)
        return True

    def _refusal(
        self, candidate: InstalledYtDlp, returncode: int, faults: Mapping[str, str]
    ) -> str | None:
        """Why what was tried is not to take over; None if it may."""
        if returncode != 0:
            return _last_line(self._complaint) or f"its import ended with {returncode}"
        if candidate.files is not None:
            return None  # What is in use cannot be used, so nothing is lost with a plugin.
        for name, fault in faults.items():
            if name not in (self._broken_plugins or ()):
                return f"its plugin {name} cannot be loaded with it: {fault}"
        return None


def _last_line(said: IO[bytes]) -> str:
    said.seek(0)
    return said.read().decode(errors="replace").strip().rpartition("\n")[2]


def _faults(told: str) -> dict[str, str]:
    """The plugins that failed in a trial, with why; none if it did not come that far."""
    try:
        return dict(json.loads(told))
    except (ValueError, TypeError):
        return {}


def _read_installed(*, all_files: bool) -> InstalledYtDlp | None:
    """The yt-dlp on disk; None when there is none to be read."""
    try:
        file = version_file()
        if file is None:
            return None
        version = read_version(file) or "of no known version"
        files = _state_of(file.parent) if all_files else None
        return InstalledYtDlp(version, file.stat().st_mtime_ns, files)
    except (OSError, ImportError, ValueError):
        return None


def _code_on_disk() -> frozenset[tuple[str, int]]:
    return frozenset().union(*map(_state_of, CODE))


def _state_of(path: Path) -> frozenset[tuple[str, int]]:
    """The Python files at or below a path, and when each was written."""
    files = [str(path)]
    for folder, _, names in os.walk(path):
        files += [os.path.join(folder, name) for name in names]
    found = set()
    for file in files:
        if file.endswith(".py"):
            with contextlib.suppress(OSError):  # being replaced: gone is a change as well
                found.add((file, os.stat(file).st_mtime_ns))
    return frozenset(found)
