"""Keep what was found behind links lately, so that it need not be looked for again.

A download that has read a page leaves what it found there in its directory, and the worker keeps
that for the next download of the same link: another quality begins at once then. The worker never
reads it. It is written by a process that has read a stranger's page and is read by one that is
confined in the same way, about the same link: it can say nothing that the page itself could not.
What was found with an account's cookies is not kept.

All functions run in a downloads worker. None raises OSError: without what is kept a download asks
the site.
"""

import contextlib
import logging
import os
import secrets
from pathlib import Path

from worker import media_keys
from worker.clocks import Wall
from worker.downloads import workspace
from worker.downloads.file_names import EARLIER_NAME, EXTRACTION_NAME
from worker.protocol.looks import LIFE_S

log = logging.getLogger(__name__)

MAX_BYTES = 2_000_000
"""The most that is kept of a link. An hour on YouTube takes 1 MB, most videos a third of that."""

MAX_KEPT = 64
"""The links of which something is kept; the oldest goes first."""


def lend(store: Path, url: str, directory: Path, wall: Wall) -> bool:
    """Copy what was found behind a link into a download's directory.

    Returns whether there was anything.
    """
    try:
        path = store / _name(url)
        age_s = wall - path.stat(follow_symlinks=False).st_mtime
        # A time in the future is from before the clock was set back.
        if not 0 <= age_s < LIFE_S:
            path.unlink(missing_ok=True)
            return False
        _write(_read(path), directory / EARLIER_NAME)
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:
        log.warning("What an earlier download has found cannot be used: %s", error)
        return False
    return True


def keep(store: Path, url: str, directory: Path, wall: Wall) -> None:
    """Keep what the download in a directory has found behind its link, if it has left that."""
    try:
        size = workspace.private_file_bytes(directory, EXTRACTION_NAME)
        if not 0 < size <= MAX_BYTES:
            return
        data = _read(directory / EXTRACTION_NAME)
        store.mkdir(mode=0o700, exist_ok=True)
        # A crash in between leaves the old one, and a name that the next removal knows.
        passing = store / f"{secrets.token_hex(8)}.new"
        _write(data, passing)
        os.utime(passing, (wall, wall))
        passing.replace(store / _name(url))
        _remove_oldest(store, wall)
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        log.warning("What a download has found behind its link cannot be kept: %s", error)


def forget(store: Path, url: str) -> bool:
    """Forget what was found behind a link. Returns whether there was anything."""
    with contextlib.suppress(OSError):
        (store / _name(url)).unlink()
        return True
    return False


def _name(url: str) -> str:
    return f"{media_keys.of_link(url)}.json"


def _read(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"{path.name} has more than {MAX_BYTES} bytes")
    return data


def _write(data: bytes, path: Path) -> None:
    """Write a file that is not there yet, and follow no link."""
    how = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, how, 0o600), "wb") as file:
        file.write(data)


def _remove_oldest(store: Path, wall: Wall) -> None:
    """Remove what is too old, and then the oldest of what is too many."""
    ages: list[tuple[float, str]] = []
    for entry in os.scandir(store):
        with contextlib.suppress(FileNotFoundError):  # another worker may have removed it
            ages.append((abs(wall - entry.stat(follow_symlinks=False).st_mtime), entry.path))
    for number, (age_s, path) in enumerate(sorted(ages)):
        if number >= MAX_KEPT or age_s >= LIFE_S:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
