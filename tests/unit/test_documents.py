"""The READMEs and .github: short table cells, paths that exist, and a row for every module."""

import re
from pathlib import Path

import pytest

from worker.telegram.commands import Command

ROOT = Path(__file__).parents[2]

DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "worker" / "SITES.md",
    ROOT / "worker" / "CHAT.md",
    *(ROOT / folder / "README.md" for folder in ("worker", "maintenance", "tests")),
    *sorted((ROOT / ".github").glob("*.md")),
]
ARCHITECTURE = ROOT / "worker" / "README.md"

OPERATORS_FILES = {"sites.toml", "cookies.txt"}
"""What the documents name and an operator makes."""

LONGEST_CELL = 200
MOST_WORDS = 15

PROCESSES = {
    *("all", "main", "fork server", "telegram worker"),
    *("downloads worker", "download", "judge", "command"),
}

_PATH = re.compile(
    r"(?:\.github|\.ci|worker|maintenance|tests)(?:/[\w.-]+)*/?"
    r"|bot\.py|[\w.-]+\.(?:conf|txt|toml|md)"
)
_BLOCK = re.compile(r"```.*?```", re.DOTALL)


def rows(text: str) -> list[list[str]]:
    """The cells of each row of a document's tables, heads included."""
    lines = [line for line in text.splitlines() if re.match(r"\|(?!-)", line)]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def named_paths(text: str) -> set[str]:
    """The paths of this repository that a document names, links to or has in a command."""
    words = re.findall(r"`([^`\n]+)`", _BLOCK.sub("", text))
    words += " ".join(_BLOCK.findall(text)).split()
    linked = re.findall(r"(?:\]\(|src=\")(?!https?:)([^)\"#]+)", text)
    return {word for word in words if _PATH.fullmatch(word)} | set(linked)


def exists(name: str, document: Path) -> bool:
    """Whether a path is there, seen from the top or, in a link, from the document."""
    is_there = (ROOT / name).exists() or (document.parent / name).exists()
    return is_there or name in OPERATORS_FILES


def module_table() -> dict[str, str]:
    """Each module or folder of the table of modules, and where it runs."""
    found = {}
    for row in rows(ARCHITECTURE.read_text("utf-8")):
        if len(row) == 3 and row[2] != "runs in":
            found[row[0].strip("`")] = row[2]
    return found


def without_a_row(modules: list[str], table: dict[str, str]) -> list[str]:
    """The modules for which neither they nor the folder that they are in has a row."""
    return [
        module
        for module in modules
        if module not in table and module.rpartition("/")[0] + "/" not in table
    ]


def modules() -> list[str]:
    """The product's modules, as paths from the top."""
    found = [*ROOT.glob("worker/**/*.py"), *ROOT.glob("maintenance/**/*.py")]
    return [str(path.relative_to(ROOT)) for path in found]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_cells_are_short(path: Path) -> None:
    cells = [cell for row in rows(path.read_text("utf-8")) for cell in row]
    assert [cell for cell in cells if len(cell) > LONGEST_CELL] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_named_paths_are_there(path: Path) -> None:
    names = named_paths(path.read_text("utf-8"))
    assert [name for name in sorted(names) if not exists(name, path)] == []


@pytest.mark.negative
def test_a_path_that_is_gone_would_be_found() -> None:
    text = "`worker/gone.py`, `.github/gone.yml`, `gone.conf`, [gone](gone/README.md#part), "
    text += '<img src="gone.png">'
    names = named_paths(text)
    assert len(names) == 5
    assert not any(exists(name, ARCHITECTURE) for name in names)


@pytest.mark.parametrize("command", [each for each in Command if each.is_listed and each != "help"])
def test_every_command_is_told_of(command: Command) -> None:
    assert f"/{command}" in (ROOT / "worker" / "CHAT.md").read_text("utf-8")


def test_every_module_has_a_row_or_its_folder_has() -> None:
    assert without_a_row(modules(), module_table()) == []


@pytest.mark.negative
def test_a_module_without_a_row_would_be_found() -> None:
    new = ["worker/new.py", "worker/downloads/new/part.py", "worker/ledger/new.py"]
    assert without_a_row(new, module_table()) == new[:2]


def test_the_table_of_modules_says_where_each_runs() -> None:
    for name, where in module_table().items():
        assert set(where.split(", ")) <= PROCESSES, name


def test_the_project_needs_few_words_of_its_own() -> None:
    glossary = ARCHITECTURE.read_text("utf-8").split("\n## Words\n")[1].split("\n## ")[0]
    assert 0 < len(rows(glossary)) - 1 <= MOST_WORDS
