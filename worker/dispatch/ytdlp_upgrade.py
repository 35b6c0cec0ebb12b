"""Notices a yt-dlp that was upgraded on disk, and finds out whether it can be used.

The fork server has imported yt-dlp once and for all, so a new version takes a new fork server.
It is first imported in a process of its own: if that fails, only `trouble` changes, for an alert.

When the bot's own code has changed, nothing is replaced before a restart: the main process and
its workers exchange objects of that code, so both need the same one.
"""

import contextlib
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

from worker.clocks import Monotonic
from worker.downloads.ytdlp.installed import read_version, version_file

log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0
TRIAL_S = 120.0

RESTART = "The bot's code on disk has changed; a restart puts it to use."

CODE = Path(__file__).parents[1]

TRIAL = "from worker.downloads.ytdlp.warm import warm_up; warm_up()"


class UpgradeWatch:
    """Never waits: `step` is called again and again, by one thread."""

    def __init__(self) -> None:
        """What is there now is what is in use."""
        self.trouble: str | None = None
        self._file = version_file()
        self._in_use = self._candidate = self._refused = self._look()
        self._code = _code_on_disk()
        self._trial: subprocess.Popen[bytes] | None = None
        self._complaint: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - open until close
        self._due_at = 0.0

    @property
    def pids(self) -> list[int]:
        """The process in which a new version is being tried, if there is one."""
        return [self._trial.pid] if self._trial else []

    def step(self, now: Monotonic) -> bool:
        """Do what is due at monotonic `now`. True when a new yt-dlp can take over."""
        if self._trial:
            return self._watch_trial(self._trial, now)
        if now < self._due_at:
            return False
        self._due_at = now + LOOK_EVERY_S
        if _code_on_disk() != self._code:
            self._ask_for_restart()
            return False
        found = self._look()
        # Files are still being replaced unless two looks see the same.
        is_settled, self._candidate = found == self._candidate, found
        if found == self._in_use:
            self.trouble = self._refused = None
        elif found and is_settled and found != self._refused:
            self._complaint.seek(0)
            self._complaint.truncate()
            self._trial = subprocess.Popen(
                [sys.executable, "-c", TRIAL],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._complaint,
            )
            self._due_at = now + TRIAL_S
        return False

    def close(self) -> None:
        """End the process in which a new version is being tried."""
        if self._trial:
            self._trial.kill()
            self._trial.wait()
        self._complaint.close()

    def _ask_for_restart(self) -> None:
        if self.trouble != RESTART:
            self.trouble = RESTART
            log.warning("%s", RESTART)

    def _watch_trial(self, trial: subprocess.Popen[bytes], now: Monotonic) -> bool:
        if trial.poll() is None:
            if now >= self._due_at:
                trial.kill()
            return False
        self._trial, self._due_at = None, now + LOOK_EVERY_S
        if trial.returncode == 0 and self._look() == self._candidate:
            self._in_use, self._refused, self.trouble = self._candidate, None, None
            log.info("yt-dlp %s is on disk now and takes over.", _name(self._in_use))
            return True
        if trial.returncode:
            self._refused = self._candidate
            self._complaint.seek(0)
            reason = self._complaint.read().decode(errors="replace").strip().rpartition("\n")[2]
            self.trouble = f"yt-dlp {_name(self._refused)} on disk cannot be used: {reason}"
            log.error("%s; %s goes on.", self.trouble, _name(self._in_use))
        return False

    def _look(self) -> tuple[str, int] | None:
        """The version on disk and when it was written; None when there is none to be read."""
        if self._file is None:
            return None
        try:
            version = read_version(self._file)
            written = self._file.stat().st_mtime_ns
        except OSError:
            return None
        return (version or "of no known version", written)


def _code_on_disk() -> frozenset[tuple[str, int]]:
    """The files that workers run, and when each was written."""
    found = set()
    for directory, _, names in os.walk(CODE):
        for name in names:
            if name.endswith(".py"):
                path = os.path.join(directory, name)
                with contextlib.suppress(OSError):  # being replaced: gone is a change as well
                    found.add((path, os.stat(path).st_mtime_ns))
    return frozenset(found)


def _name(found: tuple[str, int] | None) -> str:
    return found[0] if found else "that was there before"
