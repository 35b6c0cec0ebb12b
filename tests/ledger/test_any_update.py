"""Any update, as Telegram would never send it, through ledger and handler."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.ledger_kit import START
from tests.support.updates import TOKEN, any_update, handle_all, nested
from tests.support.updates import without_pauses as without_pauses
from worker.dispatch.poller import MAX_NESTING, Poller
from worker.dispatch.reachability import Reachability
from worker.ledger import TELEGRAM, Ledger
from worker.protocol import HandleUpdate
from worker.telegram import fields
from worker.telegram.api_access import ApiAccess

CONNECTION = ApiAccess(TOKEN, "http://127.0.0.1:9")
pytestmark = pytest.mark.usefixtures("without_pauses")


# -------------------------------------------------------------------------- what is recorded

odd_ids = st.integers() | st.floats() | st.text(max_size=3) | st.booleans() | st.none()


def as_polled(update: dict[str, Any], update_id: object) -> dict[str, Any]:
    """Once through the wire: what JSON cannot say does not get here."""
    parsed: dict[str, Any] = json.loads(json.dumps({**update, "update_id": update_id}))
    return parsed


batches = st.lists(
    st.builds(as_polled, any_update, odd_ids | st.integers(0, 2**62)), min_size=1, max_size=5
)


@settings(
    deadline=None,  # a busy machine is no bug
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(batches)
def test_any_update_goes_through_ledger_and_worker(
    ledger: Ledger, batch: list[dict[str, Any]]
) -> None:
    poller = Poller(CONNECTION, lambda: ledger, lambda: None, Reachability())
    offset = poller._record(ledger, batch, ledger.offset())
    assert offset == ledger.offset()
    assert handle_all(ledger) <= len(batch)
    assert ledger.claim(TELEGRAM, START) is None


@pytest.mark.negative
def test_an_update_that_nests_too_deep_would_not_reach_a_worker() -> None:
    assert fields.is_shallow(nested(MAX_NESTING), MAX_NESTING)
    assert not fields.is_shallow(nested(MAX_NESTING + 1), MAX_NESTING)
    pickle.dumps(HandleUpdate(nested(MAX_NESTING)))
    with pytest.raises(RecursionError):
        pickle.dumps(HandleUpdate(nested(5000)))
