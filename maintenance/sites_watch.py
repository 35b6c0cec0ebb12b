"""Reads `sites.toml` at the start, and again whenever it has changed.

A change counts once the file has stayed the same from one look to the next, so that a file that is
being written or replaced is not read half finished. A file that cannot be used changes nothing.
"""

import logging

from worker.settings import SettingsError, Sites, SitesFile
from worker.settings.sites_file import NAME

log = logging.getLogger(__name__)


class SitesWatch:
    """The settings of the sites in use, and the watch on their file."""

    def __init__(self, file: SitesFile) -> None:
        """Read the file for the first time. Raises SettingsError."""
        self._file = file
        self._read = self._last = file.state()
        self.sites = file.load()
        self.trouble: str | None = None
        """What is wrong with the file as it is now, if it cannot be used."""

    def check(self) -> Sites | None:
        """The new settings if the file has changed and can be used, or else None."""
        state = self._file.state()
        is_settled, self._last = state == self._last, state
        if state == self._read or not is_settled:
            return None
        try:
            sites = self._file.load()
        except SettingsError as error:
            if self._file.state() == state:
                self._refuse(error)
                self._read = state
            return None
        if self._file.state() != state:
            return None
        self._read, self.trouble = state, None
        for sentence in sites.warnings:
            log.warning("%s", sentence)
        if sites == self.sites:
            return None
        self.sites = sites = sites.after(self.sites)
        named = ", ".join(sorted(sites.named)) or "no site"
        log.info("%s has changed and is used from now on; it names %s.", NAME, named)
        return sites

    def _refuse(self, error: SettingsError) -> None:
        for problem in error.problems:
            log.error("%s", problem)
        more = len(error.problems) - 1
        others = f" (and {more} more)" if more else ""
        first = error.problems[0].removeprefix(f"{NAME} ")
        self.trouble = f"{first}{others}; the settings from before are still in use"
