"""What a catalogue of texts holds: the words of one language, and nothing that builds texts.

Texts are templates for `str.format` with named placeholders. They are plain text; where a message
is HTML, what is built from them is escaped.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from worker.errors import Reason
from worker.protocol import Note, Stage
from worker.protocol.lists import Hold
from worker.protocol.looks import Live
from worker.protocol.notices import About
from worker.telegram.commands import Command
from worker.telegram.texts.plurals import PluralForm, PluralRule

Plural = Mapping[PluralForm, str]
"""A text for each plural form of its language; the placeholder `count` may be left out of one."""


@dataclass(frozen=True)
class Catalogue:
    """The words of one language.

    `language` is its tag as Telegram names it (IETF, for example `en` or `pt-br`). A mapping from
    an enum has a text for each member; of a reason that is what happened, and what helps. Each
    sentence of the two ends in one full stop.
    """

    language: str
    plural_rule: PluralRule

    # Why there is no media.
    reasons: Mapping[Reason, tuple[str, str]]
    with_error_id: str
    too_large: str
    site_down: str
    languages_there: str
    cancelled: str
    # What helps where a live stream can be recorded or waited for.
    live_offers: Mapping[Reason, str]

    # The status message until then.
    stages: Mapping[Stage, str]
    ahead: Plural
    ahead_in_pause: Plural
    paced: str
    site_wait: str
    uploading: str
    downloading: str
    amount: str
    speed: str
    time_left: str
    silent: str
    recording: str
    next_try: str

    # How long something takes, rounded; the form for 1 may say it without a number.
    seconds: Plural
    minutes: Plural
    hours: Plural

    # Captions and buttons.
    notes: Mapping[Note, str]
    untitled: str
    part: str
    cancel_button: str
    sound_button: str
    quality_button: str
    back_button: str
    quality: str
    rate: str
    hdr: str
    in_parts: Plural
    too_large_quality: str
    video_button: str
    record_button: Plural
    stop_recording_button: str
    tell_start_button: str
    views: Plural
    live: Mapping[Live, str]

    # What each command does, in a few words: for Telegram's menu (256 characters) and the help.
    commands: Mapping[Command, str]

    # Lists, and how far the items taken from one are.
    items: Plural
    list_long: str
    list_endless: str
    list_question: str
    first_button: str
    all_button: str
    choose_button: str
    take_button: str
    whole_list_button: str
    done_items: str
    waiting_items: str
    failed_items: str
    cancelled_items: str
    why_failed: str
    held_items: Mapping[Hold, str]
    cancel_rest_button: str
    try_again_button: str

    # What languages are called, by the first part of their tags; others are shown as their tags.
    languages: Mapping[str, str]

    # What is said besides the answers to links.
    notices: Mapping[About, str | Plural]

    def choose(self, text: str | Plural, count: int = 0) -> str:
        """The template for this count; a text without plural forms is its own."""
        return text if isinstance(text, str) else text[self.plural_rule(count)]

    def counted(self, text: Plural, count: int) -> str:
        """A text about a number of things."""
        return self.choose(text, count).format(count=count)
