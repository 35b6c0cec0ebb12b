"""Decide how a file is converted to play everywhere, or that it cannot be afforded.

Pure: `finishing` carries the decision out. What plays everywhere on Telegram is 8-bit H.264 and
AAC in an MP4 with its index first, and for audio AAC in an MP4, or MP3 (Bot API, sendVideo and
sendAudio).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from worker.downloads.limits import DownloadLimits
from worker.downloads.media.contents import Contents, Video
from worker.form import What

AUDIO_BPS = 128_000
LONGEST_ANIMATION_S = 30.0
LEAST_CLIP_RATE = 10.0
"""How many pictures a second of a clip has at least. The last one may last that much too long."""

_PIXEL_FORMATS = frozenset({"yuv420p", "yuvj420p"})

# Pixels per second, half of what was measured on one core for x264 with two threads and each
# preset, and for decoding HEVC and VP9: the machine has other things to do.
_DECODING_PX = 150e6
_FULL_HD_PX = 1920 * 1080
# The same for turning a high dynamic range into an ordinary one.
_TONE_MAPPING_PX = 28e6
_UNKNOWN_BPS = 1_500_000
_AUDIO_SPEED = 25.0  # seconds of audio encoded in a second
# MP3 and Opus, half of what was measured (140 s of sound in a second of one core), as above.
_OTHER_AUDIO_SPEED = 70.0
VOICE_BPS = 48_000
_MP3_BPS = {What.MP3: 192_000, What.MP3_BEST: 320_000}
# How far a bit rate may exceed the wanted one: for the container, and because it is an average.
_RATE_SLACK = 1.05

# The share of a stage's time: a merge may have come before, and the result has to be reported.
_SHARE_OF_TIME = 0.7
_CONTAINER_SHARE = 0.97
# The share of the size limit that video may take: the encoder keeps its bit rate only on average.
_VIDEO_SHARE = 0.85
_LEAST_BPS = 150_000
_MAX_BPS = 8_000_000


@dataclass(frozen=True)
class EncodingStep:
    """A step of quality: x264's preset, the longer side's limit in pixels, pixels per second."""

    preset: str
    longest_side: int
    speed_px: float


# Decoding more than Full HD takes so much memory that the encoder has to use less.
_QUALITIES = (
    EncodingStep("veryfast", 1920, 25e6),
    EncodingStep("ultrafast", 1280, 50e6),
    EncodingStep("ultrafast", 854, 50e6),
)


@dataclass(frozen=True)
class Encoding:
    """How to encode video: size in pixels, x264's preset, maximum bits per second.

    `hdr` is the curve that has to become that of ordinary pictures, see `Video`.
    """

    width: int
    height: int
    preset: str
    max_bps: int
    hdr: str | None = None


@dataclass(frozen=True)
class Conversion:
    """What ffmpeg is to make of a file. Streams that are not encoded are copied."""

    suffix: str
    video: Encoding | None = None
    encodes_audio: bool = False
    audio_number: int = 0
    audio_bps: int = AUDIO_BPS


@dataclass(frozen=True)
class Budget:
    """What a conversion may cost: seconds of time, and bytes of its result."""

    time_s: float
    size_bytes: int


def budget_of(limits: DownloadLimits) -> Budget:
    """What these limits leave for a conversion."""
    size_bytes = int(limits.max_file_bytes * _CONTAINER_SHARE)
    return Budget(limits.timeout_s * _SHARE_OF_TIME, size_bytes)


class Unaffordable(Exception):
    """Raised when a conversion would take longer than the budget allows."""


class TooLarge(Unaffordable):
    """Raised when the result of a conversion would be larger than the budget allows."""


def for_video(contents: Contents, video: Video, size_bytes: int, budget: Budget) -> Conversion:
    """How to convert a video that does not play everywhere. Raises Unaffordable."""
    encodes_audio = contents.audio not in {None, "aac"}
    length_s = contents.duration_s or size_bytes * 8 / _UNKNOWN_BPS
    if is_playable(video):
        if encodes_audio and length_s / _AUDIO_SPEED > budget.time_s:
            raise Unaffordable
        return Conversion(".mp4", None, encodes_audio, contents.audio_number)
    encoding = encoding_of(video, length_s, budget)
    return Conversion(".mp4", encoding, encodes_audio, contents.audio_number)


def for_clip(video: Video, length_s: float, budget: Budget) -> Conversion:
    """How to encode a span of a video so that it can begin with any picture. Raises Unaffordable.

    That is also raised if only fewer pixels could be afforded.
    """
    rate = max(video.pictures_per_s, LEAST_CLIP_RATE)
    encoding = encoding_of(replace(video, pictures_per_s=rate), length_s, budget)
    if encoding.width + 1 < video.width or encoding.height + 1 < video.height:
        raise Unaffordable
    return Conversion(".mp4", encoding, encodes_audio=True)


def encoding_of(video: Video, length_s: float, budget: Budget) -> Encoding:
    """How to encode a video of this length. Raises Unaffordable."""
    available_bps = budget.size_bytes * 8 * _VIDEO_SHARE / length_s - AUDIO_BPS
    if available_bps < _LEAST_BPS:
        raise TooLarge
    for quality in _qualities(video):
        width, height = _fitted(video, quality.longest_side)
        pixels = width * height * video.pictures_per_s
        cost_s = length_s * (video.pixels_per_s / _DECODING_PX + pixels / quality.speed_px)
        cost_s += length_s * pixels / _TONE_MAPPING_PX if video.hdr else 0.0
        if cost_s <= budget.time_s:
            max_bps = int(min(available_bps, _MAX_BPS))
            return Encoding(width, height, quality.preset, max_bps, video.hdr)
    raise Unaffordable


def for_audio(contents: Contents, size_bytes: int, budget: Budget) -> Conversion:
    """How to convert audio that does not play everywhere. Raises Unaffordable."""
    number = contents.audio_number
    if contents.audio == "aac":
        return Conversion(".m4a", audio_number=number)
    if contents.audio == "mp3":
        return Conversion(".mp3", audio_number=number)
    return _encoded_audio(".m4a", AUDIO_BPS, contents, size_bytes, budget)


def for_sound(what: What, contents: Contents, size_bytes: int, budget: Budget) -> Conversion:
    """How to turn a file into sound in the format that somebody has chosen. Raises Unaffordable."""
    codec, number = contents.audio, contents.audio_number
    if what is What.M4A and codec == "aac":
        return Conversion(".m4a", audio_number=number)
    if what is What.VOICE and codec == "opus":
        return Conversion(".ogg", audio_number=number)
    if what in _MP3_BPS and codec == "mp3" and _has_rate(contents, _MP3_BPS[what]):
        return Conversion(".mp3", audio_number=number)
    suffix = {What.M4A: ".m4a", What.VOICE: ".ogg"}.get(what, ".mp3")
    rate = {What.M4A: AUDIO_BPS, What.VOICE: VOICE_BPS, **_MP3_BPS}[what]
    return _encoded_audio(suffix, rate, contents, size_bytes, budget)


def check_audio(length_s: float, budget: Budget) -> None:
    """Raise Unaffordable for audio that is too long to be encoded."""
    _check_audio(length_s, AUDIO_BPS, _AUDIO_SPEED, budget)


def _check_audio(length_s: float, bps: int, speed: float, budget: Budget) -> None:
    if length_s * bps / 8 > budget.size_bytes:
        raise TooLarge
    if length_s / speed > budget.time_s:
        raise Unaffordable


def _has_rate(contents: Contents, bps: int) -> bool:
    """Whether encoding at this bit rate would add nothing."""
    return contents.audio_bps is not None and contents.audio_bps <= bps * _RATE_SLACK


def _encoded_audio(
    suffix: str, bps: int, contents: Contents, size_bytes: int, budget: Budget
) -> Conversion:
    length_s = contents.duration_s or size_bytes * 8 / AUDIO_BPS
    speed = _AUDIO_SPEED if suffix == ".m4a" else _OTHER_AUDIO_SPEED
    _check_audio(length_s, bps, speed, budget)
    return Conversion(suffix, encodes_audio=True, audio_number=contents.audio_number, audio_bps=bps)


def is_playable(video: Video) -> bool:
    """Whether every player can show this video stream."""
    is_plain = video.pixel_format in _PIXEL_FORMATS and video.hdr is None
    return video.codec == "h264" and is_plain


def is_animation(contents: Contents) -> bool:
    """Whether it is like a GIF: a short video without sound."""
    length_s = contents.duration_s or 0.0
    return contents.audio is None and length_s <= LONGEST_ANIMATION_S


def _qualities(video: Video) -> Iterator[EncodingStep]:
    above_full_hd = video.width * video.height > _FULL_HD_PX
    return (
        quality for quality in _QUALITIES if not (above_full_hd and quality.longest_side == 1920)
    )


def _fitted(video: Video, longest_side: int) -> tuple[int, int]:
    """Width and height within the limit, never enlarged, and even, as 4:2:0 requires."""
    scale = min(1.0, longest_side / max(video.width, video.height))
    width, height = (max(2, round(side * scale / 2) * 2) for side in (video.width, video.height))
    return width, height
