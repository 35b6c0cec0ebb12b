"""What a person may make the bot do, by messages and buttons that no honest client sends."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.updates import GROUP, MESSAGE, said
from worker.downloads.confinement.egress_guard import check_link
from worker.errors import JobError, Reason
from worker.protocol import AnswerButton, Reader, Reply
from worker.protocol.effects import Ban, CancelRequest
from worker.protocol.notices import Notice, Topic
from worker.telegram.handlers import handle_update
from worker.urls import normalise

ADMIN, GROUP_ANONYMOUS_BOT = 5005, 1087968824

# A message that looks like an admin's: what is changed in one of somebody else.
FORGED: dict[str, dict[str, Any]] = {
    "an admin's user name": {"from": {"id": 6, "username": str(ADMIN), "first_name": "Admin"}},
    "an id in words": {"from": {"id": str(ADMIN)}},
    "an id with a point": {"from": {"id": float(ADMIN)}},
    "nobody": {"from": None},
    "in the name of a chat": {"from": None, "sender_chat": {"id": ADMIN}},
    "an anonymous admin of the group": {
        "from": {"id": GROUP_ANONYMOUS_BOT, "is_bot": True},
        "sender_chat": {"id": -100},
    },
    "forwarded from an admin": {
        "from": {"id": 6},
        "forward_origin": {"type": "user", "sender_user": {"id": ADMIN}},
        "forward_from": {"id": ADMIN},
    },
    "through a bot of an admin": {"from": {"id": 6}, "via_bot": {"id": ADMIN}},
    "in answer to an admin": {"from": {"id": 6}, "reply_to_message": {"from": {"id": ADMIN}}},
    "in a chat with an admin's id": {"from": {"id": 6}, "chat": {"id": ADMIN, "type": "private"}},
}


@pytest.mark.parametrize("change", FORGED.values(), ids=FORGED)
@pytest.mark.parametrize("text", ["/ban 77", "/unban 77"])
def test_nothing_but_the_senders_number_makes_an_admin(text: str, change: dict[str, Any]) -> None:
    update = {"message": said(text, user=6)["message"] | change}
    effects = handle_update(update, admins=frozenset({ADMIN}))
    assert not any(isinstance(effect, Ban) for effect in effects)


@pytest.mark.parametrize(
    "text",
    [
        "/ban 77 88",
        "/ban -77",
        "/ban 7.7",
        "/ban ٧٧",
        "/ban 77; DROP TABLE banned",
        "/ban 77777777777777777",
        "/banish 77",
        "x /ban 77",
        "/ban @somebody",
    ],
)
def test_an_admins_slip_shuts_nobody_out(text: str) -> None:
    effects = handle_update(said(text, user=ADMIN), admins=frozenset({ADMIN}))
    assert not any(isinstance(effect, Ban) for effect in effects)


def test_who_has_created_a_topic_is_not_who_is_meant_in_it() -> None:
    note = {"message_id": 3, "from": {"id": 77}, "forum_topic_created": {"name": "Films"}}
    in_topic = {"message_thread_id": 3, "is_topic_message": True, "reply_to_message": note}
    (effect,) = handle_update(
        said("/ban", user=ADMIN, chat=GROUP, **in_topic), admins=frozenset({ADMIN})
    )
    assert effect == Reply(Reader(GROUP, thread_id=3), MESSAGE, (Notice(Topic.BAN_WHOM),))


def test_an_edited_or_foreign_kind_of_message_is_no_command() -> None:
    message = said("/ban 77", user=ADMIN)["message"]
    for kind in ("edited_message", "channel_post", "business_message", "inline_query"):
        assert handle_update({kind: message}, admins=frozenset({ADMIN})) == ()


@pytest.mark.parametrize(
    "data",
    [
        *("", "cancel", "cancel:", "cancel:x", "cancel:-1", "cancel:1.0", "CANCEL:1", " cancel:1"),
        *("cancel:1 ", "cancel:1\n", "cancel:٣", "cancel:1;2", "cancel:" + "9" * 19),
        *("ban:77", "/ban 77", None, 1, {"cancel": 1}, "cancel:1" * 100),
    ],
)
def test_a_button_that_was_never_made_does_nothing(data: object) -> None:
    query = {"id": "42", "from": {"id": ADMIN}, "data": data}
    effects = handle_update({"callback_query": query}, admins=frozenset({ADMIN}))
    assert effects == (AnswerButton("42", "en", Notice(Topic.DEAD_BUTTON)),)


def test_a_press_counts_for_who_pressed_whatever_else_it_says() -> None:
    query = {
        "id": "42",
        "from": {"id": 6},
        "data": "cancel:1",
        "message": {"from": {"id": ADMIN}, "chat": {"id": ADMIN}},
        "user_id": ADMIN,
    }
    assert handle_update({"callback_query": query}) == (CancelRequest(1, 6, "42", chat_id=ADMIN),)


@pytest.mark.parametrize(
    "link",
    [
        "http://127。0。0。1/",
        "http://１２７.0.0.1/",
        "http://①②⑦.⓪.⓪.①/",
        "http://ｌｏｃａｌｈｏｓｔ/",
        "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:8080/",
        "http://127.0.0.1./",
        "http://0x7f.1/",
        "http://[::ffff:7f00:1]/",
        "http://[0:0:0:0:0:ffff:127.0.0.1]/",
        "http://169。254。169。254/latest/meta-data",
        "http://metadata。google。internal/",
        "127.1",
        "localhost",
        "2130706433",
    ],
)
def test_a_disguised_address_is_refused_whoever_sees_through_it(link: str) -> None:
    with pytest.raises(JobError) as caught:
        check_link(normalise(link))
    assert caught.value.reason in {Reason.REFUSED_ADDRESS, Reason.INVALID_LINK}
