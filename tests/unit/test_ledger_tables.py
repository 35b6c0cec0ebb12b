"""Who writes which table: one module each, as `worker/ledger/schema.py` says."""

import ast
import re
from pathlib import Path

from worker.ledger import schema

LEDGER = Path(schema.__file__).parent

OF_ALL = {"retention", "schema", "fairness"}
"""Modules that the docstring names as exceptions, and the one that makes the tables."""

WRITES = re.compile(r"\b(?:INSERT(?: OR \w+)? INTO|UPDATE|DELETE FROM) ([a-z_]+)\b")


def owners() -> dict[str, str]:
    """The table in the docstring: the owner of each table."""
    found: dict[str, str] = {}
    for tables, owner in re.findall(r"^    ([a-z_, ]+?)  +(\w+)$", schema.__doc__ or "", re.M):
        found.update(dict.fromkeys(tables.split(", "), owner))
    return found


def written_by(module: Path) -> set[str]:
    """The tables that a module's statements write to."""
    strings = [
        node.value
        for node in ast.walk(ast.parse(module.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    calls = re.findall(r"\.insert\(\s*\"([a-z_]+)\"", module.read_text("utf-8"))
    return {table for text in strings for table in WRITES.findall(text)} | set(calls)


def test_each_table_is_written_by_its_owner_alone() -> None:
    known = owners()
    assert {"jobs", "requests", "media", "links", "state", "processes"} <= known.keys()
    for module in LEDGER.glob("*.py"):
        if module.stem not in OF_ALL:
            foreign = {t for t in written_by(module) if known.get(t) != module.stem}
            assert not foreign, f"{module.name} writes to {foreign}"


def test_every_owner_writes_its_tables() -> None:
    for table, owner in owners().items():
        if (LEDGER / f"{owner}.py").exists():
            assert table in written_by(LEDGER / f"{owner}.py")
