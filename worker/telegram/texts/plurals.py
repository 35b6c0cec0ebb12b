"""Which form of a text a language uses for a count (CLDR, Language Plural Rules).

Counts here are whole numbers, so the rules for fractions are left out.
"""

from collections.abc import Callable
from enum import StrEnum


class PluralForm(StrEnum):
    """CLDR's names of the forms; each language uses some of them."""

    ZERO = "zero"
    ONE = "one"
    TWO = "two"
    FEW = "few"
    MANY = "many"
    OTHER = "other"


PluralRule = Callable[[int], PluralForm]
"""Chooses one of a language's forms for a count."""


def one_or_other(count: int) -> PluralForm:
    """The rule of English, German, Dutch and others."""
    return PluralForm.ONE if count == 1 else PluralForm.OTHER
