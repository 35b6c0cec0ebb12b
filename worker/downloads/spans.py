"""The span of a video that somebody asks for or a link names: a clip of something longer."""

import math
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from worker.downloads.media.contents import positive
from worker.errors import Fault, JobError, Reason
from worker.form import Form

_KEY = "fetchbot_span"
# The key for when in the video the file of each format begins. Copies share the value.
_STARTS = "fetchbot_starts"
# The key for the times of the video that are left in its file.
_KEPT = "fetchbot_kept"
_BESIDE_S = 0.1

Times = tuple[float, float]
"""A beginning and an end, in seconds."""


@dataclass(frozen=True)
class Span:
    """Some seconds of a video; without `end_s`, all from `start_s` on."""

    start_s: float
    end_s: float | None = None

    def length_s(self, whole_s: float | None) -> float | None:
        """How long it is in a video of `whole_s`.

        None if that is not known, 0 if it begins after the end.
        """
        ends = [end for end in (self.end_s, whole_s) if end is not None]
        return max(0.0, min(ends) - self.start_s) if ends else None

    def touches(self, starts_s: float, ends_s: float) -> bool:
        """Whether a piece of the video between two times belongs to it.

        A piece just beside it does as well, since the tracks of a piece begin a little apart.
        """
        is_before = self.end_s is not None and starts_s >= self.end_s + _BESIDE_S
        return ends_s > self.start_s - _BESIDE_S and not is_before

    def seen_from(self, starts_s: float) -> "Span":
        """The same span as counted from this time of the video."""
        end_s = None if self.end_s is None else max(0.0, self.end_s - starts_s)
        return Span(max(0.0, self.start_s - starts_s), end_s)

    def share(self, whole_s: float | None) -> float:
        """Which part of a video of `whole_s` it is, as a number up to 1."""
        length_s = self.length_s(whole_s)
        return min(1.0, length_s / whole_s) if length_s and whole_s else 1.0


def asked(form: Form) -> Span | None:
    """The span that somebody has asked for; None if the page decides."""
    return Span(form.clip.start_s, form.clip.end_s) if form.clip else None


def take(info: MutableMapping[str, Any], wanted: Span | None = None) -> None:
    """Move the span in yt-dlp's fields, or the `wanted` one, to where only `of` finds it.

    yt-dlp would have ffmpeg fetch it, whose connections nobody guards, and would take the span's
    length for that of the whole.
    """
    start_s = positive(info.pop("section_start", None)) or 0.0
    end_s = positive(info.pop("section_end", None))
    if wanted is None and (start_s or end_s) and (end_s is None or end_s > start_s):
        wanted = Span(start_s, end_s)
    if wanted is not None:
        info.update({_KEY: wanted, _STARTS: {}})


def of(info: Mapping[str, Any]) -> Span | None:
    """The span that is wanted of a video; None for all of it."""
    span = info.get(_KEY)
    return span if isinstance(span, Span) else None


def beyond_the_end() -> JobError:
    """The failure of a span that lies outside its video."""
    return JobError(Reason.BEYOND_END, Fault.PERMANENT, "the clip is beyond the end of the video")


def note_start(info: Mapping[str, Any], stream: Mapping[str, Any], starts_s: float) -> None:
    """Note when in a video the file of one of its formats begins."""
    info[_STARTS][stream.get("format_id")] = starts_s


def with_kept(info: Mapping[str, Any], kept: Iterable[Times]) -> dict[str, Any]:
    """What is known of a file, and that only these times of its video are in it."""
    return {**info, _KEPT: tuple(kept)}


def kept(info: Mapping[str, Any]) -> tuple[Times, ...]:
    """The times of a video that are in its file, in their order."""
    found: tuple[Times, ...] = info.get(_KEPT, ((0.0, math.inf),))
    return found


def starts(info: Mapping[str, Any]) -> tuple[float, ...]:
    """When the files of a video begin, in the order in which they were fetched."""
    return tuple(info.get(_STARTS, {}).values())
