"""The table `state`: numbers and documents, each under its name."""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar, cast

from worker.ledger.storage.database import Database

_Record = TypeVar("_Record")


def number(db: Database, name: str) -> int:
    """The number of this name; 0 before there was one."""
    return db.value("SELECT value FROM state WHERE name = ?", name) or 0


def raise_number(db: Database, name: str, value: int) -> None:
    """Raise a number to `value`, unless it is higher already."""
    db.execute(
        "INSERT INTO state VALUES (?, ?)"
        " ON CONFLICT DO UPDATE SET value = max(value, excluded.value)",
        name,
        value,
    )


def put_number(db: Database, name: str, value: int) -> None:
    """Put a number in place of the one of this name."""
    db.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", name, value)


def document(db: Database, name: str) -> dict[str, Any]:
    """The document that was put under this name; empty for none."""
    text = db.value("SELECT value FROM state WHERE name = ?", name)
    return dict(json.loads(text)) if text else {}


def put_document(db: Database, name: str, value: Mapping[str, Any]) -> None:
    """Put a document in place of the one of this name."""
    db.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", name, json.dumps(value))


def records(kind: type[_Record], document: Mapping[str, Any]) -> dict[str, _Record]:
    """Read dataclasses by their names, from a document of this version or of another one.

    Fields that `kind` does not have are left out, and so is what it cannot be made of.
    """
    known = {field.name for field in fields(cast(Any, kind))}
    found = {}
    for name, value in document.items():
        with contextlib.suppress(AttributeError, TypeError):
            found[name] = kind(**{key: each for key, each in value.items() if key in known})
    return found
