"""Which form of a text a language uses for a count (CLDR, Language Plural Rules).

Counts here are whole numbers, so the rules for fractions are left out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class PluralForm(StrEnum):
    """CLDR's names of the forms; each language uses some of them."""

    ZERO = "zero"
    ONE = "one"
    TWO = "two"
    FEW = "few"
    MANY = "many"
    OTHER = "other"


@dataclass(frozen=True)
class PluralRule:
    """The forms that a language has, and the function that chooses one of them for a count."""

    forms: frozenset[PluralForm]
    form_of: Callable[[int], PluralForm]


def _one_or_other(count: int) -> PluralForm:
    return PluralForm.ONE if count == 1 else PluralForm.OTHER


ENGLISH = PluralRule(frozenset({PluralForm.ONE, PluralForm.OTHER}), _one_or_other)
