"""That a chaos run sees what must not become of buttons, lists and commands."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.chaos import choices, outcome, people
from tests.chaos.buttons import Button, SeenButtons
from tests.chaos.choices import Choices
from tests.chaos.people import Pressed, Sent
from tests.sandbox.api import DEFAULT_CHAT as CHAT
from tests.sandbox.api import BotApi
from tests.sandbox.client import Client
from tests.support.ledger_kit import make_empty_ledger
from tests.support.sandbox_kit import api as api
from tests.support.sandbox_kit import client as client
from tests.support.sandbox_kit import edit_media, send_text
from worker.ledger import ledger_path
from worker.ledger.lists.lists import MAX_AN_HOUR

REQUEST = {"user_id": CHAT, "url": "", "media_key": "", "created_at": 1.0, "answered_at": 2.0}
BATCH = {
    "list_id": 1,
    "chat_id": CHAT,
    "user_id": CHAT,
    "message_id": 7,
    "language": "en",
    "form": "all",
    "fresh": 0,
    "title": "A feed",
    "items": "[1,2,3]",
    "created_at": 1.0,
}
PANEL = {
    "kind": "queue",
    "chat_id": CHAT,
    "language": "en",
    "user_id": CHAT,
    "state": "{}",
    "reply_to": 7,
    "opened_at": 1.0,
    "ends_at": 901.0,
}
BUTTON_JOB = {"pool": "telegram", "priority": 1, "created_at": 1.0, "waits_since": 1.0}


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    make_empty_ledger(ledger_path(tmp_path))
    return tmp_path


def insert(data_dir: Path, table: str, **values: Any) -> None:
    marks = ", ".join("?" for _ in values)
    with closing(sqlite3.connect(ledger_path(data_dir))) as ledger, ledger:
        ledger.execute(
            f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})",
            list(values.values()),
        )


def count(api: BotApi, data_dir: Path, *pressed: Pressed, commands: int = 0) -> Choices:
    sent = [Sent(CHAT, commands, 0)] if commands else []
    return choices.count(api, data_dir, pressed, sent)


def rows(**buttons: str) -> dict[str, Any]:
    row = [{"text": text, "callback_data": data} for text, data in buttons.items()]
    return {"reply_markup": {"inline_keyboard": [row]}}


def reply(client: Client, to: int, text: str = "Working", **params: Any) -> int:
    return send_text(client, text, reply_parameters={"message_id": to}, **params)


def test_all_kinds_of_presses_are_planned() -> None:
    deeds = people.plan(5, 1200)
    assert {button for deed in deeds for button in deed.presses[:1]} == set(Button)
    wanted = {"/info", "/clip 0:01-0:02", "/audio mp3", *people.COMMANDS}
    assert {deed.intent or deed.words for deed in deeds} >= wanted
    paths = [path for deed in deeds for path in deed.paths]
    assert any("feed.xml" in path for path in paths)
    assert any("/live/" in path for path in paths)


def test_buttons_are_told_apart(api: BotApi, client: Client) -> None:
    seen = SeenButtons()
    api.events.subscribe(seen.look)
    data = {
        "Sound": "form:1.sound",
        "240p": "form:1.240p",
        "MP3 192": "form:1.mp3-192",
        "Cancel": "cancel:1",
        "Cancel the rest": "rest:1",
        "First 5": "take:1.1-5",
        "First 20": "take:1.1-20",
        "Refresh": "panel:1.refresh",
        "Record 1 minute": "form:1.all-record-1",
        "Stop and send": "stop:1",
    }
    message_id = reply(client, api.say("x"), **rows(**data))
    for button, text in {
        Button.SOUND: "Sound",
        Button.QUALITY: "240p",
        Button.CHOICE: "MP3 192",
        Button.CANCEL: "Cancel",
        Button.REST: "Cancel the rest",
        Button.TAKE: "First 5",
        Button.PANEL: "Refresh",
        Button.RECORD: "Record 1 minute",
        Button.STOP: "Stop and send",
    }.items():
        assert seen.find(button, 0.99) == (CHAT, message_id, data[text])
    assert seen.find(Button.MORE, 0.0) is None


def show_buttons(client: Client, message_id: int, **buttons: str) -> None:
    client.do("editMessageReplyMarkup", chat_id=CHAT, message_id=message_id, **rows(**buttons))


def test_answer_whose_buttons_change_is_the_same_answer(api: BotApi, client: Client) -> None:
    asked = api.say("http://127.0.0.1/1")
    answer = reply(client, asked)
    edit_media(client, answer)
    assert outcome.count_answers(api, [Sent(CHAT, asked, 1)]).changed, "text has become media"
    other = reply(client, asked, "No.", **rows(More="more:1"))
    show_buttons(client, other, Back="choices:1")
    assert len(outcome.count_answers(api, [Sent(CHAT, asked, 2)]).changed) == 1


@pytest.mark.negative
def test_choice_without_an_answer_is_lost(api: BotApi, client: Client, data_dir: Path) -> None:
    answer = reply(client, api.say("http://127.0.0.1/1"), "The answer")
    asked = {"chat_id": CHAT, "message_id": answer}
    insert(data_dir, "requests", **REQUEST, **asked, form="sound", verdict="media")
    insert(data_dir, "requests", **REQUEST, **asked, batch_id=1, verdict="media")
    insert(data_dir, "requests", **REQUEST, **asked, batch_id=1, verdict="sentence")
    reply(client, answer, "The sound")
    reply(client, answer, "A feed\nDone: 1 · Failed: 1\n2: It is gone.")
    chosen = choices.chosen_below(data_dir, [])
    assert chosen == [Sent(CHAT, answer, 2, voices=0)]
    answers = outcome.count_answers(api, chosen)
    assert (answers.final, len(answers.lost), len(answers.doubled)) == (1, 1, 0)
    reply(client, answer, "The item")
    assert outcome.count_answers(api, chosen).lost == []
    reply(client, answer, "The item, again")
    assert len(outcome.count_answers(api, chosen).doubled) == 1


def test_a_voice_message_may_be_chosen_twice(api: BotApi, client: Client, data_dir: Path) -> None:
    answer = reply(client, api.say("http://127.0.0.1/1"), "The answer")
    asked = {"chat_id": CHAT, "message_id": answer}
    for form, verdict in (("voice", "media"), ("voice.c100-200", "media"), ("voice", "cancelled")):
        insert(data_dir, "requests", **REQUEST, **asked, form=form, verdict=verdict)
    assert choices.chosen_below(data_dir, []) == [Sent(CHAT, answer, 3, voices=2)]


@pytest.mark.negative
def test_press_that_led_to_nothing_is_seen(api: BotApi, data_dir: Path) -> None:
    presses = [Pressed(CHAT, 7, data, CHAT) for data in ("form:1.sound", "take:1.1-5", "more:1")]
    assert len(count(api, data_dir, *presses).wrong) == 2
    insert(data_dir, "requests", **REQUEST, chat_id=CHAT, message_id=7, form="sound")
    assert len(count(api, data_dir, *presses).wrong) == 1
    insert(data_dir, "batches", **BATCH)
    assert count(api, data_dir, *presses).wrong == []


def test_person_who_has_taken_too_much_may_be_refused(api: BotApi, data_dir: Path) -> None:
    press = Pressed(CHAT, 8, "take:1.1-5", CHAT)
    for _ in range(MAX_AN_HOUR):
        assert len(count(api, data_dir, press).wrong) >= 1
        insert(data_dir, "batches", **BATCH)
    assert not any("nothing came" in one for one in count(api, data_dir, press).wrong)


@pytest.mark.negative
@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        ("A feed\nDone: 1 · Failed: 1 · Cancelled: 1\n2: It is gone.", True),
        ("A feed\nDone: 2 · Failed: 1\n2: It is gone.", False),
        ("A feed\nDone: 1 · Waiting: 1 · Failed: 1\n2: It is gone.", False),
        ("A feed", False),
    ],
)
def test_summary_has_to_count_each_item_once(
    api: BotApi, client: Client, data_dir: Path, text: str, is_right: bool
) -> None:
    summary = reply(client, api.say("x"), text)
    insert(data_dir, "batches", **BATCH, id=1, summary_message_id=summary)
    for request_id, verdict in ((1, "media"), (2, "sentence")):
        known = {"id": request_id, "chat_id": CHAT, "message_id": 7, "verdict": verdict}
        insert(data_dir, "requests", **REQUEST, **known)
        item = {"batch_id": 1, "number": request_id, "url": ""}
        insert(data_dir, "batch_items", **item, request_id=request_id)
    insert(data_dir, "batch_items", batch_id=1, number=3, url="", dropped=1)
    assert (count(api, data_dir).wrong == []) is is_right


@pytest.mark.negative
def test_page_that_stays_open_is_seen(api: BotApi, client: Client, data_dir: Path) -> None:
    page = reply(client, api.say("x"), **rows(Sound="form:1.sound", Back="choices:1"))
    assert len(count(api, data_dir).wrong) == 1
    show_buttons(client, page, More="more:1", **{"Closed after 15 minutes": "choices:1"})
    assert count(api, data_dir).wrong == []


@pytest.mark.negative
def test_panel_that_stays_open_is_seen(api: BotApi, client: Client, data_dir: Path) -> None:
    asked = api.say("/queue")
    panel = reply(client, asked, **rows(Close="panel:1.close"))
    assert count(api, data_dir).orphaned == 1, "the bot died before it knew of it"
    insert(data_dir, "panels", **PANEL, message_id=panel)
    assert len(count(api, data_dir).wrong) == 2, "one for the ledger's row, one for the buttons"
    show_buttons(client, panel)
    with closing(sqlite3.connect(ledger_path(data_dir))) as ledger, ledger:
        ledger.execute("UPDATE panels SET is_closed = 1")
    assert count(api, data_dir, commands=asked).wrong == []
    insert(data_dir, "panels", **PANEL, is_closed=1)
    assert len(count(api, data_dir).wrong) == 1, "one command, two panels"


@pytest.mark.negative
def test_command_without_an_answer_is_seen(api: BotApi, data_dir: Path) -> None:
    assert len(count(api, data_dir, commands=api.say("/cancel")).wrong) == 1


def test_open_buttons_are_no_open_work_until_their_time_is_over(data_dir: Path) -> None:
    later = {"kind": "panel edit", "not_before": 4e9}
    insert(data_dir, "jobs", **BUTTON_JOB, **later)
    assert outcome.open_work(data_dir) == []
    choices.let_time_pass(data_dir)
    assert len(outcome.open_work(data_dir)) == 1


@pytest.mark.negative
def test_taken_list_without_an_end_is_open_work(data_dir: Path) -> None:
    insert(data_dir, "batches", **BATCH)
    assert len(outcome.open_work(data_dir)) == 1
