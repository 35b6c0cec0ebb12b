"""What a media file contains, as far as it matters to a player.

Pure: `read` interprets ffprobe's output. `mp4.tracks` finds the same in ordinary MP4 files
without ffprobe.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

LARGEST_SIDE = 1 << 16
"""The most pixels that a width or height is believed to have."""

_HIGHEST_RATE = 60.0  # pictures per second; a higher number is a time base and not a rate
_USUAL_RATE = 30.0
# No link leads to more than ten days, and not even a still picture with silence needs less.
_LONGEST_S = 10 * 24 * 3600.0
_LEAST_BYTES_PER_S = 8
# A stream that begins later than that is not just interleaved a little late.
_LATEST_S = 1.0

_HDR_CURVES = frozenset({"smpte2084", "arib-std-b67"})

# The marks of a stream that is not the film's own sound, or a lesser one.
_ASIDE = ("comment", "dub", "hearing_impaired", "visual_impaired", "descriptions", "karaoke")


@dataclass(frozen=True)
class Video:
    """A video stream. Width and height in pixels as shown: upright and with square pixels.

    `hdr` is ffmpeg's name for the curve of pictures with a high dynamic range (ITU-R BT.2100).
    """

    codec: str
    pixel_format: str
    width: int
    height: int
    pictures_per_s: float = _USUAL_RATE
    hdr: str | None = None

    @property
    def pixels_per_s(self) -> float:
        """The pixels that are decoded or encoded for each second of the video."""
        return self.width * self.height * self.pictures_per_s


@dataclass(frozen=True)
class Contents:
    """A file's container (ffprobe's names for it), its streams and its duration in seconds.

    `audio` is the codec of the main audio stream, and `audio_number` the number of that stream
    among the audio streams, from 0. A cover is a picture that is shown while a song plays. A video
    is hidden if its stream is announced but nothing of it was found. `video_late_s` is for how long
    there is nothing but sound at the beginning, and `begins_s` when that is by the file's own
    clock. `tags` are the song's, by their names in lower case. `audio_bps` is the sound's rate in
    bits per second, where that is known.
    """

    containers: frozenset[str]
    video: Video | None = None
    audio: str | None = None
    duration_s: float | None = None
    has_cover: bool = False
    audio_number: int = 0
    has_hidden_video: bool = False
    video_late_s: float = field(default=0.0, compare=False)
    begins_s: float = field(default=0.0, compare=False)
    tags: Mapping[str, str] = field(default_factory=dict, compare=False)
    audio_bps: float | None = None


def read(probed: Mapping[str, Any]) -> Contents:
    """Interpret ffprobe's JSON; a value that is not plausible counts as absent."""
    about = probed.get("format") or {}
    video, cover, hidden, late_s = None, False, False, 0.0
    audio: list[Mapping[str, Any]] = []
    for stream in _streams(probed):
        kind, codec = stream.get("codec_type"), str(stream.get("codec_name"))
        if kind == "audio":
            audio.append(stream)
        elif kind == "video" and (stream.get("disposition") or {}).get("attached_pic"):
            cover = True
        elif kind == "video":
            late_s = late_s if video else _after(about, stream)
            video = video or _video(stream, codec)
            hidden = video is None
    number = _main_audio(audio)
    return Contents(
        containers=frozenset(str(about.get("format_name")).split(",")),
        video=video,
        audio=str(audio[number].get("codec_name")) if audio else None,
        duration_s=positive(about.get("duration")),
        has_cover=cover,
        audio_number=number,
        has_hidden_video=hidden,
        video_late_s=late_s,
        begins_s=positive(about.get("start_time")) or 0.0,
        # Ogg keeps the tags of a song in its stream.
        tags=(_tags(audio[number]) if audio else {}) | _tags(about),
        audio_bps=positive(audio[number].get("bit_rate")) if audio else None,
    )


def _after(about: Mapping[str, Any], stream: Mapping[str, Any]) -> float:
    """How much later than its file a stream begins, in seconds; 0 if that is not known."""
    with contextlib.suppress(TypeError, ValueError, KeyError):
        late_s = float(stream["start_time"]) - float(about["start_time"])
        return late_s if 0 <= late_s <= _LATEST_S else 0.0
    return 0.0


def side(value: object) -> int | None:
    """A width or height in pixels; None for an impossible value."""
    return value if isinstance(value, int) and 0 < value < LARGEST_SIDE else None


def positive(value: object) -> float | None:
    """A finite number above 0; None for anything else."""
    return number(value) or None


def number(value: object) -> float | None:
    """A finite number that is not below 0; None for anything else."""
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return found if 0 <= found < float("inf") else None


def believable_length(length_s: float | None, size_bytes: int) -> float | None:
    """The length in seconds that a file of this size may have; None for an impossible one."""
    longest_s = min(_LONGEST_S, size_bytes / _LEAST_BYTES_PER_S)
    return length_s if length_s and 0 < length_s <= longest_s else None


def believable_rate(pictures_per_s: float) -> float:
    """The rate itself, or the usual rate in place of an implausible one."""
    return pictures_per_s if 0 < pictures_per_s <= _HIGHEST_RATE else _USUAL_RATE


def _streams(probed: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    return (stream for stream in probed.get("streams") or [] if isinstance(stream, dict))


def _tags(described: Mapping[str, Any]) -> dict[str, str]:
    found = described.get("tags") or {}
    return {str(name).lower(): str(value) for name, value in found.items()}


def _main_audio(streams: Sequence[Mapping[str, Any]]) -> int:
    """The number of the audio stream to be heard: the original one, or else the default."""

    def rank(number: int) -> tuple[bool, bool, bool]:
        marks = streams[number].get("disposition") or {}
        return any(map(marks.get, _ASIDE)), not marks.get("original"), not marks.get("default")

    return min(range(len(streams)), key=rank, default=0)


def _video(stream: Mapping[str, Any], codec: str) -> Video | None:
    width, height = side(stream.get("width")), side(stream.get("height"))
    if width is None or height is None:
        return None
    shape = _ratio(stream.get("sample_aspect_ratio"), ":") or Fraction(1)
    width = side(max(1, round(width * shape))) or width
    if _is_sideways(stream):
        width, height = height, width
    rate = believable_rate(float(_ratio(stream.get("avg_frame_rate"), "/") or 0))
    curve = str(stream.get("color_transfer"))
    hdr = curve if curve in _HDR_CURVES else None
    return Video(codec, str(stream.get("pix_fmt")), width, height, rate, hdr)


def _is_sideways(stream: Mapping[str, Any]) -> bool:
    """Whether a player rotates the pictures by 90 degrees."""
    turn = (stream.get("tags") or {}).get("rotate")
    for data in stream.get("side_data_list") or []:
        turn = data.get("rotation", turn)
    with contextlib.suppress(TypeError, ValueError):
        return round(float(turn or 0)) % 180 == 90
    return False


def _ratio(value: object, sign: str) -> Fraction | None:
    """Parse `16:9` or `30000/1001`; None unless it is above 0."""
    with contextlib.suppress(ValueError, ZeroDivisionError):
        above, _, below = str(value).partition(sign)
        ratio = Fraction(int(above), int(below))
        return ratio if ratio > 0 else None
    return None
