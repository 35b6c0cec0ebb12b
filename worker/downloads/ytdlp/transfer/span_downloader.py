"""A YoutubeDL that fetches only what a span of a video needs, if its site allows that."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from worker.downloads import spans
from worker.downloads.media import clocks, ffmpeg
from worker.downloads.spans import Span
from worker.downloads.ytdlp.formats import streams
from worker.downloads.ytdlp.transfer import file_part
from worker.downloads.ytdlp.transfer.variants import VariantYoutubeDL

_DASH = "http_dash_segments"
# The option with which yt-dlp's merger has ffmpeg read a video's second file.
_SECOND_INPUT = "merger+ffmpeg_i2"
# By how much the clocks of two tracks may differ from their playlists: less is what programs add
# for pictures that are decoded in another order, and with more they do not count from one time.
_SAME_S, _UNRELATED_S = 0.15, 10.0


class SpanYoutubeDL(VariantYoutubeDL):
    """A YoutubeDL for one link that notes at which time of the video each file begins."""

    on_whole: Callable[[], None] = staticmethod(lambda: None)
    """Called when a file has to be fetched whole although only a part of it is wanted."""

    _earlier_clock_s: float | None = None  # when the file that came last begins

    def dl(self, name: str, info: Any, subtitle: bool = False, test: bool = False) -> Any:
        """Download one stream into the file `name`, or two at once if they are in fragments."""
        span = spans.of(info)
        if span is None:
            done = super().dl(name, info, subtitle, test)
            if not (subtitle or test):
                self._align((0.0,), self._clock_of(Path(name), info))
            return done
        for stream in info.get("requested_formats") or [info]:
            spans.note_start(info, stream, keep_fragments(stream, span))
        done = self._dl_part(name, info, span) or super().dl(name, info, subtitle, test)
        self._align(spans.starts(info), self._clock_of(Path(name), info))
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

    def _clock_of(self, path: Path, info: Mapping[str, Any]) -> float | None:
        """When the file of one of two streams of HLS begins by their clock; None if unknown."""
        is_half = streams.has(info, "vcodec") is not streams.has(info, "acodec")
        is_hls = str(info.get("protocol")).startswith("m3u8")
        return clocks.start_s(path) if is_hls and is_half and path.exists() else None

    def _align(self, starts: Sequence[float], clock_s: float | None) -> None:
        """Have a sound that begins at another time merged with its video at the right place.

        The clocks of this file and of the one before it say so more exactly than their playlists.
        """
        arguments: Any = self.params["postprocessor_args"]
        late_s = starts[-1] - starts[0]
        if clock_s is not None and self._earlier_clock_s is not None:
            by_clock_s = clock_s - self._earlier_clock_s
            if _SAME_S < abs(by_clock_s - late_s) < _UNRELATED_S:
                late_s = by_clock_s
        self._earlier_clock_s = clock_s
        shift = ("-itsoffset", f"{late_s:.6f}")
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
