"""How a file becomes one that plays everywhere, or why it stays as it is.

Pure: what is known of a file goes in, a decision comes out; `finishing` carries it out. What
plays everywhere on Telegram is H.264 with 8 bits and AAC in an MP4 whose index stands in front,
and for sound alone AAC in an MP4, or an MP3 (Bot API, sendVideo and sendAudio).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from worker.downloads.limits import DownloadLimits
from worker.downloads.media.contents import Contents, Video

AUDIO_BPS = 128_000
LONGEST_ANIMATION_S = 30.0

_PIXEL_FORMATS = frozenset({"yuv420p", "yuvj420p"})

# Measured on one core with x264 at two threads: an encoder of each preset, and the decoders of
# HEVC and VP9, in pixels a second. Half of that, because the machine has other things to do.
_DECODING_PX = 150e6
_FULL_HD_PX = 1920 * 1080
_UNKNOWN_BPS = 1_500_000
_AUDIO_SPEED = 25.0  # seconds of sound in a second

# Of the time that a stage may take: a merge may have gone before, and the way back comes after.
_SHARE_OF_TIME = 0.7
_CONTAINER_SHARE = 0.97
# The part of a file's limit that pictures may take: the encoder keeps its rate on average only.
_VIDEO_SHARE = 0.85
_LEAST_BPS = 150_000
_MOST_BPS = 8_000_000


@dataclass(frozen=True)
class Rung:
    """One way to encode: x264's preset, the longer side's limit in pixels, pixels a second."""

    preset: str
    longest_side: int
    speed_px: float


# More pictures than Full HD need so much memory to be decoded that the encoder must take less.
_RUNGS = (
    Rung("veryfast", 1920, 25e6),
    Rung("ultrafast", 1280, 50e6),
    Rung("ultrafast", 854, 50e6),
)


@dataclass(frozen=True)
class Encoding:
    """How to encode pictures: size in pixels, x264's preset, the highest rate in bits a second."""

    width: int
    height: int
    preset: str
    most_bps: int


@dataclass(frozen=True)
class Conversion:
    """What ffmpeg is to make of a file; a stream without encoding is copied as it is."""

    suffix: str
    video: Encoding | None = None
    encodes_audio: bool = False


@dataclass(frozen=True)
class Budget:
    """What a file may cost: seconds until it must be ready, bytes that it may have."""

    time_s: float
    size_bytes: int


def budget_of(rules: DownloadLimits) -> Budget:
    """What these rules leave for a conversion."""
    size_bytes = int(rules.max_file_bytes * _CONTAINER_SHARE)
    return Budget(rules.timeout_s * _SHARE_OF_TIME, size_bytes)


class Unaffordable(Exception):
    """It could be made to play everywhere, but not within the budget."""


def for_video(contents: Contents, video: Video, size_bytes: int, budget: Budget) -> Conversion:
    """The recipe for a video that is not yet fit to be sent. Raises Unaffordable."""
    encodes_audio = contents.audio not in {None, "aac"}
    length_s = contents.duration_s or size_bytes * 8 / _UNKNOWN_BPS
    if is_playable(video):
        if encodes_audio and length_s / _AUDIO_SPEED > budget.time_s:
            raise Unaffordable
        return Conversion(".mp4", encodes_audio=encodes_audio)
    room_bps = budget.size_bytes * 8 * _VIDEO_SHARE / length_s - AUDIO_BPS
    if room_bps < _LEAST_BPS:
        raise Unaffordable
    for rung in _rungs(video):
        width, height = _fitted(video, rung.longest_side)
        pixels = width * height * video.pictures_per_s
        cost_s = length_s * (video.pixels_per_s / _DECODING_PX + pixels / rung.speed_px)
        if cost_s <= budget.time_s:
            encoding = Encoding(width, height, rung.preset, int(min(room_bps, _MOST_BPS)))
            return Conversion(".mp4", encoding, encodes_audio)
    raise Unaffordable


def for_audio(contents: Contents, size_bytes: int, budget: Budget) -> Conversion:
    """The recipe for a sound that is not yet fit to be sent. Raises Unaffordable."""
    if contents.audio == "aac":
        return Conversion(".m4a")
    if contents.audio == "mp3":
        return Conversion(".mp3")
    length_s = contents.duration_s or size_bytes * 8 / AUDIO_BPS
    too_long = length_s / _AUDIO_SPEED > budget.time_s
    if too_long or length_s * AUDIO_BPS / 8 > budget.size_bytes:
        raise Unaffordable
    return Conversion(".m4a", encodes_audio=True)


def is_playable(video: Video) -> bool:
    """Whether every player shows these pictures."""
    return video.codec == "h264" and video.pixel_format in _PIXEL_FORMATS


def is_animation(contents: Contents) -> bool:
    """Whether it moves like a GIF: pictures without sound, and not for long."""
    length_s = contents.duration_s or 0.0
    return contents.audio is None and length_s <= LONGEST_ANIMATION_S


def _rungs(video: Video) -> Iterator[Rung]:
    above_full_hd = video.width * video.height > _FULL_HD_PX
    return (rung for rung in _RUNGS if not (above_full_hd and rung.longest_side == 1920))


def _fitted(video: Video, longest_side: int) -> tuple[int, int]:
    """Both sides within the limit, never enlarged, and even, as H.264 with 4:2:0 wants them."""
    scale = min(1.0, longest_side / max(video.width, video.height))
    width, height = (max(2, round(side * scale / 2) * 2) for side in (video.width, video.height))
    return width, height
