"""The README's table of settings, from their declarations.

`python -m tests.support.settings_table` prints it.
"""

from worker.settings import VARIABLES


def rows() -> list[str]:
    """The lines of the table, its head first."""
    found = ["| name | default | what it is | allowed |", "|---|---|---|---|"]
    for variable in VARIABLES:
        default = f"`{variable.default_text}`" if variable.default_text else ""
        found.append(
            f"| `{variable.name}` | {default} | {variable.purpose} | {variable.kind.allowed} |"
        )
    return found


if __name__ == "__main__":
    print("\n".join(rows()))
