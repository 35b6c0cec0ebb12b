"""The span of a video that a link names, such as a clip of something longer."""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from worker.downloads.media.contents import positive

_KEY = "fetchbot_span"


@dataclass(frozen=True)
class Span:
    """Some seconds of a video; without `end_s`, all from `start_s` on."""

    start_s: float
    end_s: float | None = None

    def length_s(self, whole_s: float | None) -> float | None:
        """How long it is in a video of `whole_s`; None if nobody knows, 0 if it is behind it."""
        ends = [end for end in (self.end_s, whole_s) if end is not None]
        return max(0.0, min(ends) - self.start_s) if ends else None

    def share(self, whole_s: float | None) -> float:
        """Which part of a video of `whole_s` it is, as a number up to 1."""
        length_s = self.length_s(whole_s)
        return min(1.0, length_s / whole_s) if length_s and whole_s else 1.0


def take(info: MutableMapping[str, Any]) -> None:
    """Take the span out of what yt-dlp knows of a video, for `of` to find.

    yt-dlp would have ffmpeg fetch it, whose connections nobody guards, and would take its length
    for that of the whole.
    """
    start_s = positive(info.pop("section_start", None)) or 0.0
    end_s = positive(info.pop("section_end", None))
    if (start_s or end_s) and (end_s is None or end_s > start_s):
        info[_KEY] = Span(start_s, end_s)


def of(info: Mapping[str, Any]) -> Span | None:
    """The span that is wanted of a video; None for all of it."""
    span = info.get(_KEY)
    return span if isinstance(span, Span) else None
