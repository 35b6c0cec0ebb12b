"""What is known about a video besides its file."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from worker.downloads import spans
from worker.downloads.media import chapters
from worker.downloads.media.contents import positive
from worker.downloads.media.preparing import Downloaded
from worker.downloads.ytdlp import sponsorblock, subtitles
from worker.downloads.ytdlp.network.page_limits import LimitedYoutubeDL
from worker.form import Form
from worker.protocol.choices import Chapter, Subtitles


def description(info: Mapping[str, Any]) -> str:
    """What the site says of the media, unless that is no more than its title."""
    said = info.get("description")
    return said if isinstance(said, str) and said.strip() != info.get("title") else ""


def chapters_of(files: Sequence[Downloaded]) -> tuple[Chapter, ...]:
    """The chapters that a site gives for its one video, if that is wanted whole."""
    if len(files) > 1 or spans.of(files[0].info):
        return ()
    return chapters.of(files[0].info, positive(files[0].info.get("duration")))


def subtitles_of(files: Sequence[Downloaded]) -> tuple[Subtitles, ...]:
    """The subtitles that a site has for its one video."""
    return subtitles.listed(files[0].info) if len(files) == 1 else ()


def with_segments(ydl: LimitedYoutubeDL, file: Downloaded, form: Form) -> Downloaded:
    """A file with what SponsorBlock knows about it, if that is wanted."""
    if not form.sponsors or form.as_file or spans.of(file.info):
        return file
    return replace(file, info=sponsorblock.ask(ydl, file.info, form.sponsors))
