"""A YoutubeDL that notes which variant of a video its site lists but does not have."""

from pathlib import Path
from typing import Any

from yt_dlp.utils import YoutubeDLError

from worker.downloads.ytdlp.transfer.downloader import PatientYoutubeDL
from worker.errors import JobError


class VariantYoutubeDL(PatientYoutubeDL):
    """A YoutubeDL for one link that says of which format nothing came."""

    missing: object = None
    """The id of the format whose download has failed before anything of it came; None without."""

    first_failure: Exception | None = None
    """Why the first of those formats could not be had, which is said if no other can."""

    def dl(self, name: str, info: Any, subtitle: bool = False, test: bool = False) -> Any:
        """Download one stream into the file `name`."""
        self.missing = None
        try:
            return super().dl(name, info, subtitle, test)
        except (YoutubeDLError, JobError, OSError):
            if not (subtitle or test or _has_come(Path(name))):
                self.missing = info.get("format_id")
            raise


def _has_come(path: Path) -> bool:
    """Whether there is anything of a file: itself, or what yt-dlp has begun with."""
    begun = path.parent.glob(f"{path.name}*")
    return any(each.stat().st_size for each in begun if each.suffix != ".ytdl")
