"""Who writes which table: one module each, as `worker/ledger/storage/schema.py` says."""

import ast
import re
from pathlib import Path

import pytest

import worker.ledger
from worker.ledger import Ledger
from worker.ledger.storage import schema
from worker.ledger.storage.database import Database

MODULES = {
    path.stem: path
    for path in Path(worker.ledger.__file__).parent.rglob("*.py")
    if path.stem != "__init__"
}

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
    for name, module in MODULES.items():
        if name not in OF_ALL:
            foreign = {t for t in written_by(module) if known.get(t) != name}
            assert not foreign, f"{module.name} writes to {foreign}"


def test_every_owner_writes_its_tables() -> None:
    for table, owner in owners().items():
        assert table in written_by(MODULES[owner])


# ----------------------------------------------------------------- statements planned once


def compared_by_indexes(db: Database) -> set[str]:
    """The columns of which some partial index is for one value, such as `state`."""
    rows = db.execute("SELECT sql FROM sqlite_master WHERE type = 'index' AND sql LIKE '%WHERE%'")
    return {
        column
        for row in rows
        for column in re.findall(r"(\w+) = '", str(row["sql"]).partition("WHERE")[2])
    }


def planned_each_time(text: str, columns: set[str]) -> list[str]:
    """The comparisons in a module's SQL that make SQLite plan a statement whenever it is run."""
    found = re.findall(r"\b(\w+) (?:=|IS) [?:]", text)
    return [column for column in found if column in columns]


def test_no_statement_is_planned_each_time_it_is_run(ledger: Ledger) -> None:
    columns = compared_by_indexes(ledger._db)
    assert {"pool", "kind"} <= columns
    for module in MODULES.values():
        # `panels` has a column of the same name and no such index.
        text = module.read_text("utf-8").replace("UPDATE panels SET state = ?", "")
        assert planned_each_time(text, columns) == [], module.name


@pytest.mark.negative
def test_statement_that_is_planned_each_time_would_be_found() -> None:
    assert planned_each_time("WHERE pool = ? AND id = ?", {"pool"}) == ["pool"]
    assert planned_each_time("WHERE pool = :pool", {"pool"}) == ["pool"]
    assert planned_each_time("WHERE pool = +:pool", {"pool"}) == []
