"""What is looked up by a message of a chat is found by an index, however much the chat has seen."""

from dataclasses import replace

from tests.support.ledger_kit import START, a_link, claim, post, send
from tests.support.query_plans import plans_of
from worker.ledger import Ledger, ReplyJob
from worker.ledger.jobs import queue
from worker.ledger.requests import admission, request_lookups
from worker.protocol import Reader, Reply
from worker.protocol.notices import Notice, Topic

CHAT = 7
TOLD = Reply(Reader(CHAT), 5, (Notice(Topic.HELP),))


def test_a_request_is_found_by_the_message_that_answers_it(ledger: Ledger) -> None:
    send(ledger, a_link(CHAT))
    post(ledger, 40)
    db = ledger._db
    found = request_lookups.answered_in(db, CHAT, 40)
    assert found is not None
    assert found.id == 1
    assert request_lookups.answered_in(db, CHAT, 41) is None
    assert request_lookups.answered_in(db, CHAT + 1, 40) is None
    (plan,) = plans_of(ledger, lambda: request_lookups.answered_in(db, CHAT, 40))
    assert "INDEX requests_status_message (chat_id=? AND status_message_id=?)" in plan


def test_presses_that_are_not_answered_are_found_among_those_alone(ledger: Ledger) -> None:
    plans = plans_of(ledger, lambda: queue.show_no_menu(ledger._db, 1))
    assert any("INDEX jobs_running (kind=?)" in plan for plan in plans)
    assert any("INDEX jobs_waiting (pool=? AND priority=?)" in plan for plan in plans)
    assert not any("SCAN jobs" in plan for plan in plans)


def test_what_was_said_below_a_message_is_found_by_that(ledger: Ledger) -> None:
    send(ledger, TOLD)
    claim(ledger, ReplyJob)
    db = ledger._db
    assert admission.has_said(db, TOLD, START, START)
    assert not admission.has_said(db, replace(TOLD, reply_to_id=6), START, START)
    assert not admission.has_said(db, replace(TOLD, notices=(Notice(Topic.HINT),)), START, START)
    assert not admission.has_said(db, replace(TOLD, reader=Reader(CHAT + 1)), START, START)
    plans = plans_of(ledger, lambda: admission.has_said(db, TOLD, START, START))
    assert any("INDEX jobs_replies_below (chat_id=? AND <expr>=?)" in plan for plan in plans)
    assert admission.may_be_told(db, CHAT, START)
