"""The language in which a person is answered: taken from the update, kept with the request."""

import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.ledger_kit import QUOTA, START, claim, send
from tests.support.updates import pressed, said
from worker.ledger import ButtonJob, Ledger, ReplyJob, StatusJob, UpdateJob
from worker.ledger.storage.schema import MIGRATIONS
from worker.protocol import AnswerButton, Reader, Reply
from worker.protocol.effects import CancelRequest, OpenRequest
from worker.protocol.notices import Notice, Refusal, Topic
from worker.telegram import texts
from worker.telegram.handlers import handle_update
from worker.telegram.texts import ENGLISH

LINK = "https://a.example/x"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


@pytest.mark.parametrize("tag", ["en", "en-GB", "EN-us", "", "tlh", "pt-br", "../..", "e\0n"])
def test_person_without_a_catalogue_is_answered_in_english(tag: str) -> None:
    assert texts.catalogue_of(tag) is ENGLISH


@pytest.fixture
def klingon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(texts._BY_LANGUAGE, "tlh", replace(ENGLISH, language="tlh"))


def test_person_is_answered_in_their_own_language(klingon: None) -> None:
    def speaks(update: dict[str, Any]) -> dict[str, Any]:
        (event,) = (value for key, value in update.items() if key != "update_id")
        event["from"]["language_code"] = "tlh-KX"
        return update

    (reply,) = handle_update(speaks(said("hello")))
    assert isinstance(reply, Reply)
    assert reply.reader == Reader(1001, "tlh")
    (link,) = handle_update(speaks(said(LINK)))
    assert isinstance(link, OpenRequest)
    assert link.language == "tlh"
    (press,) = handle_update(speaks(pressed("cancel:1")))
    assert isinstance(press, CancelRequest)
    assert press.language == "tlh"
    (dead,) = handle_update(speaks(pressed("x")))
    assert isinstance(dead, AnswerButton)
    assert dead.language == "tlh"


def test_what_a_person_has_set_goes_before_what_telegram_says(klingon: None) -> None:
    (reply,) = handle_update(said("hello"), language="tlh")
    assert isinstance(reply, Reply)
    assert reply.reader == Reader(1001, "tlh")
    (press,) = handle_update(pressed("cancel:1"), language="tlh")
    assert isinstance(press, CancelRequest)
    assert press.language == "tlh"


@pytest.mark.parametrize("code", [None, 7, ["en"], {"a": 1}, "x" * 10_000])
def test_odd_language_is_english(code: object) -> None:
    update = said("hello")
    update["message"]["from"]["language_code"] = code
    (reply,) = handle_update(update)
    assert isinstance(reply, Reply)
    assert reply.reader.language == "en"


def test_language_of_a_request_outlives_a_restart(path: Path) -> None:
    ledger = Ledger(path)
    send(ledger, OpenRequest(7, 7, 1, LINK, "key", language="tlh"))
    ledger.close()
    ledger = Ledger(path)
    assert claim(ledger, StatusJob).request.reader == Reader(7, "tlh")
    ledger.close()


def test_what_the_ledger_answers_itself_is_in_the_persons_language(path: Path) -> None:
    ledger = Ledger(path)
    ledger.record_updates([{"update_id": 1}], START)
    link = OpenRequest(7, 7, 1, LINK, "key", language="tlh")
    press = CancelRequest(99, 7, "callback", "tlh")
    nothing = replace(QUOTA, waiting=0)
    ledger.finish_update(claim(ledger, UpdateJob), [link, press], nothing, START)
    assert claim(ledger, ButtonJob).answer.language == "tlh"
    reply = claim(ledger, ReplyJob).reply
    assert reply == Reply(Reader(7, "tlh"), 1, (Notice(Refusal.WAITING),))
    ledger.close()


def test_notice_comes_back_from_the_ledger_with_its_values(path: Path) -> None:
    ledger = Ledger(path)
    notices = (Notice(Topic.LINKS_LEFT_OUT, {"count": 3, "most_links": 5}), Notice(Topic.HINT))
    reply = Reply(Reader(7), None, notices)
    send(ledger, reply)
    assert claim(ledger, ReplyJob).reply == reply
    ledger.close()


def test_replies_that_waited_in_an_older_ledger_are_said_as_they_were_written(path: Path) -> None:
    old = sqlite3.connect(path)
    old.execute("PRAGMA application_id = 1179927113")
    old.executescript("".join(MIGRATIONS[:4]))
    old.execute("PRAGMA user_version = 4")
    text = "Too {many} “links”\nin one day"
    waiting = {
        "reply": {"chat_id": -10_012, "reply_to": None, "text": text},
        "button": {"callback_id": "42", "text": "Stopped."},
    }
    for kind, payload in waiting.items():
        old.execute(
            "INSERT INTO jobs (kind, pool, priority, payload, created_at, waits_since, not_before)"
            " VALUES (?, 'telegram', 0, ?, 0, 0, 0)",
            (kind, json.dumps(payload)),
        )
    old.commit()
    old.close()
    ledger = Ledger(path)
    assert claim(ledger, ReplyJob).reply == Reply(
        Reader(-10_012), None, (Notice(Topic.VERBATIM, {"text": text}),)
    )
    assert claim(ledger, ButtonJob).answer == AnswerButton(
        "42", "en", Notice(Topic.VERBATIM, {"text": "Stopped."})
    )
    ledger.close()
