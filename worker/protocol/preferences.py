"""How a person wants answers, unless a command or a button says otherwise."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Self

from worker.form import SOUND, WHOLE, Form, Sponsors, What
from worker.sites import site_of_url

LANGUAGES: tuple[str, ...] = ("en",)
"""The languages that have a catalogue of texts, among which people can choose."""

SUBTITLES: tuple[str, ...] = (
    *("ar", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi", "fil", "fr"),
    *("he", "hi", "hr", "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "nl", "no", "pl", "pt"),
    *("ro", "ru", "sk", "sl", "sr", "sv", "ta", "te", "th", "tr", "uk", "ur", "vi", "zh"),
)
"""The languages in which people can have subtitles with every video."""

# The only site that SponsorBlock covers.
_OF_SPONSORBLOCK = "youtube.com"


class Captions(StrEnum):
    """What is written below a file, besides a note on how it differs from what was asked for."""

    FULL = "full"
    TITLE = "title"
    NONE = "none"


@dataclass(frozen=True)
class Preferences:
    """What a person or a group has set in /settings.

    A group can only set `has_buttons`; None means as usual in such a chat. `asks_first`: a link
    without a command is answered with what there is to choose from. `describes`: the site's
    description follows as a message of its own. `subtitles`: the language in which videos get a
    track of them if there are any. `language`: the bot's; None for that of the person's Telegram.
    """

    max_height: int | None = None
    sound: What = What.SOUND
    as_file: bool = False
    captions: Captions = Captions.FULL
    has_buttons: bool | None = None
    asks_first: bool = False
    sponsors: Sponsors | None = None
    describes: bool = False
    subtitles: str | None = None
    language: str | None = None

    def form_of(self, form: Form, url: str) -> Form:
        """The form that is meant if only a link's media, its sound or a part was asked for."""
        is_known = site_of_url(url) == _OF_SPONSORBLOCK
        sponsors = self.sponsors if is_known and not self.as_file else None
        whole = Form(
            max_height=self.max_height,
            as_file=self.as_file,
            sponsors=sponsors,
            subtitles=None if self.as_file else self.subtitles,
        )
        if form == WHOLE:
            return whole
        if form.clip and form == Form(clip=form.clip):
            return replace(whole, clip=form.clip, sponsors=None)
        return Form(self.sound, sponsors=sponsors) if form == SOUND else form

    def wants_buttons(self, *, is_private: bool) -> bool:
        """Whether answers have buttons below them in the chat that these are about."""
        return is_private if self.has_buttons is None else self.has_buttons

    def to_json(self) -> dict[str, Any]:
        """Only what differs from the defaults; the inverse of `from_json`."""
        usual, values = Preferences(), dataclasses.asdict(self)
        return {name: value for name, value in values.items() if value != getattr(usual, name)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """What was set; values that this version does not know become defaults."""
        try:
            return cls(
                value.get("max_height"),
                What(value.get("sound", What.SOUND)),
                bool(value.get("as_file")),
                Captions(value.get("captions", Captions.FULL)),
                value.get("has_buttons"),
                bool(value.get("asks_first")),
                Sponsors(value["sponsors"]) if value.get("sponsors") else None,
                bool(value.get("describes")),
                _one_of(SUBTITLES, value.get("subtitles")),
                _one_of(LANGUAGES, value.get("language")),
            )
        except ValueError:
            return cls()


def _one_of(languages: tuple[str, ...], tag: object) -> str | None:
    return str(tag) if tag in languages else None
