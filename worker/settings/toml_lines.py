"""Says in which line of a TOML document something stands, which `tomllib` does not.

Each statement of TOML (a table's header, or a key with its value) is a document by itself, so the
parser itself finds where one ends: at the first line with which it parses.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

Path = tuple[str, ...]
"""The keys that lead to a table or to a value."""

# What tomllib raises: the last two for a number of very many digits and for very deep brackets.
UNPARSABLE = (tomllib.TOMLDecodeError, ValueError, RecursionError)

_PLACE = re.compile(r" \((?:at line (?P<line>[0-9]+), column [0-9]+|at end of document)\)")


def lines_of(text: str) -> dict[Path, int]:
    """The line in which each table and each key of a document that parses is named first."""
    lines: dict[Path, int] = {(): 1}
    table: Path = ()
    for number, statement in _statements(text):
        named = list(_paths(tomllib.loads(statement)))
        is_header = statement.lstrip().startswith("[")
        for path in named:
            lines.setdefault(path if is_header else table + path, number)
        if is_header:
            table = named[-1]
    return lines


def fault_of(text: str, error: Exception) -> tuple[int, str]:
    """The line of what makes a document no TOML, and the parser's words, which quote no value."""
    place = _PLACE.search(str(error))
    words = _PLACE.sub("", str(error)) if place else "too much for a value"
    # What is not closed goes on to the end: it is the last statement, and begins where it does.
    line = place["line"] if place else None
    number = int(line) if line else max(number for number, _ in _statements(text))
    return number, words[:1].lower() + words[1:]


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Each statement with the number of its first line; what does not parse comes last."""
    held: list[str] = []
    number = 0
    for number, line in enumerate(text.split("\n"), start=1):
        held.append(line)
        statement = "\n".join(held)
        try:
            tomllib.loads(statement)
        except UNPARSABLE:
            continue
        yield number - len(held) + 1, statement
        held.clear()
    if held:
        yield number - len(held) + 1, "\n".join(held)


def _paths(value: Mapping[str, Any], above: Path = ()) -> Iterator[Path]:
    for key, inner in value.items():
        yield (*above, key)
        if isinstance(inner, Mapping):
            yield from _paths(inner, (*above, key))
