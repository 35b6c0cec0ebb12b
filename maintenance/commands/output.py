"""How commands print: sentences and tables for people, JSON for programs.

What a stranger may have written never reaches the terminal as it is.
"""

import json
import shutil
from collections.abc import Sequence
from typing import Any

from worker.logs import printable, redact

WIDTH = 80


def say(text: str) -> None:
    """Print a text without secrets and control characters."""
    print(printable(redact(text)))


def print_json(value: Any) -> None:
    print(redact(json.dumps(value, indent=2, ensure_ascii=True)))


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows under their head, as wide as the terminal at most: the last column is cut.

    Numbers are aligned to the right.
    """
    cells = [list(map(_cell, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    right = [
        all(isinstance(value, int | float) for value in column)
        for column in zip(*rows, strict=True)
    ]
    lines = []
    for row in [list(head), *cells]:
        padded = [
            cell.rjust(width) if is_right else cell.ljust(width)
            for cell, width, is_right in zip(row, widths, right, strict=True)
        ]
        lines.append(_cut("  ".join(padded).rstrip()))
    return "\n".join(lines)


def one_line(text: str) -> str:
    """A text without secrets, control characters and line ends."""
    return " ".join(printable(redact(text)).split())


def _cell(value: object) -> str:
    return one_line(
        "-" if value is None else f"{value:.0f}" if isinstance(value, float) else str(value)
    )


def _cut(line: str) -> str:
    width = max(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns)
    return line if len(line) <= width else line[: width - 1] + "…"
