"""In which form the media behind a link is wanted."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

MAX_CODE = 40
"""How many characters a code may have: in button data it stands beside a request's id."""

_HEIGHT = re.compile(r"([1-9][0-9]{1,3})p", re.ASCII)
_BETWEEN = "."
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8}){0,2}")


class What(StrEnum):
    """What is wanted of the media; a code without a height begins with the value."""

    ALL = "all"
    SOUND = "sound"  # as it is if that plays everywhere, else as AAC
    M4A = "m4a"
    MP3 = "mp3-192"
    MP3_BEST = "mp3-320"
    VOICE = "voice"  # Opus, which Telegram shows as a voice message
    COVER = "cover"  # the picture that a site shows in place of a video or a song
    SUBTITLES = "subs"  # as a file of text
    ABOUT = "about"  # what the site says about it, and no file
    SEARCH = "search"  # what a site's search finds, and no file
    START = "start"  # that a live stream has started, and no file


_SOUNDS = frozenset({What.SOUND, What.M4A, What.MP3, What.MP3_BEST, What.VOICE})


class Sponsors(StrEnum):
    """What becomes of the parts of a video that SponsorBlock knows as advertising."""

    MARK = "mark"  # they are chapters of the file
    CUT = "cut"  # they are left out


MAX_RECORD_MINUTES = 1440
"""The longest recording of a live stream."""

_RECORDED = frozenset({What.ALL, What.SOUND})

MAX_CLIP_CS = 100 * 3600 * 100
"""The latest end of a clip: 100 hours, which no video has."""


@dataclass(frozen=True)
class Clip:
    """A part of a video, in hundredths of a second; without `end_cs`, all from `start_cs` on.

    Raises ValueError for one without length, or beyond `MAX_CLIP_CS`.
    """

    start_cs: int
    end_cs: int | None = None

    def __post_init__(self) -> None:
        """Refuse what is no part."""
        end_cs = MAX_CLIP_CS if self.end_cs is None else self.end_cs
        if not 0 <= self.start_cs < end_cs <= MAX_CLIP_CS:
            raise ValueError(f"no such clip: {self}")

    @property
    def start_s(self) -> float:
        """When it begins, in seconds."""
        return self.start_cs / 100

    @property
    def end_s(self) -> float | None:
        """When it ends, in seconds; None for the end of the video."""
        return None if self.end_cs is None else self.end_cs / 100


def _clip_word(clip: Clip) -> str:
    return f"c{clip.start_cs}-{'' if clip.end_cs is None else clip.end_cs}"


def _clip(found: re.Match[str]) -> Clip:
    return Clip(int(found[1]), int(found[2]) if found[2] else None)


@dataclass(frozen=True)
class Form:
    """In which form media is wanted; without arguments all of it, as good as can be sent.

    `max_height` counts pixels as 720p does: the height, or the width of an upright video. Raises
    ValueError for one that is not between 10 and 9999, and for what does not go together.
    `as_file`: the site's own bytes are wanted as a file, whether or not they play. `clip`: only
    that part is wanted. `whole_list`: if the link names one video in a list, the list is wanted.
    `sponsors`: what becomes of a video's sponsors. `subtitles`: the language of the subtitles that
    are wanted, as an IETF tag in lower case: alone, or as a track of a video if its site has them.
    `language`: that of the sound, if it is not to be the original. `record_minutes`: how much of a
    live stream is to be recorded, from now on.

    `code` says the same in a few letters, for keys, the ledger and button data: a word or a height,
    followed by what modifies it, in the order of `_MODIFIERS`. A code never changes its meaning.

        >>> Form(max_height=720, as_file=True).code
        '720p.file'
        >>> Form.parse("sound") == Form(What.SOUND)
        True
    """

    what: What = What.ALL
    max_height: int | None = None
    as_file: bool = False
    clip: Clip | None = None
    whole_list: bool = False
    sponsors: Sponsors | None = None
    subtitles: str | None = None
    language: str | None = None
    record_minutes: int | None = None

    def __post_init__(self) -> None:
        """Refuse what has no code."""
        has_height = self.max_height is not None
        is_possible = not has_height or is_height(self.max_height or 0)
        if self.what is not What.ALL and (has_height or self.as_file):
            is_possible = False
        if self.subtitles is not None and not self._can_have_subtitles(self.subtitles):
            is_possible = False
        if self.language is not None and not self._can_be_in(self.language):
            is_possible = False
        if self.record_minutes is not None and not self._can_be_recorded(self.record_minutes):
            is_possible = False
        if not is_possible or len(self.code) > MAX_CODE:
            raise ValueError(f"no such form: {self}")

    def _can_have_subtitles(self, language: str) -> bool:
        # A file has the site's own bytes, and nothing is cut out of a file of text.
        is_all_of_it = not (self.clip or self.sponsors)
        has_place = self.what is What.ALL and not self.as_file
        return is_language(language) and (has_place or (self.has_subtitles_alone and is_all_of_it))

    def _can_be_recorded(self, minutes: int) -> bool:
        # Nothing else is known about what is still to come.
        is_plain = not (self.as_file or self.clip or self.whole_list or self.sponsors)
        is_plain = is_plain and not (self.subtitles or self.language)
        return self.what in _RECORDED and is_plain and 0 < minutes <= MAX_RECORD_MINUTES

    def _can_be_in(self, language: str) -> bool:
        return is_language(language) and not (self.is_beside_media or self.is_look)

    @property
    def code(self) -> str:
        """At most `MAX_CODE` ASCII letters, digits, points and hyphens; the inverse of `parse`."""
        base = self.what.value if self.max_height is None else f"{self.max_height}p"
        return _BETWEEN.join((base, *self._words()))

    def _words(self) -> Iterator[str]:
        for modifier in _MODIFIERS:
            if value := getattr(self, modifier.field):
                yield modifier.word(value)

    @classmethod
    def parse(cls, code: str) -> Self:
        """The form with this code. Raises ValueError when there is none."""
        try:
            form = cls(**_fields_of(code))
        except ValueError as error:
            raise ValueError(f"no code of a form: {code!r}") from error
        # Words in another order, or twice, would be a second code for the same form.
        if form.code != code:
            raise ValueError(f"no code of a form: {code!r}")
        return form

    @property
    def is_sound_only(self) -> bool:
        """Whether the sound is wanted without pictures."""
        return self.what in _SOUNDS

    @property
    def is_usual_sound(self) -> bool:
        """Whether the sound is wanted as it plays everywhere."""
        return self.what is What.SOUND

    @property
    def names_sound(self) -> bool:
        """Whether the sound is wanted in a format that is named."""
        return self.is_sound_only and not self.is_usual_sound

    @property
    def is_voice(self) -> bool:
        """Whether it is to be a voice message."""
        return self.what is What.VOICE

    @property
    def is_cover(self) -> bool:
        """Whether the picture that the site shows for the media is wanted."""
        return self.what is What.COVER

    @property
    def has_subtitles_alone(self) -> bool:
        """Whether subtitles are wanted as a file of text, and nothing else."""
        return self.what is What.SUBTITLES

    @property
    def has_subtitles_inside(self) -> bool:
        """Whether a video is wanted with subtitles that a player can show."""
        return self.subtitles is not None and not self.has_subtitles_alone

    @property
    def is_beside_media(self) -> bool:
        """Whether something that its site has beside the media is wanted in its place."""
        return self.is_cover or self.has_subtitles_alone

    @property
    def is_look(self) -> bool:
        """Whether nothing is to be downloaded."""
        return self.what in (What.ABOUT, What.SEARCH, What.START)

    @property
    def awaits_start(self) -> bool:
        """Whether somebody wants to be told when a live stream starts."""
        return self.what is What.START

    @property
    def is_recording(self) -> bool:
        """Whether a live stream is to be recorded."""
        return self.record_minutes is not None


@dataclass(frozen=True)
class _Modifier:
    """What else a form may say, in a field that is None or False if it does not.

    `pattern` matches the word for it in a code. `read` makes the field's value from that word, or
    raises ValueError, and `word` makes the word again.
    """

    field: str
    pattern: re.Pattern[str]
    read: Callable[[re.Match[str]], Any]
    word: Callable[[Any], str]


# No two patterns match the same word. New ones are added at the end.
_MODIFIERS = (
    _Modifier("as_file", re.compile("file"), lambda _: True, lambda _: "file"),
    _Modifier("clip", re.compile(r"c([0-9]{1,8})-([0-9]{0,8})"), _clip, _clip_word),
    _Modifier("whole_list", re.compile("list"), lambda _: True, lambda _: "list"),
    _Modifier(
        "sponsors", re.compile("sb-(mark|cut)"), lambda found: Sponsors(found[1]), "sb-{}".format
    ),
    _Modifier(
        "subtitles", re.compile(f"s-({_LANGUAGE.pattern})"), lambda found: found[1], "s-{}".format
    ),
    _Modifier(
        "language", re.compile(f"a-({_LANGUAGE.pattern})"), lambda found: found[1], "a-{}".format
    ),
    _Modifier(
        "record_minutes",
        re.compile(r"rec-([1-9][0-9]{0,3})", re.ASCII),
        lambda found: int(found[1]),
        "rec-{}".format,
    ),
)


def _fields_of(code: str) -> dict[str, Any]:
    if len(code) > MAX_CODE or not code.isascii():
        raise ValueError(f"{len(code)} characters")
    base, *words = code.split(_BETWEEN)
    height = _HEIGHT.fullmatch(base)
    fields: dict[str, Any] = {"max_height": int(height[1])} if height else {"what": What(base)}
    for word in words:
        fields |= _field_of(word)
    return fields


def _field_of(word: str) -> dict[str, Any]:
    for modifier in _MODIFIERS:
        if found := modifier.pattern.fullmatch(word):
            return {modifier.field: modifier.read(found)}
    raise ValueError(f"an unknown word: {word!r}")


def is_height(pixels: int) -> bool:
    """Whether there is a form with this `max_height`."""
    return _HEIGHT.fullmatch(f"{pixels}p") is not None


def is_language(tag: str) -> bool:
    """Whether a form can name this language: an IETF tag in lower case, of up to three parts."""
    return _LANGUAGE.fullmatch(tag) is not None


WHOLE = Form()
"""What is wanted when nobody says otherwise."""

WHOLE_LIST = Form(whole_list=True)
"""The list that a link names besides its video."""

ABOUT = Form(What.ABOUT)
"""What its site says about the media."""

SEARCH = Form(What.SEARCH)
"""What is found by the search to which a link leads."""

START = Form(What.START)
"""A message when the live stream starts."""

SOUND = Form(What.SOUND)
"""The sound, in a format that plays everywhere."""
