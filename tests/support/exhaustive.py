"""Tables of cases of which the suite runs some, and `-m exhaustive` the others."""

from collections.abc import Collection, Iterable
from typing import Any

import pytest

EXHAUSTIVE = pytest.mark.exhaustive


def some_of(cases: Iterable[Any], kept: Collection[Any]) -> list[Any]:
    """All cases, tuples of a test's arguments or single ones, for `parametrize`.

    The suite runs those that are `kept`.
    """
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)),
            marks=() if case in kept else EXHAUSTIVE,
        )
        for case in cases
    ]


def in_full(*values: Any, id: str | None = None) -> Any:  # noqa: A002 - as pytest calls it
    """A case that the suite leaves out."""
    return pytest.param(*values, marks=EXHAUSTIVE, id=id)
