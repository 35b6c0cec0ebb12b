r"""Reads a `.env` file: `NAME=value` lines, the way a shell would take them, without running any.

Only this much is understood: blank lines, `# comments`, a leading `export`, values bare or in
single or double quotes. Nothing is expanded: a token or password may hold a `$`. In double quotes
`\"` and `\\` stand for `"` and `\`; a bare value ends at a ` #`.
"""

import re
from dataclasses import dataclass

_NAME = re.compile(r"(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*(.*)", re.DOTALL)
_SINGLE = re.compile(r"'([^']*)'[ \t]*(?:#.*)?")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"[ \t]*(?:#.*)?')
_COMMENT = re.compile(r"(?:^|[ \t])#.*")


@dataclass(frozen=True)
class Line:
    """One assignment, and the number of its line for messages."""

    number: int
    name: str
    value: str


def parse(text: str) -> tuple[list[Line], list[int]]:
    """The assignments in the order of the file, and the numbers of the malformed lines.

    A malformed line is known by its number alone, since it may well be a secret in the wrong
    place. Windows line ends and a byte order mark are no mistakes.
    """
    lines: list[Line] = []
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
            lines.append(Line(number, match[1], value))
    return lines, malformed


def _unquote(text: str) -> str | None:
    """The value that `text` stands for, None when a quote is not closed or something follows."""
    if text.startswith("'"):
        match = _SINGLE.fullmatch(text)
        return None if match is None else match[1]
    if text.startswith('"'):
        match = _DOUBLE.fullmatch(text)
        return None if match is None else re.sub(r'\\(["\\])', r"\1", match[1])
    return _COMMENT.sub("", text, count=1).rstrip()
