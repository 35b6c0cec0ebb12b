"""Who imports whom: no circles, also none of folders, and no import against worker/README.md."""

import ast
import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

Graph = Mapping[str, set[str]]


def modules() -> dict[str, Path]:
    """The product's modules by their names."""
    found = [ROOT / "bot.py", *ROOT.glob("worker/**/*.py"), *ROOT.glob("maintenance/**/*.py")]
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in found
    }


@functools.cache
def imports() -> Graph:
    """What each module imports of the product, wherever in its text."""
    known = modules()
    return {name: set(_imported(path, known)) - {name} for name, path in known.items()}


def _imported(path: Path, known: Mapping[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} imports by a relative name"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if inner in known:
                    yield inner
                elif node.module in known:
                    yield str(node.module)


def reachable(graph: Graph, start: str) -> set[str]:
    """All that a module imports, directly or not."""
    found: set[str] = set()
    pending = [start]
    while pending:
        new = graph[pending.pop()] - found
        found |= new
        pending += new
    return found


def circles(graph: Graph) -> list[str]:
    """The modules that import themselves by way of others."""
    return [name for name in graph if name in reachable(graph, name)]


def layers() -> list[list[str]]:
    """The order of worker/README.md, from those that import to those that are imported."""
    text = (ROOT / "worker" / "README.md").read_text("utf-8")
    line = re.search(r"^Imports point one way: (.*)\.$", text, re.MULTILINE)
    assert line
    return [re.findall(r"`([a-z.]+)`", layer) for layer in line[1].split("→")]


def folders(graph: Graph) -> Graph:
    """What the modules of each folder import of other folders, but for those above and below it."""
    packages = {name.rpartition(".")[0] for name in graph}
    home = {name: name if name in packages else name.rpartition(".")[0] for name in graph}
    found: dict[str, set[str]] = {folder: set() for folder in home.values()}
    for name, imported in graph.items():
        for folder in {home[each] for each in imported}:
            if not _is_in(folder, home[name]) and not _is_in(home[name], folder):
                found[home[name]].add(folder)
    return found


def against_the_order(graph: Graph) -> list[tuple[str, str]]:
    """Each module that imports, directly or not, one of a layer above its own."""
    order = layers()
    return [
        (low, high)
        for place, layer in enumerate(order)
        for low in graph
        if any(_is_in(low, room) for room in layer)
        for high in sorted(reachable(graph, low))
        if any(_is_in(high, room) for above in order[:place] for room in above)
    ]


def _is_in(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


IMPORTED_IN_TEXT = re.compile(r"\bfrom ((?:worker|maintenance)\b[\w.]*) import (\(?[\w, \n]+)")
"""An import in code that another interpreter is to run."""


def missing_in_text(code: str) -> Iterator[str]:
    """What the scripts in a module's strings import of the project and is not there."""
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        for module, names in IMPORTED_IN_TEXT.findall(node.value):
            path = ROOT.joinpath(*module.split("."))
            file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
            text = file.read_text("utf-8") if file.is_file() else ""
            for name in re.findall(r"\w+", re.sub(r" as \w+", "", names.split("\n")[0])):
                is_module = (path / name).is_dir() or (path / f"{name}.py").is_file()
                if not is_module and not re.search(rf"\b{name}\b", text):
                    yield f"{module}.{name}"


@pytest.mark.parametrize("folder", ["worker", "maintenance", "tests"])
def test_scripts_in_strings_import_what_is_there(folder: str) -> None:
    for path in {*(ROOT / folder).rglob("*.py")} - {Path(__file__)}:
        assert list(missing_in_text(path.read_text("utf-8"))) == [], path


@pytest.mark.negative
def test_a_missing_import_in_a_string_would_be_found() -> None:
    code = (
        'SCRIPT = "import sys; from worker.ledger import Ledger, gone; from worker.gone import x"'
    )
    assert list(missing_in_text(code)) == ["worker.ledger.gone", "worker.gone.x"]


def test_the_order_of_readme_names_rooms_that_are_there() -> None:
    assert len(layers()) > 2
    assert {room for layer in layers() for room in layer} <= modules().keys()


def test_nothing_imports_in_a_circle() -> None:
    assert circles(imports()) == []


def test_no_folders_import_each_other() -> None:
    found = folders(imports())
    assert "worker.ledger.storage" in found["worker.ledger.jobs"]
    assert circles(found) == []


def test_imports_point_one_way() -> None:
    assert against_the_order(imports()) == []


def test_workers_import_neither_the_ledger_nor_the_settings() -> None:
    found = reachable(imports(), "worker.dispatch.worker_setups")
    assert "worker.telegram.handlers" in found
    assert "worker.downloads.ytdlp.fetch" in found
    assert [name for name in sorted(found) if _is_in(name, "worker.ledger")] == []
    assert [name for name in sorted(found) if _is_in(name, "worker.settings")] == []


@pytest.mark.negative
def test_folders_that_import_each_other_would_be_found() -> None:
    graph = dict(imports())
    storage = "worker.ledger.storage.state"
    graph[storage] = {*graph[storage], "worker.ledger.jobs.begun"}
    assert circles(graph) == []
    assert {"worker.ledger.storage", "worker.ledger.jobs"} <= set(circles(folders(graph)))


@pytest.mark.negative
def test_an_import_that_points_up_would_be_found() -> None:
    graph = dict(imports())
    graph["worker.errors"] = {"worker.settings"}
    graph["worker.settings"] = {*graph["worker.settings"], "worker.protocol"}
    assert ("worker.errors", "worker.protocol") in against_the_order(graph)
    assert {"worker.errors", "worker.protocol", "worker.settings"} <= set(circles(graph))
