"""Update yt-dlp beside a running bot, or roll an update back: one at a time, whole or not at all.

What was installed is tried before it is chosen, and a single rename makes the choice. The bot
notices it and switches between jobs (`worker.dispatch.ytdlp_upgrade`). Files that a killed update
has left are never used, and the next update removes them.
"""

import contextlib
import fcntl
import itertools
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import IO

from maintenance.units import local_time
from maintenance.updates import packages
from maintenance.updates.children import DiskRoom, ProgramStopped, run_module
from maintenance.updates.packages import Offline, Plan, ReleaseChannel, UpdateRefused
from maintenance.updates.situation import Situation, read_situation, version_in
from worker.clocks import Wall, wall_clock
from worker.downloads.ytdlp.packages import copies, plugin_packages
from worker.downloads.ytdlp.packages.copies import Installed, Left, Unusable, YtDlpChoice
from worker.downloads.ytdlp.packages.installed import is_newer, numbers
from worker.settings import MEBIBYTE

CANARY_S = 300.0
"""How long a trial of one yt-dlp may take."""

NEEDED_BYTES = 500 * MEBIBYTE
"""How much of the disk has to be free at the start: yt-dlp with a new deno takes 130 MB, its wheels
half as much, and `children.LEFT_FREE_BYTES` stay free."""

# Run, not imported: commands that only read about updates do not need what a download needs.
_CANARY = "maintenance.updates.canary"
_LOCK, _TRIAL, _WORK = "lock", "trial.json", "work"


class UpdateResult(StrEnum):
    """How an update, a check or a rollback ended."""

    CURRENT = "current"  # there is nothing newer
    NEW = "new"  # there is, and it was only asked for
    UPDATED = "updated"
    WENT_BACK = "went back"
    NOTHING = "nothing to go back to"
    REFUSED = "refused"  # what is in use stays: `text` says why
    OFFLINE = "offline"
    BUSY = "busy"  # another update is at work
    NOT_STARTED = "not started"  # the machine could not start its process


@dataclass(frozen=True)
class Outcome:
    """How an update ended, also in words. `version` is the version that it was about."""

    result: UpdateResult
    in_use: str | None
    version: str | None
    text: str


class Busy(Exception):
    """Another update is at work."""


class Updater:
    """Updates the yt-dlp of one bot; call it in a process of one thread, as the bot's user."""

    def __init__(
        self,
        data_dir: Path,
        memory_mib: int,
        variables: Mapping[str, str],
        say: Callable[[str], object] = lambda _: None,
    ) -> None:
        """`variables` are pip's, `memory_mib` a download's; `say` is told what is done next."""
        self._data_dir = data_dir
        self._directory = copies.directory_of(data_dir)
        self._file = self._directory / copies.CHOICE
        self._memory_mib = memory_mib
        self._variables = variables
        self._say = say

    def check(self, channel: ReleaseChannel = ReleaseChannel.STABLE) -> Outcome:
        """Say what is installed and whether there is anything newer. Raises OSError."""
        return self._run(lambda: self._check(channel))

    def update(
        self, channel: ReleaseChannel = ReleaseChannel.STABLE, version: str | None = None
    ) -> Outcome:
        """Install `version` or the newest one, try it, and choose it. Raises OSError."""
        return self._run(lambda: self._update(channel, version))

    def roll_back(self, why: str = "") -> Outcome:
        """Choose what was in use before. Raises OSError.

        The abandoned version is not installed again unasked; `why` is the reason if the bot goes
        back by itself.
        """
        return self._run(lambda: self._roll_back(why))

    def end_trial(self) -> None:
        """Keep what is on trial. Raises Busy or OSError."""
        with self._locked():
            self._change(trial=None)

    def begin_trial(self, wall: Wall) -> None:
        """Note when the bot began to use what is on trial. Raises Busy or OSError."""
        with self._locked():
            self._change(trial=wall)

    def sweep(self) -> None:
        """Remove copies that no choice names and no process uses. Raises Busy or OSError."""
        if self._directory.is_dir():
            with self._locked():
                self._sweep()

    # ------------------------------------------------------------------------------ steps

    def _run(self, step: Callable[[], Outcome]) -> Outcome:
        try:
            with self._locked():
                self._sweep()
                try:
                    return step()
                finally:
                    self._sweep()
        except Busy:
            return self._outcome(UpdateResult.BUSY, None, "Another update is at work.")
        except Offline:
            text = "No package index can be reached; nothing was changed."
            return self._outcome(UpdateResult.OFFLINE, None, text)
        except (UpdateRefused, ProgramStopped) as error:
            return self._outcome(UpdateResult.REFUSED, None, f"Nothing was changed: {error}.")

    def _check(self, channel: ReleaseChannel) -> Outcome:
        situation = read_situation(self._data_dir)
        plan = self._plan(channel, None)
        if not is_newer(plan.version, situation.version):
            return self._newest(plan)
        text = f"{plan.version} is new."
        if reason := self._why_kept_from(situation, plan.version):
            text = f"{text} {reason}"
        return self._outcome(UpdateResult.NEW, plan.version, text)

    def _update(self, channel: ReleaseChannel, version: str | None) -> Outcome:
        situation = read_situation(self._data_dir)
        plan = self._plan(channel, version)
        if version is None:
            if not is_newer(plan.version, situation.version):
                return self._newest(plan)
            if reason := self._why_kept_from(situation, plan.version):
                return self._outcome(UpdateResult.CURRENT, plan.version, reason)
        elif _is_same(plan.version, situation.version):
            text = f"{plan.version} is in use already."
            return self._outcome(UpdateResult.CURRENT, plan.version, text)
        if not plan.packages:
            # It is the environment's own; until now a copy was used in its place.
            self._choose(Installed(plan.version), situation)
            return self._outcome(
                UpdateResult.UPDATED, plan.version, f"{plan.version} of the environment is in use."
            )
        chosen = self._install(plan)
        try:
            self._try(chosen, situation)
            self._choose(chosen, situation)
        except BaseException:
            self._remove(self._place(chosen))
            raise
        text = f"{chosen.version} takes over from {situation.version}."
        return self._outcome(UpdateResult.UPDATED, chosen.version, text)

    def _roll_back(self, why: str) -> Outcome:
        situation = read_situation(self._data_dir)
        before = situation.before
        if before is None:
            pip = "" if situation.is_copy else "; what pip has installed, pip can replace"
            return self._outcome(
                UpdateResult.NOTHING, None, f"There is nothing to go back to{pip}."
            )
        if before.copy and not self._place(before).is_dir():
            text = f"The copy of {before.version} is gone."
            return self._outcome(UpdateResult.NOTHING, before.version, text)
        given_up = situation.version or "the one in use"
        left = Left(given_up, why[:_WHY_CHARS] or "by hand", wall_clock(), by_itself=bool(why))
        choice = YtDlpChoice(before, copies.own_state(), copies.PYTHON, wall_clock(), left=left)
        copies.save(self._file, choice)
        because = f": {why}" if why else ""
        text = f"{before.version} is in use again in place of {given_up}{because}."
        return self._outcome(UpdateResult.WENT_BACK, before.version, text)

    # ------------------------------------------------------------------------------ parts

    def _plan(self, channel: ReleaseChannel, version: str | None) -> Plan:
        self._say("asking the package index")
        with self._work() as work:
            return packages.plan(channel, version, self._variables, work)

    def _install(self, plan: Plan) -> Installed:
        free = shutil.disk_usage(self._directory).free
        if free < NEEDED_BYTES:
            needed = f"{NEEDED_BYTES // MEBIBYTE} MB have to be free"
            raise UpdateRefused(f"{needed}, and {free // MEBIBYTE} MB are")
        self._say(f"installing {', '.join(plan.packages)}")
        place = self._make_place(plan.version)
        try:
            with self._work() as work:
                packages.install(plan.packages, place, self._variables, work)
            version = version_in(place)
            if version is None:
                raise UpdateRefused(f"{plan.version} has no yt-dlp in it")
            # A power cut must not leave a choice of files that are not there.
            os.sync()
        except BaseException:
            self._remove(place)
            raise
        return Installed(version, place.name)

    def _try(self, candidate: Installed, situation: Situation) -> None:
        """Raise UpdateRefused if something fails that works with the yt-dlp in use."""
        self._say(f"trying {candidate.version}")
        if trouble := self._troubles(candidate):
            self._say("that fails: trying the same with what is in use")
            as_before = self._troubles(situation.installed or Installed(""))
            if new := {name: text for name, text in trouble.items() if name not in as_before}:
                said = "; ".join(f"{name}: {text}" for name, text in new.items())
                raise UpdateRefused(f"{candidate.version} does not work here ({said})")

    def _troubles(self, installed: Installed) -> dict[str, str]:
        """What does not work with this yt-dlp, with why."""
        trial = self._directory / _TRIAL
        trial.unlink(missing_ok=True)
        copies.save(trial, YtDlpChoice(installed, copies.own_state(), copies.PYTHON, Wall(0.0)))
        with self._work() as work:
            variables = {name: self._variables[name] for name in _PLAIN if name in self._variables}
            variables |= {
                copies.VARIABLE: os.fspath(trial),
                plugin_packages.VARIABLE: os.environ.get(plugin_packages.VARIABLE, ""),
                "TMPDIR": os.fspath(work),
            }
            done = run_module(
                _CANARY,
                [str(self._memory_mib)],
                variables,
                CANARY_S,
                DiskRoom(work, packages.MAX_BYTES),
                with_code=True,
            )
        try:
            return dict(json.loads(done.output))
        except ValueError:
            reason = done.errors.strip().rpartition("\n")[2] or f"ended with {done.code}"
            return {"import": reason}

    def _choose(self, chosen: Installed, situation: Situation) -> None:
        left = situation.choice.left if situation.choice else None
        choice = YtDlpChoice(
            chosen,
            copies.own_state(),
            copies.PYTHON,
            wall_clock(),
            before=situation.installed,
            trial=Wall(0.0),
            left=left if left and is_newer(left.version, chosen.version) else None,
        )
        copies.save(self._file, choice)

    def _change(self, *, trial: Wall | None) -> None:
        with contextlib.suppress(Unusable):
            if choice := copies.read(self._file):
                copies.save(self._file, replace(choice, trial=trial))

    def _why_kept_from(self, situation: Situation, version: str) -> str | None:
        """Why a version is not installed unasked: it or a newer one was rolled back.

        None if it may be.
        """
        left = situation.choice.left if situation.choice else None
        if left is None or is_newer(version, left.version):
            return None
        return (
            f"{left.version} was taken back on {local_time(left.at)} ({left.why}); "
            "the bot waits for a newer one."
        )

    def _newest(self, plan: Plan) -> Outcome:
        return self._outcome(UpdateResult.CURRENT, plan.version, f"{plan.version} is the newest.")

    def _outcome(self, result: UpdateResult, version: str | None, text: str) -> Outcome:
        return Outcome(result, read_situation(self._data_dir).version, version, text)

    # ------------------------------------------------------------------------------ files

    @contextmanager
    def _locked(self) -> Iterator[IO[bytes]]:
        """Hold the lock of the one update. Raises Busy or OSError."""
        self._directory.mkdir(mode=0o700, exist_ok=True)
        with (self._directory / _LOCK).open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy from None
            yield lock

    @contextmanager
    def _work(self) -> Iterator[Path]:
        """A temporary directory for one step."""
        work = self._directory / _WORK
        self._remove(work)
        work.mkdir(mode=0o700)
        try:
            yield work
        finally:
            self._remove(work)

    def _place(self, installed: Installed) -> Path:
        return self._directory / (installed.copy or _WORK)

    def _make_place(self, version: str) -> Path:
        stem = version.replace("+", ".")
        for number in itertools.count(1):
            place = self._directory / f"{stem}-{number}"
            if not os.path.lexists(place):
                break
        if not copies.is_name(place.name):
            raise UpdateRefused(f"{version} is no version of yt-dlp")
        place.mkdir(mode=0o700)
        return place

    def _sweep(self) -> None:
        try:
            choice = copies.read(self._file)
        except Unusable:
            return  # Which copies are needed is not known.
        kept = {copies.CHOICE, _LOCK}
        if choice:
            kept |= {each.copy for each in (choice.chosen, choice.before) if each and each.copy}
        for entry in list(self._directory.iterdir()):
            if entry.name not in kept:
                self._remove(entry)

    def _remove(self, path: Path) -> None:
        """Remove a file or directory, unless it is a copy from which a process still imports."""
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
        elif not (copies.is_name(path.name) and copies.is_held(path)):
            shutil.rmtree(path)


# The text of a failed import may be very long, and a choice that is too long is not read.
_WHY_CHARS = 400

_PLAIN = ("PATH", "HOME", "LANG", "LC_ALL")


def _is_same(version: str, other: str | None) -> bool:
    return other is not None and numbers(version) == numbers(other)
