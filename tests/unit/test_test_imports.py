"""No module of tests imports a module that holds tests: what is shared stands in tests/support."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FOLDERS = tuple(
    f"tests.{folder}" for folder in ("unit", "ledger", "process", "downloads", "bot", "slow")
)
NAMED = re.compile(rf"\b(?:{'|'.join(map(re.escape, FOLDERS))})\b|\bfrom tests import\b")
"""In the text of whatever imports from them. To parse all texts would take seconds."""


def imported_tests(code: str) -> Iterator[str]:
    """The modules of tests that a module's text imports."""
    if not NAMED.search(code):
        return
    for node in ast.walk(ast.parse(code)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if f"{name}.".startswith(tuple(f"{folder}." for folder in FOLDERS)):
                yield name


def test_no_test_module_imports_another() -> None:
    found = {
        str(path.relative_to(TESTS)): list(imported_tests(path.read_text("utf-8")))
        for path in TESTS.rglob("*.py")
    }
    assert len(found) > 100
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.negative
@pytest.mark.parametrize(
    "code",
    [
        "from tests.unit.test_albums import albums",
        "from tests.unit import test_albums",
        "def later():\n    import tests.bot.test_golden as golden",
        "from tests import unit",
    ],
)
def test_import_of_a_test_module_would_be_found(code: str) -> None:
    assert list(imported_tests(code))
