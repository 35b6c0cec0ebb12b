"""Updates as Telegram sends them, and as it never would."""

import pickle
from typing import Any

import pytest
from hypothesis import strategies as st

from tests.support.ledger_kit import QUOTA, START
from worker.dispatch import poller
from worker.ledger import TELEGRAM, Ledger, StatusJob, UpdateJob
from worker.protocol import HandleUpdate
from worker.telegram.handlers import handle_update

TOKEN = "123456789:AAHsandbox-0123456789abcdefghijklmno"
ADMIN = 5
USER, GROUP, MESSAGE = 1001, -1002, 7
SENT_AT = 1


def said(
    text: str | None = None, *, chat: int = USER, user: int = USER, **more: Any
) -> dict[str, Any]:
    """An update: a message of a user, in private or in a group."""
    message: dict[str, Any] = {
        "message_id": MESSAGE,
        "date": SENT_AT,
        "chat": {"id": chat, "type": "private" if chat > 0 else "supergroup"},
        "from": {"id": user, "is_bot": False, "first_name": "Ada"},
    }
    if text is not None:
        message["text"] = text
    return {"update_id": 1, "message": message | more}


def edited(text: str | None = None, *, after_s: int = 10, **more: Any) -> dict[str, Any]:
    """An update: a message of `said` as it is now."""
    update = said(text, edit_date=1 + after_s, **more)
    return {"update_id": 2, "edited_message": update["message"]}


def pressed(data: object, user: int = USER, **below: Any) -> dict[str, Any]:
    """An update: a press of a button, `below` a message if that is given."""
    query = {"id": "42", "from": {"id": user, "is_bot": False}, "data": data}
    if below:
        query["message"] = {"message_id": below["message_id"], "chat": {"id": below["chat"]}}
    return {"update_id": 1, "callback_query": query}


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)
update_keys = st.sampled_from(
    [
        *("message", "callback_query", "message_id", "chat", "from", "id", "is_bot", "type"),
        *("text", "caption", "entities", "offset", "length", "url", "data", "language_code"),
    ]
)
odd_objects = st.recursive(
    anything, lambda inner: st.dictionaries(update_keys, inner, max_size=6), max_leaves=20
)
words = st.sampled_from(
    ["https://a.example/x", "a.example", "🎬", "ftp://b", "/help", "\ud83c", "\u202e", "x" * 3000]
)
numbers = st.integers(-3, 60) | st.integers() | st.booleans()


@st.composite
def near_messages(draw: st.DrawFn) -> dict[str, Any]:
    """A message that Telegram might send, with up to three of its fields replaced."""
    kinds = st.sampled_from(["url", "text_link", "bold", "bot_command"])
    entity = st.fixed_dictionaries(
        {"type": kinds, "offset": numbers, "length": numbers}, optional={"url": words | anything}
    )
    update = said(
        " ".join(draw(st.lists(words, max_size=8))),
        chat=draw(st.sampled_from([USER, GROUP])),
        entities=draw(st.lists(entity, max_size=6)),
    )
    message = update["message"]
    for key in draw(st.lists(st.sampled_from(sorted(message)), max_size=3)):
        message[key] = draw(odd_objects)
    return update


def nested(levels: int, inside: object = 1) -> Any:
    """Lists and objects in one another, so many levels deep."""
    for level in range(levels):
        inside = [inside] if level % 2 else {"message": inside}
    return inside


any_update = st.one_of(
    st.dictionaries(st.text(max_size=5), anything, max_size=3),
    st.dictionaries(st.sampled_from(["message", "callback_query"]), odd_objects, max_size=2),
    near_messages(),
    st.builds(lambda levels: {"message": nested(levels)}, st.integers(1, 900)),
)


@pytest.fixture
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller, "RUBBISH_PAUSE_S", 0.0)


def handle_all(ledger: Ledger) -> int:
    """Do all that waits for telegram workers; returns how many updates there were."""
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
