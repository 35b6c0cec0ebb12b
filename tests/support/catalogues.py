"""What can be wrong with a catalogue of texts, found by comparing it with another."""

import dataclasses
import functools
import string
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from typing import Any

from worker.telegram.texts import Catalogue
from worker.telegram.texts.plurals import PluralForm, PluralRule

OPTIONAL = frozenset({"count"})
"""A form for one exact number may leave this out."""


def flaws(catalogue: Catalogue, reference: Catalogue) -> list[str]:
    """Texts that are missing or that nobody asks for, odd placeholders, and broken HTML."""
    texts, expected = dict(_texts(catalogue)), dict(_texts(reference))
    missing = [f"{name} is missing" for name in expected.keys() - texts.keys()]
    unknown = [f"{name} is unknown" for name in texts.keys() - expected.keys()]
    wrong = [
        f"{name}: {flaw}"
        for name in texts.keys() & expected.keys()
        for flaw in _flaws_of_text(catalogue, texts[name], expected[name])
    ]
    return sorted(missing + unknown + wrong)


def is_balanced(markup: str) -> bool:
    """Whether each tag of an HTML text is closed, in the right order."""
    parser = _Tags()
    parser.feed(markup)
    parser.close()
    return parser.is_balanced and not parser.open


def _texts(catalogue: Catalogue) -> Iterator[tuple[str, Any]]:
    """Each text by its name: a template, or a mapping from plural forms to templates."""
    for field in dataclasses.fields(catalogue):
        if field.name not in ("language", "plural_rule"):
            yield from _named(field.name, getattr(catalogue, field.name))


def _named(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and not all(isinstance(key, PluralForm) for key in value):
        for key, inner in value.items():
            yield from _named(f"{name}[{key!s}]", inner)
    elif isinstance(value, tuple):
        for number, inner in enumerate(value):
            yield from _named(f"{name}[{number}]", inner)
    else:
        yield name, value


def _flaws_of_text(catalogue: Catalogue, text: Any, expected: Any) -> Iterator[str]:
    if isinstance(text, Mapping) and text.keys() != _forms(catalogue.plural_rule):
        yield f"has the plural forms {sorted(map(str, text))}"
    if isinstance(expected, Mapping) and isinstance(text, str):
        yield "has no plural forms"
    allowed = set().union(*map(_placeholders, _templates(expected)))
    for template in _templates(text):
        found = _placeholders(template)
        if not allowed - OPTIONAL <= found <= allowed:
            yield f"has the placeholders {sorted(found)}, not {sorted(allowed)}"
        if not template.strip():
            yield "is empty"
        if not is_balanced(template):
            yield "has tags that do not balance"


@functools.cache
def _forms(rule: PluralRule) -> frozenset[PluralForm]:
    """The forms that a language uses; some use one for whole millions alone."""
    return frozenset(map(rule, (*range(1000), 1_000_000)))


def _templates(text: Any) -> list[str]:
    return list(text.values()) if isinstance(text, Mapping) else [text]


def _placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.is_balanced = True

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.is_balanced = False
