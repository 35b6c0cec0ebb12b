"""Catalogues are complete, fit the functions that read them, and decline as their language does."""

import string
from dataclasses import replace
from typing import Any, TypeGuard

import pytest

from tests.support.catalogues import flaws, is_balanced
from worker.errors import LinkFlaw, Reason
from worker.protocol import MediaFacts, MediaFile, MediaKind, Note, Progress, Stage
from worker.protocol.lists import Hold
from worker.protocol.looks import Live
from worker.protocol.notices import Cancelled, Label, Notice, Refusal, Topic
from worker.telegram.commands import Command
from worker.telegram.texts import CATALOGUES, ENGLISH, Catalogue, caption, notice, progress
from worker.telegram.texts.catalogue import Plural
from worker.telegram.texts.plurals import PluralForm

KEYS: dict[str, set[Any]] = {
    "reasons": {*Reason},
    "stages": {*Stage},
    "notes": {*Note},
    "live": {*Live},
    "commands": {*Command},
    "held_items": {*Hold} - {Hold.NONE},
    "live_offers": {Reason.LIVE, Reason.NOT_STARTED},
    "notices": {*Topic, *Refusal, *Cancelled, *LinkFlaw, *Label},
}

PLACEHOLDERS: dict[str, dict[str, Any]] = {
    "with_error_id": {"sentence": "It broke", "error_id": "7f3a2c"},
    "too_large": {"limit_mb": 50},
    "site_down": {"wait": "a minute"},
    "uploading": {"size": "1 MB"},
    "downloading": {"bar": "▰▱", "percent": 50},
    "amount": {"done": "1 MB", "total": "2 MB"},
    "speed": {"size": "1 MB"},
    "time_left": {"time": "0:14"},
    "recording": {"time_left": "0:14 left"},
    "next_try": {"wait": "a minute", "next_try": 2, "max_tries": 3},
    "part": {"part": 1, "parts": 2},
    "quality": {"height": 720},
    "rate": {"fps": 60},
    "list_long": {"number": 50},
    "list_endless": {"number": 50},
    "first_button": {"number": 5},
    "all_button": {"number": 12},
    "take_button": {"number": 3},
    "done_items": {"number": 3},
    "waiting_items": {"number": 3},
    "failed_items": {"number": 3},
    "cancelled_items": {"number": 3},
    "why_failed": {"numbers": "3-7, 12", "what": "It broke."},
}
"""What the functions fill in."""


def russian_form(count: int) -> PluralForm:
    if count % 10 == 1 and count % 100 != 11:
        return PluralForm.ONE
    if count % 10 in (2, 3, 4) and count % 100 not in (12, 13, 14):
        return PluralForm.FEW
    return PluralForm.MANY


FORMS = {
    PluralForm.ONE: "{count} загрузка",
    PluralForm.FEW: "{count} загрузки",
    PluralForm.MANY: "{count} загрузок",
}
UNITS = {form: f"{{count}} {form}" for form in FORMS}


def is_plural(text: str | Plural) -> TypeGuard[Plural]:
    return not isinstance(text, str)


def declined(text: Plural) -> Plural:
    """The forms of a count, with what else the text is filled with behind them."""
    names = {name for _, name, _, _ in string.Formatter().parse(text[PluralForm.OTHER]) if name}
    others = "".join(f", {{{name}}}" for name in sorted(names - {"count"}))
    return {form: f"{count}{others}" for form, count in FORMS.items()}


RUSSIAN = replace(
    ENGLISH,
    language="ru",
    plural_rule=russian_form,
    ahead=FORMS,
    ahead_in_pause=FORMS,
    in_parts=FORMS,
    items=FORMS,
    record_button=FORMS,
    views=FORMS,
    seconds=UNITS,
    minutes=UNITS,
    hours=UNITS,
    notices={
        **ENGLISH.notices,
        **{about: declined(text) for about, text in ENGLISH.notices.items() if is_plural(text)},
    },
)
"""A language with other plural forms, as far as these tests need one."""


@pytest.mark.parametrize("catalogue", [*CATALOGUES, RUSSIAN], ids=lambda c: c.language)
def test_catalogue_is_whole(catalogue: Catalogue) -> None:
    assert flaws(catalogue, ENGLISH) == []


@pytest.mark.parametrize("name", KEYS)
def test_everything_that_can_be_said_has_a_text(name: str) -> None:
    assert set(getattr(ENGLISH, name)) == KEYS[name]


def test_no_two_topics_are_written_alike() -> None:
    values = [str(key) for key in KEYS["notices"]]
    kinds = (Topic, Refusal, Cancelled, LinkFlaw, Label)
    assert len(values) == sum(len(list(kind)) for kind in kinds)


@pytest.mark.parametrize("name", PLACEHOLDERS)
def test_text_shows_all_that_is_filled_in(name: str) -> None:
    text = getattr(ENGLISH, name).format(**PLACEHOLDERS[name])
    assert all(str(value) in text for value in PLACEHOLDERS[name].values())


@pytest.mark.negative
@pytest.mark.parametrize(
    ("change", "flaw"),
    [
        ({"notes": {}}, "notes[cut] is missing"),
        ({"notes": {"odd": "x"}}, "notes[odd] is unknown"),
        ({"part": "{part}"}, "part: has the placeholders ['part'], not ['part', 'parts']"),
        ({"speed": "{speed}/s"}, "speed: has the placeholders ['speed'], not ['size']"),
        ({"untitled": " "}, "untitled: is empty"),
        ({"silent": "<b>waiting"}, "silent: has tags that do not balance"),
        ({"silent": "<b>wait</i></b>"}, "silent: has tags that do not balance"),
        ({"hours": {PluralForm.OTHER: "h"}}, "hours: has the plural forms ['other']"),
        ({"hours": "{count} h"}, "hours: has no plural forms"),
    ],
)
def test_flaw_in_a_catalogue_is_found(change: dict[str, Any], flaw: str) -> None:
    assert flaw in flaws(replace(ENGLISH, **change), ENGLISH)


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda c: c.language)
@pytest.mark.parametrize("note", [None, *Note])
def test_captions_are_balanced_html(catalogue: Catalogue, note: Note | None) -> None:
    facts = MediaFacts(MediaKind.VIDEO, "<b>A & B", "</a>", note=note, parts=2)
    file = MediaFile("/x/v.mp4", 1, "https://a.example/?a=1&b=2", facts)
    assert is_balanced(caption(catalogue, file))


@pytest.mark.parametrize(
    ("count", "form"),
    [
        *((1, "загрузка"), (2, "загрузки"), (4, "загрузки"), (5, "загрузок"), (11, "загрузок")),
        *((12, "загрузок"), (21, "загрузка"), (22, "загрузки"), (111, "загрузок")),
    ],
)
def test_language_declines_by_its_own_rule(count: int, form: str) -> None:
    waiting = Progress(Stage.IN_LINE, ahead=count)
    assert progress(RUSSIAN, waiting) == f"{count} {form}"
    left_out = notice(RUSSIAN, Notice(Topic.LINKS_LEFT_OUT, {"count": count, "most_links": 5}))
    assert left_out == f"{count} {form}, 5"


@pytest.mark.parametrize(("count", "form"), [(0, "other"), (1, "one"), (2, "other"), (21, "other")])
def test_english_has_two_forms(count: int, form: str) -> None:
    assert ENGLISH.plural_rule(count) == form
