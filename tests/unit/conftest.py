"""Fixtures of the tests that start nothing and open no database."""

from collections.abc import Iterator

import pytest

from tests.support.start_guard import DATABASES, STARTS, StartGuard

_guard = StartGuard(STARTS | DATABASES)


@pytest.fixture(autouse=True)
def start_guard(monkeypatch: pytest.MonkeyPatch) -> Iterator[StartGuard]:
    """Fails a test that starts a process or a server, or opens a database."""
    with _guard.on(monkeypatch) as guard:
        yield guard
