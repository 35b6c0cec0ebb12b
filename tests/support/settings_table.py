"""The README's table of settings, from their declarations.

`python -m tests.support.settings_table` prints it.
"""

from pathlib import Path

from worker.settings import VARIABLES
from worker.settings.variables import Variable


def default_text(variable: Variable) -> str:
    """The default as an operator would write it, empty when there is none."""
    match variable.default:
        case None:
            return ""
        case bool(is_on):
            return "on" if is_on else "off"
        case float(number):
            return f"{number:g}"
        case tuple() | frozenset() as several:
            return ",".join(map(str, several))
        case Path() as path:
            return f"./{path}"
        case other:
            return str(other)


def rows() -> list[str]:
    """The lines of the table, its head first."""
    found = ["| name | default | what it is | allowed |", "|---|---|---|---|"]
    for variable in VARIABLES:
        default = f"`{text}`" if (text := default_text(variable)) else ""
        found.append(
            f"| `{variable.name}` | {default} | {variable.purpose} | {variable.kind.allowed} |"
        )
    return found


if __name__ == "__main__":
    print("\n".join(rows()))
