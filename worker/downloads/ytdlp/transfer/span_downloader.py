"""A YoutubeDL that fetches only what a span of a video needs, if its site allows that."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from worker.downloads import spans
from worker.downloads.media import ffmpeg
from worker.downloads.spans import Span
from worker.downloads.ytdlp.formats import streams
from worker.downloads.ytdlp.transfer import file_part
from worker.downloads.ytdlp.transfer.downloader import PatientYoutubeDL

_DASH = "http_dash_segments"
# The option with which yt-dlp's merger has ffmpeg read a video's second file.
_SECOND_INPUT = "merger+ffmpeg_i2"


class SpanYoutubeDL(PatientYoutubeDL):
    """A YoutubeDL for one link that notes at which time of the video each file begins."""

    on_whole: Callable[[], None] = staticmethod(lambda: None)
    """Called when a file has to be fetched whole although only a part of it is wanted."""

    def dl(self, name: str, info: Any, subtitle: bool = False, test: bool = False) -> Any:
        """Download one stream into the file `name`, or two at once if they are in fragments."""
        span = spans.of(info)
        if span is None:
            self._align((0.0,))
            return super().dl(name, info, subtitle, test)
        for stream in info.get("requested_formats") or [info]:
            spans.note_start(info, stream, keep_fragments(stream, span))
        done = self._dl_part(name, info, span) or super().dl(name, info, subtitle, test)
        self._align(spans.starts(info))
        return done

    def _dl_part(self, name: str, info: Any, span: Span) -> Any:
        """Download what the span needs of a plain file; None if that cannot be determined."""
        if not streams.is_file_with_index(info):
            return None
        part = file_part.plan(self, info, span)
        if part is None:
            self.on_whole()
            return None
        spans.note_start(info, info, part.starts_s)
        done = super().dl(name, file_part.as_range(info, part))
        if done[0]:
            file_part.complete(Path(name), part)
        return done

    def _align(self, starts: Sequence[float]) -> None:
        """Have a sound that begins at another time merged with its video at the right place."""
        arguments: Any = self.params["postprocessor_args"]
        shift = ("-itsoffset", f"{starts[-1] - starts[0]:.6f}")
        arguments[_SECOND_INPUT] = [*ffmpeg.INPUT_LIMITS, *shift]


def keep_fragments(stream: dict[str, Any], span: Span) -> float:
    """Leave a stream only the fragments that a span needs; returns when the first one begins.

    That is 0 for a stream without fragments, or whose fragments have no durations.
    """
    fragments = stream.get("fragments")
    if stream.get("protocol") != _DASH or stream.get("is_dash_periods"):
        return 0.0
    if not isinstance(fragments, list):
        return 0.0
    count = sum(1 for fragment in fragments[:1] if not fragment.get("duration"))
    if not fragments[count:] or not all(each.get("duration") for each in fragments[count:]):
        return 0.0
    ends = list(itertools.accumulate(each["duration"] for each in fragments[count:]))
    kept = [
        (starts_s, fragment)
        for starts_s, ends_s, fragment in zip([0.0, *ends], ends, fragments[count:], strict=False)
        if span.touches(starts_s, ends_s)
    ]
    if not kept:
        raise spans.beyond_the_end()
    stream["fragments"] = [*fragments[:count], *(fragment for _, fragment in kept)]
    starts_s: float = kept[0][0]
    return starts_s
