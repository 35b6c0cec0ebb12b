"""Find and read `sites.toml`, which is in DATA_DIR or beside `.env`."""

import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path

from worker.settings import sites_document
from worker.settings.problems import SettingsError
from worker.settings.sites import DEFAULT_SITES, Sites

NAME = "sites.toml"

_MAX_BYTES = 16 * 1024


@dataclass(frozen=True)
class SitesFile:
    """The file with the settings of the sites: in one of these places, or nowhere."""

    places: tuple[Path, ...]

    @classmethod
    def beside(cls, data_dir: Path, dotenv: Path) -> "SitesFile":
        """The file in the data directory or beside `.env`."""
        directories = dict.fromkeys((data_dir.absolute(), dotenv.absolute().parent))
        return cls(tuple(directory / NAME for directory in directories))

    def state(self) -> tuple[object, ...]:
        """A value that differs once a file was changed, replaced, made or removed."""
        return tuple(map(_state, self.places))

    def load(self) -> Sites:
        """The settings of the sites, the defaults without a file.

        Raises SettingsError with all that is wrong.
        """
        there = [path for path in self.places if not _is_missing(path)]
        if len(there) > 1:
            both = " and ".join(map(str, there))
            raise SettingsError((f"{both} are both there: allowed is one of them",))
        return _load(there[0]) if there else DEFAULT_SITES


def _state(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None if _is_missing(path) else ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _is_missing(path: Path) -> bool:
    """Whether a file is certainly missing.

    A link to nothing is not, nor is a file in a directory that may not be entered.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _load(path: Path) -> Sites:
    try:
        # Opening a pipe would wait for its writer.
        if not stat.S_ISREG(path.stat().st_mode):
            raise SettingsError((f"{path} cannot be read: it is not an ordinary file",))
        with path.open("rb") as opened:
            content = opened.read(_MAX_BYTES + 1)
            mode = os.fstat(opened.fileno()).st_mode
    except OSError as error:
        raise SettingsError((f"{path} cannot be read: {error.strerror}",)) from None
    if len(content) > _MAX_BYTES:
        raise SettingsError((f"{path} is larger than {_MAX_BYTES // 1024} KiB",))
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SettingsError((f"{path.name} line {line}: this is not UTF-8 text",)) from None
    sites = sites_document.parse(text, path)
    if mode & stat.S_IROTH and any(site.has_secrets for site in sites.named.values()):
        warning = f"{path} contains secrets and everyone may read it: chmod 600 it"
        return replace(sites, warnings=(*sites.warnings, warning))
    return sites
