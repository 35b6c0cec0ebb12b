"""Fixtures of the tests that start nothing but open ledgers."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.ledger_kit import make_empty_ledger
from tests.support.start_guard import STARTS, StartGuard
from tests.support.stepped_dispatcher import MakeBot, SteppedDispatcher
from worker import clocks
from worker.dispatch import ytdlp_upgrade
from worker.ledger import Ledger
from worker.ledger.storage import database
from worker.settings import DEFAULT_SITES, Sites

_guard = StartGuard(STARTS)


@pytest.fixture(autouse=True)
def start_guard(monkeypatch: pytest.MonkeyPatch) -> Iterator[StartGuard]:
    """Fails a test that starts a process or a server."""
    with _guard.on(monkeypatch) as guard:
        yield guard


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets no ledger wait for the disk, since no machine loses its power here."""
    monkeypatch.setattr(database, "SYNCHRONOUS", "OFF")


@pytest.fixture
def ledger_file(tmp_path: Path) -> Path:
    """Where the ledger of the test lies."""
    return tmp_path / "ledger.sqlite3"


@pytest.fixture
def ledger(ledger_file: Path) -> Iterator[Ledger]:
    """An empty ledger."""
    make_empty_ledger(ledger_file)
    ledger = Ledger(ledger_file)
    yield ledger
    ledger.close()


@pytest.fixture
def free_bytes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How much of the disk is free, for the test to change: at first all of it."""
    total = 10**12
    free = [total]
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _path: SimpleNamespace(total=total, free=free[0])
    )
    return free


@pytest.fixture
def make_bot(
    tmp_path: Path, free_bytes: list[int], monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakeBot]:
    """Makes dispatchers to be stepped through, of one directory; settings by their names."""
    monkeypatch.setattr(ytdlp_upgrade, "CHECK_EVERY_S", float("inf"))
    monkeypatch.setattr(ytdlp_upgrade, "_state_of", lambda _path: frozenset())
    made: list[SteppedDispatcher] = []

    def make(sites: Sites = DEFAULT_SITES, **settings: str) -> SteppedDispatcher:
        bot = SteppedDispatcher(tmp_path / "data", sites, **settings)
        made.append(bot)
        # A stop's grace begins when it is ordered, which other threads do.
        monkeypatch.setattr(clocks, "monotonic", lambda: bot.now)
        return bot

    yield make
    for bot in made:
        bot.close()


@pytest.fixture
def bot(make_bot: MakeBot) -> SteppedDispatcher:
    """A dispatcher to be stepped through, with two downloads at a time and four calls."""
    return make_bot()
