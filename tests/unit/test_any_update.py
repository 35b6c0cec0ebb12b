"""Any update, as Telegram would never send it, through ledger and handler."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.ledger_kit import QUOTA, START
from tests.support.updates import anything, near_messages, odd_objects
from worker.dispatch import poller
from worker.dispatch.poller import MAX_NESTING, Poller
from worker.dispatch.reachability import Reachability
from worker.ledger import TELEGRAM, Ledger, StatusJob, UpdateJob
from worker.protocol import HandleUpdate
from worker.telegram import Connection, fields, handle_update

TOKEN = "123456789:AAHsandbox-0123456789abcdefghijklmno"
CONNECTION = Connection(TOKEN, "http://127.0.0.1:9")
ADMIN = 5


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path / "ledger.sqlite3")
    yield ledger
    ledger.close()


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller, "RUBBISH_PAUSE_S", 0.0)


def nested(levels: int, inside: object = 1) -> Any:
    for level in range(levels):
        inside = [inside] if level % 2 else {"message": inside}
    return inside


# -------------------------------------------------------------------------- what is recorded

odd_ids = st.integers() | st.floats() | st.text(max_size=3) | st.booleans() | st.none()
updates = st.one_of(
    st.dictionaries(st.text(max_size=5), anything, max_size=3),
    st.dictionaries(st.sampled_from(["message", "callback_query"]), odd_objects, max_size=2),
    near_messages(),
    st.builds(lambda levels: {"message": nested(levels)}, st.integers(1, 900)),
)


def as_polled(update: dict[str, Any], update_id: object) -> dict[str, Any]:
    """Once through the wire: what JSON cannot say does not get here."""
    parsed: dict[str, Any] = json.loads(json.dumps({**update, "update_id": update_id}))
    return parsed


batches = st.lists(
    st.builds(as_polled, updates, odd_ids | st.integers(0, 2**62)), min_size=1, max_size=5
)


def handle_all(ledger: Ledger) -> int:
    """Everything that Telegram workers have to do, done; how many updates there were."""
    handled = 0
    while job := ledger.claim(TELEGRAM, START):
        match job:
            case UpdateJob():
                handled += 1
                task: HandleUpdate = pickle.loads(pickle.dumps(HandleUpdate(job.update)))
                effects = handle_update(
                    task.update, admins=frozenset({ADMIN}), username=lambda: "bot"
                )
                ledger.finish_update(job, effects, QUOTA, START)
            case StatusJob():
                ledger.finish_status(job, 1, START)
            case _:
                ledger.finish(job, START)
    return handled


@settings(
    deadline=None,  # a busy machine is no bug
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(batches)
def test_any_update_goes_through_ledger_and_worker(
    ledger: Ledger, batch: list[dict[str, Any]]
) -> None:
    before = ledger.offset()
    poller = Poller(CONNECTION, lambda: ledger, lambda: None, Reachability())
    offset = poller._record(ledger, batch, before)
    assert offset == max(before, ledger.offset())
    assert handle_all(ledger) <= len(batch)
    assert ledger.claim(TELEGRAM, START) is None


@pytest.mark.negative
def test_an_update_that_nests_too_deep_would_not_reach_a_worker() -> None:
    assert fields.is_shallow(nested(MAX_NESTING), MAX_NESTING)
    assert not fields.is_shallow(nested(MAX_NESTING + 1), MAX_NESTING)
    pickle.dumps(HandleUpdate(nested(MAX_NESTING)))
    with pytest.raises(RecursionError):
        pickle.dumps(HandleUpdate(nested(900)))


# ------------------------------------------------------------------------------ the real poll


# ------------------------------------------------------------------------------- the whole bot
