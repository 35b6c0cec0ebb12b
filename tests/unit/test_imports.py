"""Who imports whom: no circles, and no import against the order in worker/README.md."""

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


def test_the_order_of_readme_names_rooms_that_are_there() -> None:
    assert len(layers()) > 2
    assert {room for layer in layers() for room in layer} <= modules().keys()


def test_nothing_imports_in_a_circle() -> None:
    assert circles(imports()) == []


def test_imports_point_one_way() -> None:
    assert against_the_order(imports()) == []


def test_workers_import_neither_the_ledger_nor_the_settings() -> None:
    found = reachable(imports(), "worker.dispatch.worker_setups")
    assert "worker.telegram.handlers" in found
    assert "worker.downloads.ytdlp.fetch" in found
    assert [name for name in sorted(found) if _is_in(name, "worker.ledger")] == []
    assert [name for name in sorted(found) if _is_in(name, "worker.settings")] == []


@pytest.mark.negative
def test_an_import_that_points_up_would_be_found() -> None:
    graph = dict(imports())
    graph["worker.errors"] = {"worker.settings"}
    graph["worker.settings"] = {*graph["worker.settings"], "worker.protocol"}
    assert ("worker.errors", "worker.protocol") in against_the_order(graph)
    assert {"worker.errors", "worker.protocol", "worker.settings"} <= set(circles(graph))
