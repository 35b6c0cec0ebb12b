"""Find the lines in which the tables and keys of a TOML document stand; `tomllib` does not.

Each statement of TOML (a table's header, or a key with its value) is a document by itself. It ends
with its line, unless a bracket or a long text is open there.
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

# A site, a table of it and a name in that. No fault is reported for anything deeper.
_DEEPEST = 3

# Line ends and brackets, and texts and comments, which may contain them. A multi-line text that is
# not closed goes on to the end of the document, any other text to the end of its line.
_TOKEN = re.compile(
    r"""
    \"{3} (?: [^\\] | \\. )*? (?: \"{3,5} | \Z )
    | '{3} .*? (?: '{3,5} | \Z )
    | " (?: [^"\\\n] | \\[^\n] )* "?
    | ' [^'\n]* '?
    | \# [^\n]*
    | [\[\]{}\n]
    """,
    re.VERBOSE | re.DOTALL,
)


def lines_of(text: str) -> dict[Path, int]:
    """The line in which each table and each key is named first, in a document that parses.

    What is nested deeper than the settings of a site is left out.
    """
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
    """The line of the first syntax error, and the parser's message, which quotes no value."""
    place = _PLACE.search(str(error))
    words = _PLACE.sub("", str(error)) if place else "too much for a value"
    line = place["line"] if place else None
    number = int(line) if line else _first_unparsable(text)
    return number, words[:1].lower() + words[1:]


def _first_unparsable(text: str) -> int:
    """The line of the first statement that does not parse, or else of the last one."""
    last = 1
    for number, statement in _statements(text):
        last = number
        try:
            tomllib.loads(statement)
        except UNPARSABLE:
            break
    return last


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Each statement with the number of its first line; an empty line is one too."""
    start, number, depth = 0, 1, 0
    for token in _TOKEN.finditer(text):
        found = token[0]
        if found in ("[", "{"):
            depth += 1
        elif found in ("]", "}"):
            depth -= 1
        elif found == "\n" and depth <= 0:
            statement = text[start : token.start()]
            yield number, statement
            start, number, depth = token.end(), number + statement.count("\n") + 1, 0
    if start < len(text):
        yield number, text[start:]


def _paths(value: Mapping[str, Any], above: Path = ()) -> Iterator[Path]:
    for key, inner in value.items():
        yield (*above, key)
        if isinstance(inner, Mapping) and len(above) + 1 < _DEEPEST:
            yield from _paths(inner, (*above, key))
