r"""Parse a `.env` file: `NAME=value` lines as in a shell, without expansion.

It may contain blank lines, `# comments`, a leading `export`, and values bare or in single or
double quotes. A `$` is just a `$`, since a token or password may contain one. In double quotes
`\"` and `\\` mean `"` and `\`; a bare value ends at a ` #`.
"""

import re
from dataclasses import dataclass

_NAME = re.compile(r"(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*(.*)", re.DOTALL)
_SINGLE = re.compile(r"'([^']*)'[ \t]*(?:#.*)?")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"[ \t]*(?:#.*)?')
_COMMENT = re.compile(r"(?:^|[ \t])#.*")


@dataclass(frozen=True)
class Assignment:
    """One `NAME=value` line. `number` is its line number, for messages."""

    number: int
    name: str
    value: str


def parse(text: str) -> tuple[list[Assignment], list[int]]:
    """Return the assignments in file order, and the line numbers of malformed lines.

    Malformed lines are reported only by number, since they may contain a secret. Windows line
    ends and a byte order mark are accepted.
    """
    assignments: list[Assignment] = []
    malformed: list[int] = []
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        stripped = raw.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _NAME.fullmatch(stripped)
        value = None if match is None else _unquote(match[2])
        if match is None or value is None:
            malformed.append(number)
        else:
            assignments.append(Assignment(number, match[1], value))
    return assignments, malformed


def _unquote(text: str) -> str | None:
    """Unquote a value; None when a quote is not closed or text follows it."""
    if text.startswith("'"):
        match = _SINGLE.fullmatch(text)
        return None if match is None else match[1]
    if text.startswith('"'):
        match = _DOUBLE.fullmatch(text)
        return None if match is None else re.sub(r'\\(["\\])', r"\1", match[1])
    return _COMMENT.sub("", text, count=1).rstrip()
