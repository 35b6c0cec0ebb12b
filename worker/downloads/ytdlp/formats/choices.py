"""A file that can be downloaded, and how large it may be. All pure."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from worker.downloads.media.contents import positive, side
from worker.downloads.media.conversion import AUDIO_BPS
from worker.downloads.ytdlp.formats import streams
from worker.downloads.ytdlp.formats.streams import Format

# Hardly any video takes less: a talk over slides, at 25 pictures a second.
_LEAST_BITS_PER_PIXEL = 0.01
_PICTURES_PER_S = 25
_USUAL_SHAPE = 16 / 9
# The bit rate of the same quality grows with this power of the number of pixels.
_GROWTH = 0.75


# More than any file has. Some sites give rates by which it would no longer be a number.
_MOST_BYTES = 1 << 60


@dataclass(frozen=True, eq=False)
class Choice:
    """A file that can be downloaded: one format, or a video and an audio format to be merged."""

    streams: tuple[Format, ...]
    duration_s: float | None

    @property
    def name(self) -> str:
        """The names of its formats, joined by `+` as yt-dlp does."""
        return "+".join(str(stream.get("format_id")) for stream in self.streams)

    @property
    def id(self) -> object:
        """The name of its video format, or of its only format."""
        return self.streams[0].get("format_id")

    @property
    def has_video(self) -> bool:
        return streams.has(self.streams[0], "vcodec")

    @property
    def is_inferior(self) -> bool:
        """Whether it is sent only if nothing else is left."""
        return any(map(streams.is_inferior, self.streams))

    @property
    def height(self) -> int | None:
        """The height in pixels, if the site gives it."""
        return side(self.streams[0].get("height"))

    @property
    def pixels(self) -> float | None:
        """Width times height, if the site gives the height."""
        width = side(self.streams[0].get("width"))
        return self.height * (width or self.height * _USUAL_SHAPE) if self.height else None

    @property
    def rate(self) -> float | None:
        """The bit rate of its first stream in kbit/s, if the site gives it."""
        return positive(self.streams[0].get("tbr"))

    @property
    def is_exact(self) -> bool:
        """Whether the site gives the size of each stream, and not just a rate."""
        return all(positive(stream.get("filesize")) for stream in self.streams)

    @property
    def is_rated(self) -> bool:
        """Whether the site gives a size or a rate for its first stream."""
        return _told_bytes(self.streams[0], self.duration_s) is not None

    @cached_property
    def least_bytes(self) -> int:
        """A size below which it hardly falls: what the site gives, and the least for the rest."""
        return sum(self._least_bytes(stream) for stream in self.streams)

    @property
    def sound_bytes(self) -> int:
        """The least size of a sound track beside its video."""
        return sum(self._least_bytes(stream) for stream in self.streams[1:])

    def for_ytdlp(self) -> Format:
        """The format as yt-dlp expects it from a format function (`YoutubeDL`, option `format`)."""
        if len(self.streams) == 1:
            return self.streams[0]
        return {
            "format_id": self.name,
            "ext": "mp4",
            "requested_formats": list(self.streams),
            "protocol": "+".join(str(stream.get("protocol")) for stream in self.streams),
        }

    def _least_bytes(self, stream: Format) -> int:
        told = _told_bytes(stream, self.duration_s)
        if told is not None:
            return told
        rate = AUDIO_BPS
        if streams.has(stream, "vcodec"):
            rate = int((self.pixels or 0) * _PICTURES_PER_S * _LEAST_BITS_PER_PIXEL)
        return _whole_bytes(rate / 8 * (self.duration_s or 0))


class Sizes:
    """Estimates sizes of choices, by what the site says and by what tries have shown.

    >>> sizes = Sizes()
    >>> large, small = (Choice(({"format_id": n, "height": n},), 60) for n in (1080, 270))
    >>> sizes.show(large, 80_000_000)
    >>> sizes.of(small)
    10000000
    """

    def __init__(self) -> None:
        self._shown: list[tuple[Choice, int]] = []
        self._peers: list[tuple[Choice, int]] = []

    def compare(self, choices: Iterable[Choice]) -> None:
        """Keep these choices, to estimate the sizes of those for which the site gives no rate."""
        rated = [c for c in choices if c.has_video and c.is_rated and c.pixels]
        self._peers = [(choice, choice.least_bytes) for choice in rated]

    def show(self, choice: Choice, size_bytes: int) -> None:
        """Learn the size in bytes that a choice has proved to have, or to exceed."""
        self._shown.append((choice, size_bytes))

    def of(self, choice: Choice) -> int:
        """The expected size in bytes; 0 if nothing is known."""
        for shown, size_bytes in reversed(self._shown):
            if shown.id == choice.id:
                return size_bytes
        if choice.is_exact:
            return choice.least_bytes
        if choice.is_rated:
            return int(choice.least_bytes * self._excess())
        return max(choice.least_bytes, self._by_likeness(choice))

    def may_be_smaller(self, choice: Choice) -> bool:
        """Whether it may be smaller than all that were tried: it has fewer or unknown pixels."""
        return not any(
            shown.pixels and choice.pixels and choice.pixels >= shown.pixels
            for shown, _ in self._shown
        )

    def _excess(self) -> float:
        """The factor by which rates have proved too low."""
        rated = ((c, size) for c, size in self._shown if c.is_rated and c.least_bytes)
        return max((size / choice.least_bytes for choice, size in rated), default=1.0)

    def _by_likeness(self, choice: Choice) -> int:
        """The size estimated from others: from those that were tried, or from the nearest."""
        for shown, size_bytes in reversed(self._shown):
            if shown.rate and choice.rate:
                return _whole_bytes(size_bytes * choice.rate / shown.rate) + choice.sound_bytes
            if shown.pixels and choice.pixels:
                return _grown(size_bytes, choice.pixels / shown.pixels) + choice.sound_bytes
        if not (choice.pixels and self._peers):
            return 0
        ratios = [
            (choice.pixels / peer.pixels, size_bytes)
            for peer, size_bytes in self._peers
            if peer.pixels
        ]
        ratio, size_bytes = min(ratios, key=lambda each: (abs(math.log(each[0])), each[1]))
        return _grown(size_bytes, ratio) + choice.sound_bytes


def _grown(size_bytes: int, ratio: float) -> int:
    """The likely size of the same video with `ratio` times as many pixels."""
    return int(size_bytes * ratio**_GROWTH)


def _told_bytes(stream: Format, duration_s: float | None) -> int | None:
    """The size that a site gives, directly or by a rate and the duration."""
    known = positive(stream.get("filesize")) or positive(stream.get("filesize_approx"))
    rate = positive(stream.get("tbr"))
    if known is None and rate and duration_s:
        known = rate * 1000 / 8 * duration_s
    return _whole_bytes(known) if known else None


def _whole_bytes(number: float) -> int:
    return int(min(number, _MOST_BYTES))
