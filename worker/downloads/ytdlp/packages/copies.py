"""The copies of yt-dlp that updates have installed, and which yt-dlp is in use. Imports none.

An update leaves the bot's own environment alone: it installs yt-dlp, and whatever else this needs
that is not there, into a directory of its own. That directory stands before the environment in
the path of the fork server and of all that is forked from it, so both are found as pip has put
them together; behind the bot's own code and Python's library, which no package can hide.

One file says which is in use. A reader of it finds the old one or the new one, and never a part.
What is installed last is used: a copy is left behind when the environment's own yt-dlp was changed
after the copy was chosen, which is what an operator's own pip does. It is left as well when it was
made for another Python.

A process that uses a copy holds a lock on its directory, which forks inherit. So none is removed
while a worker still imports from it.
"""

import contextlib
import fcntl
import json
import os
import re
import stat
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from worker.clocks import Wall
from worker.whole_files import new_file_beside, reach_disk

VARIABLE = "YTDLP_IN_USE"
"""The environment variable that names the file to the processes below the bot."""

DIRECTORY = "ytdlp"
"""The directory of the copies in the data directory."""

CHOICE = "in-use.json"
"""The file in it that says which is in use."""

PYTHON = sys.implementation.cache_tag or ""
"""The Python for which a copy is made."""

_NAME = re.compile(r"[0-9][0-9A-Za-z.]{0,40}-[0-9]{1,6}")
_LIMIT_BYTES = 10_000


class Unusable(Exception):
    """The record of which yt-dlp to use is damaged or not private. The text says why."""


@dataclass(frozen=True)
class Installed:
    """A yt-dlp that is there: its version, and its copy's name; None for the environment's own."""

    version: str
    copy: str | None = None


@dataclass(frozen=True)
class Left:
    """A version that was rolled back, why and when; `by_itself` if the bot did it."""

    version: str
    why: str
    at: Wall
    by_itself: bool = True


@dataclass(frozen=True)
class YtDlpChoice:
    """Which yt-dlp an update has chosen.

    `own` is the state of the environment's own at that time, `python` for which Python it is, and
    `since` when it was chosen. `before` is what can be gone back to. While it is on trial, `trial`
    is when the bot began to use it; 0 before that, None when the trial is over.
    """

    chosen: Installed
    own: tuple[str, int] | None
    python: str
    since: Wall
    before: Installed | None = None
    trial: Wall | None = None
    left: Left | None = None


def directory_of(data_dir: Path) -> Path:
    """Where the copies of a bot lie."""
    return data_dir.absolute() / DIRECTORY


def tell(data_dir: Path) -> None:
    """Have this process and those below it use what was chosen for a bot."""
    os.environ[VARIABLE] = os.fspath(directory_of(data_dir) / CHOICE)


def read(file: Path) -> YtDlpChoice | None:
    """What was chosen; None if nothing ever was. Raises Unusable."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unusable(f"{file} cannot be read: {error.strerror}") from None
    try:
        _require_private(file, os.fstat(descriptor), stat.S_ISREG)
        return _from_json(json.loads(os.read(descriptor, _LIMIT_BYTES)))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise Unusable(f"{file} is not as an update leaves it: {error}") from None
    finally:
        os.close(descriptor)


def save(file: Path, choice: YtDlpChoice) -> None:
    """Save a choice in place of the one before. Raises OSError, and then changes nothing."""
    with new_file_beside(file) as new:
        new.write_text(json.dumps(asdict(choice)), "utf-8")
        reach_disk(new)
        os.replace(new, file)
        reach_disk(file.parent)


def chosen() -> Path | None:
    """The directory of the copy that is in use; None for the environment's own yt-dlp."""
    file = os.environ.get(VARIABLE)
    if not file:
        return None
    try:
        return place_of(Path(file), read(Path(file)))
    except Unusable:
        return None


def place_of(file: Path, choice: YtDlpChoice | None) -> Path | None:
    """The directory of the chosen copy if that is to be used. Raises Unusable."""
    if choice is None or choice.chosen.copy is None or not is_for_this(choice):
        return None
    place = file.parent / choice.chosen.copy
    try:
        status = os.lstat(place)
    except OSError as error:
        raise Unusable(f"the copy {place} is gone: {error.strerror}") from None
    _require_private(place, status, stat.S_ISDIR)
    if status.st_uid != os.lstat(file).st_uid:
        raise Unusable(f"{place} has another owner than {file}")
    return place


def is_for_this(choice: YtDlpChoice) -> bool:
    """Whether a choice was made for this Python, and its environment is as it was then."""
    return choice.python == PYTHON and choice.own == own_state()


def own_version_file() -> Path | None:
    """The version file of the environment's own yt-dlp; None if there is none."""
    hidden = os.fspath(_used) if _used else None
    path = [entry for entry in sys.path if entry != hidden]
    spec = PathFinder.find_spec("yt_dlp", path)
    return Path(spec.origin).with_name("version.py") if spec and spec.origin else None


def own_state() -> tuple[str, int] | None:
    """The version file of the environment's own yt-dlp, and when it was written."""
    with contextlib.suppress(OSError, ImportError, ValueError):
        if file := own_version_file():
            return os.path.realpath(file), file.stat().st_mtime_ns
    return None


# ----------------------------------------------------------- in a process that imports yt-dlp

_used: Path | None = None
_lock: int | None = None
_has_decided = False


def use() -> None:
    """Put the copy that is in use into the path of this process; call it before yt-dlp's import.

    A fork keeps to what its parent has decided, whose modules it has. multiprocessing gives it the
    path of its owner, so it has to call this as well.
    """
    global _used, _lock, _has_decided
    if not _has_decided:
        _has_decided = True
        _used = chosen()
        if _used:
            try:
                _lock = os.open(_used, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                fcntl.flock(_lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                _used = None  # It is being removed.
    if _used and os.fspath(_used) not in sys.path:
        own = own_version_file()
        own_entry = os.fspath(own.parents[1]) if own else None
        at = sys.path.index(own_entry) if own_entry in sys.path else len(sys.path)
        sys.path.insert(at, os.fspath(_used))


def let_go() -> None:
    """Stop using the copy, in a process that goes on without yt-dlp."""
    global _lock
    if _lock is not None:
        os.close(_lock)
        _lock = None


def programs() -> str | None:
    """The directory of the programs that come with the copy in use, if one is."""
    place = _used if _has_decided else chosen()
    return os.fspath(place / "bin") if place else None


def is_held(place: Path) -> bool:
    """Whether a process uses the copy in a directory, by locking and releasing it."""
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def is_name(text: str) -> bool:
    """Whether a directory of this name may be a copy."""
    return _NAME.fullmatch(text) is not None


def _require_private(path: Path, status: os.stat_result, is_kind: Any) -> None:
    """Raise Unusable for what somebody else than the bot's user may have written."""
    if not is_kind(status.st_mode):
        raise Unusable(f"{path} is not what an update leaves there")
    if stat.S_IMODE(status.st_mode) & 0o022:
        raise Unusable(f"others may write {path}")


def _from_json(value: Mapping[str, Any]) -> YtDlpChoice:
    own, before, left, trial = value["own"], value["before"], value["left"], value["trial"]
    return YtDlpChoice(
        chosen=_installed(value["chosen"]),
        own=None if own is None else (str(own[0]), int(own[1])),
        python=str(value["python"]),
        since=Wall(float(value["since"])),
        before=_installed(before) if before else None,
        trial=None if trial is None else Wall(float(trial)),
        left=_left(left) if left else None,
    )


def _left(value: Mapping[str, Any]) -> Left:
    at, by_itself = Wall(float(value["at"])), bool(value["by_itself"])
    return Left(str(value["version"]), str(value["why"]), at, by_itself)


def _installed(value: Mapping[str, Any]) -> Installed:
    copy = value["copy"]
    if copy is not None and not is_name(copy):
        raise ValueError(f"{copy!r} is no name of a copy")
    return Installed(str(value["version"]), copy)
