"""Names of the product: no two classes have the same one, wherever they stand."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLASS = re.compile(r"^ *class (\w+)", re.MULTILINE)


def product() -> list[str]:
    """The texts of the product's modules."""
    paths = [ROOT / "bot.py", *ROOT.glob("worker/**/*.py"), *ROOT.glob("maintenance/**/*.py")]
    return [path.read_text("utf-8") for path in paths]


def used_twice(texts: Iterable[str]) -> list[str]:
    """The names that several classes have."""
    classes = Counter(name for text in texts for name in CLASS.findall(text))
    return [name for name, number in classes.items() if number > 1]


def test_no_two_classes_have_one_name() -> None:
    assert used_twice(product()) == []


@pytest.mark.negative
def test_a_name_used_twice_would_be_found() -> None:
    assert used_twice([*product(), "class Request: ..."]) == ["Request"]
