"""Choose among a site's formats the best one that can be sent and plays everywhere.

A `Chooser` takes the place of yt-dlp's format expression, which cannot add up sizes and does not
know how long a conversion takes or that a choice has proved too large. All of this is pure, apart
from what a Chooser remembers between choices and has looked at for it.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import replace
from typing import Any

from worker.downloads import spans
from worker.downloads.media.contents import positive
from worker.downloads.media.conversion import Budget
from worker.downloads.media.parts import parts_needed
from worker.downloads.spans import Span
from worker.downloads.ytdlp.formats import streams
from worker.downloads.ytdlp.formats.choices import Choice, Sizes
from worker.downloads.ytdlp.formats.ranking import Ranking
from worker.downloads.ytdlp.formats.streams import Format
from worker.errors import Fault, JobError, Reason, Remedy
from worker.form import WHOLE, Form, is_height
from worker.protocol import Note
from worker.protocol.choices import Language, Quality

# Room for what a container adds to its streams, and for errors of estimates.
_HEADROOM = 0.93
# How many files are looked at before a choice: each costs a request.
_MAX_PEEKS = 3
# How many formats are tested before a choice, which costs a request or two each.
_MAX_TESTS = 4
# What has to be cut is long; a greater height than this is not worth more parts.
_CUT_LINES = 480


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
        max_parts: int = 1,
        form: Form = WHOLE,
    ) -> None:
        self._budget = budget
        self._has_ffmpeg = has_ffmpeg
        self._max_parts = max_parts
        self.form = form
        self._choices: list[Choice] = []
        # Also what is higher than wanted, which people may choose afterwards.
        self._offered: list[Choice] = []
        self._chosen: Choice | None = None
        self._excluded: set[object] = set()
        self._formats: Sequence[Format] = ()
        self._missing: set[object] = set()
        self._uncut: set[object] = set()
        self._learned: dict[object, Mapping[str, str]] = {}
        self._sizes = Sizes()
        self.peek: Callable[[Format], Mapping[str, str]] = lambda _: {}
        """Tells the codecs of a format by its first bytes, in yt-dlp's fields."""
        self.works: Callable[[Format], bool] = lambda _: True
        """Tells whether a format can be fetched, by fetching its beginning."""
        self.duration_s: float | None = None
        """The duration that the page tells, which yt-dlp does not pass to a format function."""
        self.span: Span | None = None
        """The span of the video that is wanted; None for all of it."""
        self.comes_in_part = True
        """Whether of a span only what it needs is fetched, where the format admits that."""
        self.languages: tuple[Language, ...] = ()
        """The languages of the sound, where the latest formats have several."""
        self.note: Note | None = None
        """What to tell people about the last choice."""
        self.parts = 1
        """How many files the last choice may fill; 1 unless it will be cut or clipped."""

    def prepare(self, info: MutableMapping[str, Any]) -> None:
        """Learn what the page tells, and leave out what is no format of this video."""
        self.duration_s = positive(info.get("duration"))
        self.span = spans.of(info)
        if (formats := streams.without_song(info, self.form)) is not None:
            info["formats"] = formats

    def __call__(self, context: Mapping[str, Any]) -> Iterator[Format]:
        """Choose, as yt-dlp's format function. Raises JobError when nothing can be sent."""
        # yt-dlp lists the worst first, by `format_sort`.
        listed = reversed(context.get("formats") or ())
        formats = [media for media in listed if media.get("format_id") not in self._missing]
        if formats and all(map(streams.is_storyboard, formats)):
            # YouTube gives no more to an address that it blocks, or without a JavaScript runtime.
            raise JobError(
                Reason.BLOCKED_HERE,
                Fault.OPERATOR,
                "only storyboards are offered",
                remedy=Remedy.COOKIES,
            )
        self._formats = formats
        self._chosen = self._choose_tested(formats)
        yield self._chosen.for_ytdlp()

    def _choose_tested(self, formats: Sequence[Format]) -> Choice:
        """Choose what can be fetched, where yt-dlp doubts that."""
        chosen = self._choose_peeking(formats)
        for _ in range(_MAX_TESTS):
            doubted = next(filter(streams.is_untested, chosen.streams), None)
            if doubted is None:
                return chosen
            formats = streams.tested(formats, doubted, works=self.works(doubted))
            chosen = self._chosen_among(formats)
        return self._chosen_among(streams.without(formats, streams.is_untested) or formats)

    def _choose_peeking(self, formats: Sequence[Format]) -> Choice:
        """Choose, and peek into files whose labels may be wrong."""
        chosen = self._chosen_among(formats)
        for _ in range(_MAX_PEEKS):
            doubtful = self._doubtful(chosen)
            if doubtful is None:
                break
            self._learned[doubtful.get("format_id")] = self.peek(doubtful)
            chosen = self._chosen_among(formats)
        return chosen

    def _chosen_among(self, formats: Sequence[Format]) -> Choice:
        formats = streams.understood(formats, self._learned)
        self.languages = streams.languages(formats)
        formats = streams.in_language(formats, self.form.language)
        formats = streams.with_inferior_marked(formats)
        real = itertools.filterfalse(streams.is_inferior, formats)
        self._sizes.compare(Choice((media,), self.duration_s) for media in real)
        self._choices = self._offered = self._ranked(formats)
        if self.form.max_height:
            self._choices = self._ranked(streams.without_higher(formats, self.form.max_height))
        if self.form.is_sound_only:
            self._choices = list(_for_audio(self._choices))
        return self._choose()

    def _ranked(self, formats: Sequence[Format]) -> list[Choice]:
        """All choices among the formats, the best first."""
        real = itertools.filterfalse(streams.is_inferior, formats)
        rank = _is_sound if self.form.as_file else Ranking(real, self._budget)
        return sorted(self._all(formats), key=lambda c: (c.is_inferior, rank(c)))

    def _doubtful(self, chosen: Choice) -> Format | None:
        """A file whose label may be wrong, where the choice depends on it; None without one."""
        if not self._is_shown(chosen):
            return None
        candidates: list[Choice] = []
        if not chosen.streams[0].get("acodec") and any(not c.has_video for c in self._choices):
            candidates += [chosen]
        if not streams.plays(chosen.streams[0]):
            # Instagram calls its H.264 files VP9, and converting takes longer than looking.
            candidates += [c for c in self._choices if c.has_video and self._may_fit(c)]
        plain = (c.streams[0] for c in candidates if streams.is_plain(c.streams[0]))
        unseen = (media for media in plain if media.get("format_id") not in self._learned)
        return next((media for media in unseen if not _is_known_to_play(media)), None)

    def exclude(self, size_bytes: int | None = None) -> None:
        """Exclude the last choice, which has proved too large, with its size if that is known."""
        chosen = self._chosen
        if chosen is None:
            return
        if self.parts > 1:
            self._uncut.add(chosen.id)
        self._excluded.add(chosen.id)
        self._sizes.show(chosen, size_bytes or self._budget.size_bytes * self.parts)

    def leave_out(self, format_id: object) -> bool:
        """Leave out a format that its site does not have, if others have what is wanted of it."""
        known = streams.understood(self._formats, self._learned)
        wanted = streams.in_language(known, self.form.language)
        left = streams.without(wanted, lambda media: media.get("format_id") == format_id)
        if left is None or len(left) == len(wanted):
            return False
        self._missing.add(format_id)
        return True

    def switch_to_cutting(self, size_bytes: int) -> int:
        """Cut the last choice, which is too large for one file. Returns how many it may fill.

        0 if another choice is better, which then has to be fetched from its beginning.
        """
        before = self._chosen
        self.exclude(size_bytes)
        found = self._next()
        if before is None or found is None or found[0] is not before:
            return 0
        self._chosen = self._choose()
        return self.parts

    def may_lack_sound(self, info: Mapping[str, Any]) -> bool:
        """Whether a video that came as one file may have its sound in a track beside it.

        `info` is what yt-dlp knows of it, once it is downloaded.
        """
        can_have = self._has_ffmpeg and not info.get("requested_formats")
        if not can_have or "acodec" in self._learned.get(info.get("format_id"), {}):
            return False
        return any(map(streams.is_sound, streams.understood(info.get("formats") or ())))

    def note_silent(self, info: Mapping[str, Any]) -> None:
        """Remember that this video has come without sound, for the next choice."""
        self._learned[info.get("format_id")] = {"acodec": "none"}

    def has_choice(self) -> bool:
        """Whether any of the latest formats is left to choose."""
        return self._next() is not None

    def least(self) -> Format:
        """The choice among the latest formats that is expected to be smallest.

        It has pictures where those are wanted and there are any. Raises JobError without a choice.
        """
        if not self._choices:
            self._choose()
        wanted = [c for c in self._choices if c.has_video is not self.form.is_sound_only]
        return min(wanted or self._choices, key=self._sizes.of).for_ytdlp()

    @property
    def qualities(self) -> tuple[Quality, ...]:
        """The heights among the latest formats, the highest first, each with its best choice.

        Those above the wanted height are among them.
        """
        best: dict[int, Choice] = {}
        for choice in self._offered:
            lines = streams.lines(choice.streams[0])
            if choice.has_video and not choice.is_inferior and is_height(lines):
                best.setdefault(lines, choice)
        return tuple(self._quality(height, best[height]) for height in sorted(best, reverse=True))

    def _quality(self, height: int, choice: Choice) -> Quality:
        size, video = self._wanted_bytes(choice), choice.streams[0]
        found = Quality(height, size or None, 1, streams.high_rate(video), streams.is_hdr(video))
        if self._may_fit(choice):
            return found
        is_cuttable = self._parts_of(choice) <= self._max_parts
        messages = parts_needed(size, self._budget.size_bytes) if is_cuttable else 0
        return replace(found, messages=messages)

    def _wanted_bytes(self, choice: Choice) -> int:
        """The expected size of what is sent, all of it or the span; 0 if nothing is known."""
        share = self.span.share(self.duration_s) if self.span else 1.0
        return int(self._sizes.of(choice) * share)

    def _fetched_bytes(self, choice: Choice) -> int:
        """The expected size of what is fetched; 0 if nothing is known."""
        in_part = self.comes_in_part and all(map(streams.comes_in_part, choice.streams))
        return self._wanted_bytes(choice) if in_part else self._sizes.of(choice)

    def _choose(self) -> Choice:
        if not self._choices:
            reason = Reason.NO_SOUND if self.form.is_sound_only else Reason.NO_FORMAT
            raise JobError(reason, Fault.PERMANENT, "no format holds what is wanted")
        found = self._next()
        if found is None:
            detail = f"{len(self._choices)} choices, none below {self._budget.size_bytes} bytes"
            raise JobError(Reason.TOO_LARGE, Fault.PERMANENT, detail)
        chosen, self.parts = found
        # The height of pictures that nobody wants does not matter.
        is_aside = self.form.is_sound_only and chosen.has_video
        self.note = None if is_aside else _note(chosen, self._choices[0])
        if self.parts > 1 and not self.span and self.note is Note.LOWER_QUALITY:
            self.note = None  # that it is cut says enough
        return chosen

    def _next(self) -> tuple[Choice, int] | None:
        """The best choice that is left, and how many files it may fill."""
        real = [choice for choice in self._choices if not choice.is_inferior]
        inferior = [choice for choice in self._choices if choice.is_inferior]
        return self._best_of(real) or self._best_of(inferior)

    def _best_of(self, among: Sequence[Choice]) -> tuple[Choice, int] | None:
        videos = [choice for choice in among if choice.has_video]
        sounds = [choice for choice in among if not choice.has_video]
        groups = (sounds, videos) if self.form.is_sound_only else (videos, sounds)
        for choices in groups:
            if fitting := next(filter(self._may_fit, choices), None):
                return fitting, self._max_parts if self.span else 1
            if cuttable := self._best_to_cut(choices):
                return cuttable, self._max_parts
            if unsure := self._smallest_unsure(choices):
                return unsure, self._max_parts if self.span else 1
        return None

    def _all(self, formats: Sequence[Format]) -> Iterator[Choice]:
        """All choices in yt-dlp's order: videos first, then audio alone."""
        audios = list(filter(streams.is_sound, formats))
        is_silent = not any(streams.has(f, "acodec") for f in formats)
        for video in (f for f in formats if streams.has(f, "vcodec")):
            if streams.has(video, "acodec") or is_silent:
                yield Choice((video,), self.duration_s)
            elif audios and self._has_ffmpeg:
                real = list(itertools.filterfalse(streams.is_inferior, audios))
                yield self._paired(video, real or audios)
        for audio in audios:
            yield Choice((audio,), self.duration_s)

    def _paired(self, video: Format, audios: Sequence[Format]) -> Choice:
        """The video with the best audio that leaves enough room, whole or in parts."""
        pairs = [Choice((video, audio), self.duration_s) for audio in audios]
        if fitting := next(filter(self._may_fit, pairs), None):
            return fitting
        in_parts = (pair for pair in pairs if self._parts_of(pair) <= self._max_parts)
        return next(in_parts, min(pairs, key=self._sizes.of))

    def _parts_of(self, choice: Choice) -> float:
        """How many parts it makes; infinity if its size is not known."""
        size, room = self._wanted_bytes(choice), self._budget.size_bytes
        # What is too large to be fetched stays so, however short the span is.
        is_fetched = parts_needed(self._fetched_bytes(choice), room) <= self._max_parts
        return parts_needed(size, room) if size and (not self.span or is_fetched) else math.inf

    def _best_to_cut(self, choices: Iterable[Choice]) -> Choice | None:
        """The best choice that makes few enough parts without encoding pictures."""
        within = [
            choice
            for choice in choices
            if choice.id not in self._uncut
            and self._parts_of(choice) <= self._max_parts
            and (not self._is_shown(choice) or streams.plays(choice.streams[0]))
        ]
        return min(within, key=self._cutting_rank, default=None)

    def _cutting_rank(self, choice: Choice) -> tuple[float, float]:
        """The lower, the better: as high as is usual, or sound that plays; then few parts."""
        if self._is_shown(choice):
            return -min(streams.lines(choice.streams[0]), _CUT_LINES), self._parts_of(choice)
        return not streams.sound_plays(choice.streams[0]), self._parts_of(choice)

    def _is_shown(self, choice: Choice) -> bool:
        """Whether its pictures are wanted."""
        return choice.has_video and not self.form.is_sound_only

    def _smallest_unsure(self, choices: Iterable[Choice]) -> Choice | None:
        """The smallest of the choices that are expected to be too large, if that may be wrong.

        The site gives no rate for these, so one more try is worth it.
        """
        unsure = [
            choice
            for choice in choices
            if not choice.is_rated
            and choice.id not in self._excluded
            and self._sizes.may_be_smaller(choice)
        ]
        return min(unsure, key=self._sizes.of, default=None)

    def _may_fit(self, choice: Choice) -> bool:
        room = self._budget.size_bytes * _HEADROOM
        # What is fetched for a span may be as large as what is cut.
        whole_fits = not self.span or self._fetched_bytes(choice) <= room * self._max_parts
        fits = whole_fits and self._wanted_bytes(choice) <= room
        return fits and choice.id not in self._excluded


def _is_sound(choice: Choice) -> bool:
    return not choice.has_video


def _is_known_to_play(media: Format) -> bool:
    """Whether the site names its codecs, and the video plays everywhere."""
    return bool(media.get("vcodec") and media.get("acodec")) and streams.plays(media)


def _note(chosen: Choice, wanted: Choice) -> Note | None:
    """What to tell people about a choice that is not the one that was wanted most."""
    if wanted.has_video and not chosen.has_video:
        return Note.AUDIO_ONLY
    is_lower = chosen is not wanted and (chosen.height or 0) < (wanted.height or 1)
    return Note.LOWER_QUALITY if is_lower else None


def _for_audio(choices: Sequence[Choice]) -> Iterator[Choice]:
    """Audio alone first; after that the smallest videos, from which it can be extracted."""
    yield from (choice for choice in choices if not choice.has_video)
    with_audio = [
        choice
        for choice in choices
        if choice.has_video and streams.has(choice.streams[0], "acodec")
    ]
    yield from reversed(with_audio)
