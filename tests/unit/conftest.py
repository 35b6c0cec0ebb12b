"""Fixtures of the tests that start nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.ledger import Ledger


@pytest.fixture
def ledger_file(tmp_path: Path) -> Path:
    """Where the ledger of the test lies."""
    return tmp_path / "ledger.sqlite3"


@pytest.fixture
def ledger(ledger_file: Path) -> Iterator[Ledger]:
    """An empty ledger."""
    ledger = Ledger(ledger_file)
    yield ledger
    ledger.close()
