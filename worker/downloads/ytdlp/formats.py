"""Which of a site's formats is fetched: the best that can be sent and plays everywhere.

A `Chooser` takes the place of yt-dlp's format expression, which can add no sizes up and knows
neither how long a conversion takes nor that a choice has proved too large. Pure, but for what it
remembers between two choices.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from worker.downloads.media import conversion
from worker.downloads.media.contents import Contents, Video, positive, side
from worker.downloads.media.conversion import Budget, Unaffordable
from worker.downloads.media.parts import parts_needed
from worker.errors import Fault, JobError, Reason
from worker.form import WHOLE, Form
from worker.protocol import Note

Format = Mapping[str, Any]

# What a container adds to its streams, and how far an estimate may be off.
_HEADROOM = 0.93
# What plays without being converted is preferred to what does not, down to this height.
_GOOD_HEIGHT = 720


@dataclass(frozen=True, eq=False)
class Choice:
    """A file that can be had: one format, or one of pictures and one of sound to be merged."""

    streams: tuple[Format, ...]
    duration_s: float | None

    @property
    def name(self) -> str:
        """What this choice is called among the page's others."""
        return "+".join(str(stream.get("format_id")) for stream in self.streams)

    @property
    def id(self) -> object:
        """What the page calls its pictures, or whatever it has alone."""
        return self.streams[0].get("format_id")

    @property
    def has_video(self) -> bool:
        """Whether there is anything to be seen."""
        return _has(self.streams[0], "vcodec")

    @property
    def height(self) -> int | None:
        """The height in pixels, if the site says it."""
        return side(self.streams[0].get("height"))

    @property
    def size_bytes(self) -> int | None:
        """An estimate of the whole file; None when one of its streams has none."""
        sizes = [_size_bytes(stream, self.duration_s) for stream in self.streams]
        return sum(size for size in sizes if size) if all(sizes) else None

    def for_ytdlp(self) -> Format:
        """The choice as yt-dlp wants it from a format function (README, "format")."""
        if len(self.streams) == 1:
            return self.streams[0]
        return {
            "format_id": self.name,
            "ext": "mp4",
            "requested_formats": list(self.streams),
            "protocol": "+".join(str(stream.get("protocol")) for stream in self.streams),
        }


class Chooser:
    """Chooses for one link, and again without what has proved too large.

    >>> chooser = Chooser(Budget(time_s=60, size_bytes=50_000_000), has_ffmpeg=True)
    >>> formats = [{"format_id": "sd", "height": 480}, {"format_id": "hd", "height": 1080}]
    >>> [chosen["format_id"] for chosen in chooser({"formats": formats})]
    ['hd']
    >>> chooser.exclude()
    >>> chooser.has_choice()
    True
    >>> [chosen["format_id"] for chosen in chooser({"formats": formats})]
    ['sd']
    >>> chooser.note
    <Note.LOWER_QUALITY: 'lower quality'>
    """

    def __init__(
        self,
        budget: Budget,
        has_ffmpeg: bool,
        *,
        most_parts: int = 1,
        form: Form = WHOLE,
    ) -> None:
        """Begin with what the files may cost, and what of the media is wanted."""
        self._budget = budget
        self._has_ffmpeg = has_ffmpeg
        self._most_parts = 1 if form.sound_only else most_parts
        self.form = form
        self._choices: list[Choice] = []
        self._chosen: Choice | None = None
        self._excluded: set[object] = set()
        self._uncut: set[object] = set()
        self._announced: dict[object, int] = {}
        self._ceiling: int | None = None
        self.duration_s: float | None = None
        """The length that the page tells; yt-dlp gives none to a format function."""
        self.note: Note | None = None
        """What is to be said about the choice that was made last,"""
        self.parts = 1
        """and as how many files it may be large, if it is to be cut."""

    def __call__(self, context: Mapping[str, Any]) -> Iterator[Format]:
        """A format function of yt-dlp. Raises JobError when nothing can be sent."""
        # Worst first, by `format_sort`.
        formats = list(reversed(context.get("formats") or ()))
        if self.form.max_height:
            formats = _without_higher(formats, self.form.max_height)
        self._choices = sorted(self._all(formats), key=self._ranking(formats))
        if self.form.sound_only:
            self._choices = list(_for_their_sound(self._choices))
        self._chosen = self._choose()
        yield self._chosen.for_ytdlp()

    def exclude(self, size_bytes: int | None = None) -> None:
        """Choose the last choice no more: it has proved too large, by its size if that is known."""
        chosen = self._chosen
        if chosen is None:
            return
        if self.parts > 1:
            self._uncut.add(chosen.id)
        self._excluded.add(chosen.id)
        if size_bytes is not None:
            self._announced[chosen.id] = size_bytes
        if chosen.size_bytes is None and chosen.height:
            # Of what is said to be as good, and no smaller, nothing else is expected.
            self._ceiling = chosen.height

    def has_choice(self) -> bool:
        """Whether there is anything left to choose, of the formats that it was shown last."""
        return any(map(self._may_fit, self._choices)) or self._best_to_cut() is not None

    def _choose(self) -> Choice:
        if not self._choices:
            reason = Reason.NO_SOUND if self.form.sound_only else Reason.NO_FORMAT
            raise JobError(reason, Fault.PERMANENT, "no format holds what is wanted")
        wanted = self._choices[0]
        chosen = next(filter(self._may_fit, self._choices), None)
        self.note, self.parts = None, 1
        if wanted.has_video and not (chosen and chosen.has_video):
            cuttable = self._best_to_cut()
            if cuttable:
                self.parts = self._most_parts
                return cuttable
        if chosen is None:
            detail = f"{len(self._choices)} choices, none below {self._budget.size_bytes} bytes"
            raise JobError(Reason.TOO_LARGE, Fault.PERMANENT, detail)
        if wanted.has_video and not chosen.has_video:
            self.note = Note.AUDIO_ONLY
        elif chosen is not wanted and (chosen.height or 0) < (wanted.height or 1):
            self.note = Note.LOWER_QUALITY
        return chosen

    def _all(self, formats: Sequence[Format]) -> Iterator[Choice]:
        """All that can be had, by yt-dlp's order: what is to be seen first, then sound alone."""
        sounds = [f for f in formats if _has(f, "acodec") and not _has(f, "vcodec")]
        is_silent = not any(_has(f, "acodec") for f in formats)
        for pictures in (f for f in formats if _has(f, "vcodec")):
            if _has(pictures, "acodec") or is_silent:
                yield Choice((pictures,), self.duration_s)
            elif sounds and self._has_ffmpeg:
                # The best sound that leaves room for the pictures, or else the smallest.
                pairs = [Choice((pictures, sound), self.duration_s) for sound in sounds]
                yield next((pair for pair in pairs if self._may_fit(pair)), pairs[-1])
        for sound in sounds:
            yield Choice((sound,), self.duration_s)

    def _best_to_cut(self) -> Choice | None:
        """The choice that makes the fewest parts, of those that need no encoding."""
        counts = {
            choice: parts_needed(size, self._budget.size_bytes)
            for choice in self._choices
            if choice.has_video
            and _plays(choice.streams[0])
            and choice.id not in self._uncut
            and (size := self._announced.get(choice.id) or choice.size_bytes)
        }
        within = {choice: n for choice, n in counts.items() if n <= self._most_parts}
        return min(within, key=within.__getitem__, default=None)

    def _may_fit(self, choice: Choice) -> bool:
        if choice.id in self._excluded:
            return False
        size = choice.size_bytes
        if size is None:
            return not (self._ceiling and choice.height and choice.height >= self._ceiling)
        return size <= self._budget.size_bytes * _HEADROOM

    def _ranking(self, formats: Iterable[Format]) -> "_Ranking":
        best = max((side(media.get("height")) or 0 for media in formats), default=0)
        return _Ranking(min(_GOOD_HEIGHT, best), self._budget)


class _Ranking:
    """How gladly a choice is made, the lowest first. Within a rank yt-dlp's order stays."""

    def __init__(self, good_height: int, budget: Budget) -> None:
        self._good_height = good_height
        self._budget = budget

    def __call__(self, choice: Choice) -> int:
        if not choice.has_video:
            return 3
        if _plays(choice.streams[0]):
            return 0 if (choice.height or self._good_height) >= self._good_height else 1
        # Pictures that need converting, and those that need none but are small.
        return 1 if self._is_affordable(choice) else 2

    def _is_affordable(self, choice: Choice) -> bool:
        """Whether there will be time to convert it."""
        width, height = side(choice.streams[0].get("width")), choice.height
        if not (width and height and choice.duration_s):
            return True
        rate = positive(choice.streams[0].get("fps")) or 30.0
        video = Video("", "", width, height, rate)
        contents = Contents(frozenset(), video, "aac", choice.duration_s)
        try:
            conversion.for_video(contents, video, 0, self._budget)
        except Unaffordable:
            return False
        return True


def _without_higher(formats: Sequence[Format], max_height: int) -> list[Format]:
    """The formats that are no higher than wanted; where all are higher, the lowest of them."""
    lowest = min((_lines(media) for media in formats if _has(media, "vcodec")), default=0)
    return [media for media in formats if _lines(media) <= max(max_height, lowest)]


def _lines(media: Format) -> int:
    """The height in pixels, of an upright video the width; 0 where the site tells neither."""
    return min(filter(None, (side(media.get("width")), side(media.get("height")))), default=0)


def _for_their_sound(choices: Sequence[Choice]) -> Iterator[Choice]:
    """Sound alone before all; otherwise the least to fetch from which it can be taken."""
    yield from (choice for choice in choices if not choice.has_video)
    heard = [choice for choice in choices if choice.has_video and _has(choice.streams[0], "acodec")]
    yield from reversed(heard)


def _has(media: Format, which: str) -> bool:
    # What the site does not tell is there: a plain file has pictures and sound.
    return media.get(which) != "none"


def _plays(media: Format) -> bool:
    codec = str(media.get("vcodec") or "h264")
    return codec.startswith(("avc", "h264"))


def _size_bytes(media: Format, duration_s: float | None) -> int | None:
    known = positive(media.get("filesize")) or positive(media.get("filesize_approx"))
    rate = positive(media.get("tbr"))
    if known is None and rate and duration_s:
        known = rate * 1000 / 8 * duration_s
    return int(known) if known else None
