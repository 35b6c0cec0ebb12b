"""Output of commands: sentences, tables and findings for people, JSON for programs.

What a stranger may have written never reaches the terminal unchanged. For a terminal, lines are
wrapped to its width; a pipe or a file gets each line whole.
"""

import io
import json
import os
import shutil
import stat
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from worker.logs import printable, redact

_NARROWEST = 20
"""How many columns a text gets at least, however narrow the terminal is."""


def escape_unprintable() -> None:
    """Print characters that the locale lacks as escapes, instead of failing."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def try_to_print(write: Callable[[], None]) -> bool:
    """Print by calling `write`. False if that fails; stderr says why.

    A reader that has read enough, such as `| head`, is no error.
    """
    try:
        write()
        sys.stdout.flush()
    except BrokenPipeError:
        return True
    except OSError as error:
        print(f"This cannot be printed: {error.strerror}", file=sys.stderr)
        return False
    else:
        return True
    finally:
        drop_unwritten()


def drop_unwritten() -> None:
    """Drop what cannot be written to stdout, for which Python would exit with code 120."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(text: str) -> None:
    """Print a text without secrets and control characters."""
    print(printable(redact(text)))


def print_json(value: Any) -> None:
    print(to_json(value))


def to_json(value: Any) -> str:
    """`value` for programs, without secrets."""
    return json.dumps(_redacted(value), indent=2, ensure_ascii=True)


def _redacted(value: Any) -> Any:
    # Each text by itself: in finished JSON this would take quotation marks and escapes along.
    match value:
        case str():
            return redact(value)
        case list() | tuple():
            return [_redacted(each) for each in value]
        case dict():
            return {_redacted(key): _redacted(each) for key, each in value.items()}
        case _:
            return value


def table(head: Sequence[str], rows: Sequence[Sequence[object]], *, wraps: bool = True) -> str:
    """Rows under their head; on a terminal the last column is wrapped if `wraps`.

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
        *padded, last = [
            cell.rjust(width) if is_right else cell.ljust(width)
            for cell, width, is_right in zip(row, widths, right, strict=True)
        ]
        lead = "".join(f"{cell}  " for cell in padded)
        lines.append((hang(lead, last.rstrip()) if wraps else lead + last).rstrip())
    return "\n".join(lines)


def hang(lead: str, text: str) -> str:
    """`text` after `lead`, wrapped to the terminal with further lines indented below `text`.

    Words stay whole, so that commands and paths can be copied.
    """
    if not sys.stdout.isatty():
        return lead + text
    room = max(_NARROWEST, shutil.get_terminal_size().columns - len(lead))
    lines = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False)
    return lead + ("\n" + " " * len(lead)).join(lines)


def replace_file(path: Path, text: str, mode: int = 0o644) -> None:
    """Replace a file's text; by default every user may read it. Raises OSError.

    Whoever reads the file finds the old text or the new one, and never a part. What is not an
    ordinary file is left alone: as root it could be /dev/null, or /dev/stdout, which is a link.
    """
    if os.path.lexists(path) and not stat.S_ISREG(path.lstat().st_mode):
        raise FileExistsError(f"{path} is not an ordinary file, so it is left alone")
    with NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}-", delete=False
    ) as new:
        try:
            new.write(text)
            new.flush()
            os.fchmod(new.fileno(), mode)
            os.replace(new.name, path)
        except BaseException:
            os.unlink(new.name)
            raise


def redacted_line(text: str) -> str:
    """A text without secrets, control characters and line ends."""
    return " ".join(printable(redact(text)).split())


def _cell(value: object) -> str:
    return redacted_line(
        "-" if value is None else f"{value:.0f}" if isinstance(value, float) else str(value)
    )
