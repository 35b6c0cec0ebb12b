"""In which order the updates of one person are read: an edit after its message, and so on."""

from typing import Any

import pytest

from tests.support.ledger_kit import QUOTA, START, claim
from tests.support.query_plans import plans_of
from tests.support.updates import GROUP, USER, edited, said
from worker.ledger import TELEGRAM, Ledger, UpdateJob
from worker.ledger.jobs.next_job import ClaimRules, PausedChats

A, B = "https://a.example/1", "https://b.example/2"


def test_edit_is_read_after_all_that_its_person_sent_before_it(ledger: Ledger) -> None:
    updates = [said("x") | {"update_id": 1}, edited(A) | {"update_id": 2}]
    ledger.record_updates([*updates, said('"edited_message":') | {"update_id": 3}], START)
    first, third = claim(ledger, UpdateJob), claim(ledger, UpdateJob)
    assert [first.update["update_id"], third.update["update_id"]] == [1, 3]
    assert ledger.claim(TELEGRAM, START) is None
    ledger.put_back(first, 60, START, refund=False)
    assert ledger.claim(TELEGRAM, START) is None
    first = claim(ledger, UpdateJob, now=60)
    ledger.finish_update(first, (), QUOTA, START)
    assert claim(ledger, UpdateJob).update["update_id"] == 2


@pytest.mark.parametrize("update", [edited(B), said("/cancel")], ids=["edit", "cancel"])
@pytest.mark.parametrize("first_waits", [False, True])
def test_an_update_of_somebody_else_is_not_waited_for(
    ledger: Ledger, update: dict[str, Any], first_waits: bool
) -> None:
    other = said("/settings@our_bot", user=USER + 1, chat=GROUP)
    ledger.record_updates([other | {"update_id": 1}, update | {"update_id": 2}], START)
    first = claim(ledger, UpdateJob)
    if first_waits:
        ledger.put_back(first, 600, START, refund=True)
    assert claim(ledger, UpdateJob).update["update_id"] == 2


def test_an_update_that_is_no_json_for_sqlite_is_not_waited_for(ledger: Ledger) -> None:
    broken: dict[str, Any] = {"update_id": 1, "message": {"date": float("nan")}}
    ledger.record_updates([broken, said("/cancel") | {"update_id": 2}], START)
    assert [claim(ledger, UpdateJob).update["update_id"] for _ in range(2)] == [1, 2]


@pytest.mark.parametrize("sender_id", ["Ada", 1.5, 2**70, True, [], {}, None])
def test_a_sender_of_which_the_id_is_no_number_holds_up_nobody(
    ledger: Ledger, sender_id: object
) -> None:
    odd: dict[str, Any] = {"update_id": 1, "message": {"text": "x", "from": {"id": sender_id}}}
    ledger.record_updates([odd, said("/cancel") | {"update_id": 2}], START)
    assert [claim(ledger, UpdateJob).update["update_id"] for _ in range(2)] == [1, 2]


def test_what_a_person_has_sent_before_is_found_by_an_index(ledger: Ledger) -> None:
    ledger.record_updates([said("/cancel") | {"update_id": 1}], START)
    plans = plans_of(
        ledger,
        lambda: ledger.claim(TELEGRAM, START, ClaimRules(paused=PausedChats(apart_from_s=1))),
    )
    assert any("INDEX jobs_updates_of (user_id=? AND state=?" in plan for plan in plans)


def test_it_is_not_kept_who_has_sent_what_is_done(ledger: Ledger) -> None:
    ledger.record_updates([said("/cancel") | {"update_id": 1}], START)
    job = claim(ledger, UpdateJob)
    sender = "SELECT user_id FROM jobs WHERE kind = 'update'"
    with ledger._db.reading():
        assert ledger._db.value(sender) == USER
    ledger.finish_update(job, (), QUOTA, START)
    with ledger._db.reading():
        assert ledger._db.value(sender) is None


@pytest.mark.parametrize("text", ["/cancel", "/Cancel@our_bot", "/CANCEL all"])
def test_cancel_is_read_after_the_links_that_it_is_meant_for(ledger: Ledger, text: str) -> None:
    updates = [said(A) | {"update_id": 1}, said(text) | {"update_id": 2}]
    ledger.record_updates([*updates, said("cancel") | {"update_id": 3}], START)
    first, third = claim(ledger, UpdateJob), claim(ledger, UpdateJob)
    assert [first.update["update_id"], third.update["update_id"]] == [1, 3]
    assert ledger.claim(TELEGRAM, START) is None
    ledger.finish_update(first, (), QUOTA, START)
    assert claim(ledger, UpdateJob).update["update_id"] == 2


@pytest.mark.parametrize(
    ("first", "second"),
    [("/pause", "/resume"), ("/resume", "/pause"), ("/ban 5", "/unban 5"), ("/unban 5", "/ban 5")],
)
def test_commands_that_undo_each_other_are_read_in_their_order(
    ledger: Ledger, first: str, second: str
) -> None:
    ledger.record_updates([said(first) | {"update_id": 1}, said(second) | {"update_id": 2}], START)
    job = claim(ledger, UpdateJob)
    assert job.update["update_id"] == 1
    assert ledger.claim(TELEGRAM, START) is None
    ledger.finish_update(job, (), QUOTA, START)
    assert claim(ledger, UpdateJob).update["update_id"] == 2
