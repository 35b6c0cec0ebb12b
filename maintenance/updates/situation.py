"""Which yt-dlp is in use, who has installed it, and which one a rollback would use again."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worker.downloads.ytdlp.packages import copies
from worker.downloads.ytdlp.packages.copies import Installed, Unusable, YtDlpChoice
from worker.downloads.ytdlp.packages.installed import is_newer, read_version

STATE = "update"
"""The name under which the ledger keeps when the next daily update is due (`due_at`), why the last
one was refused (`refused`), and which yt-dlp was in use then (`refused_for`)."""


@dataclass(frozen=True)
class Situation:
    """Which yt-dlp is in use, and what an update chose last.

    `is_copy`: an update has installed the one in use, not pip. `is_over`: Python or the
    environment's yt-dlp has changed since that choice, so the choice does not count. `trouble`: why
    the choice cannot be believed, if it cannot.
    """

    version: str | None
    choice: YtDlpChoice | None = None
    is_copy: bool = False
    is_over: bool = False
    trouble: str | None = None

    @property
    def source(self) -> str:
        """Who has installed the yt-dlp in use."""
        return "an update" if self.is_copy else "pip"

    @property
    def installed(self) -> Installed | None:
        """The yt-dlp in use, as the next update records it for a rollback."""
        if self.is_copy and self.choice:
            return self.choice.chosen
        return Installed(self.version) if self.version else None

    @property
    def before(self) -> Installed | None:
        """The yt-dlp that a rollback would use again."""
        return self.choice.before if self.choice and not self.is_over else None


def read_situation(data_dir: Path) -> Situation:
    """Find out which yt-dlp the bot in `data_dir` uses, and why."""
    file = copies.directory_of(data_dir) / copies.CHOICE
    try:
        choice = copies.read(file)
        place = copies.place_of(file, choice)
    except Unusable as error:
        return Situation(_own_version(), trouble=str(error))
    if place:
        return Situation(version_in(place), choice, is_copy=True)
    is_over = choice is not None and not copies.is_for_this(choice)
    return Situation(_own_version(), choice, is_over=is_over)


def refusal(state: Mapping[str, Any], version: str | None) -> str | None:
    """Why the last daily update was refused; None once a newer yt-dlp is in use.

    `state` is what the ledger keeps under STATE, `version` what is in use now.
    """
    refused: str | None = state.get("refused")
    is_over = version is not None and is_newer(version, state.get("refused_for"))
    return None if is_over else refused


def version_in(place: Path) -> str | None:
    """The version of the yt-dlp that was installed in a directory; None if there is none."""
    try:
        return read_version(place / "yt_dlp" / "version.py")
    except OSError:
        return None


def _own_version() -> str | None:
    file = copies.own_version_file()
    return version_in(file.parents[1]) if file else None
