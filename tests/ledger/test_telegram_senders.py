"""Who a message is from: people, chats in whose name somebody writes, and bots."""

from typing import Any

import pytest

from tests.support.ledger_kit import press, send
from tests.support.updates import GROUP, MESSAGE, SENT_AT, USER, pressed, said
from worker import media_keys
from worker.ledger import Ledger
from worker.protocol import AnswerButton, Reader, Reply
from worker.protocol.effects import Ban, CancelRequest, GroupMoved, OpenRequest
from worker.protocol.notices import Cancelled, Notice, Refusal, Topic
from worker.telegram.handlers import handle_update

LINK = "https://a.example/x"
CHANNEL = -1001777000777
# What Telegram writes into `from` beside `sender_chat` (Bot API 10.1, Message).
ANONYMOUS_ADMIN: dict[str, Any] = {
    "id": 1087968824,
    "is_bot": True,
    "username": "GroupAnonymousBot",
}
CHANNEL_BOT: dict[str, Any] = {"id": 136817688, "is_bot": True, "username": "Channel_Bot"}
TELEGRAM: dict[str, Any] = {"id": 777000, "is_bot": False, "first_name": "Telegram"}

AS_GROUP = {"from": ANONYMOUS_ADMIN, "sender_chat": {"id": GROUP, "type": "supergroup"}}
AS_CHANNEL = {"from": CHANNEL_BOT, "sender_chat": {"id": CHANNEL, "type": "channel"}}
AS_POST = {
    "from": TELEGRAM,
    "sender_chat": {"id": CHANNEL, "type": "channel"},
    "is_automatic_forward": True,
}


@pytest.mark.parametrize(
    ("text", "sender", "user_id"),
    [
        (LINK, {}, USER),
        (LINK, AS_GROUP, GROUP),
        (f"/audio@our_bot {LINK}", AS_GROUP, GROUP),
        (f"/fresh {LINK}", AS_GROUP, GROUP),
        (LINK, AS_CHANNEL, CHANNEL),
        (f"/audio@our_bot {LINK}", AS_CHANNEL, CHANNEL),
        (LINK, {"from": None, "sender_chat": {"id": CHANNEL}}, CHANNEL),
        (LINK, {"sender_chat": {"id": "-100"}}, USER),
        # Posts of a channel speak to its readers, unless they name the bot.
        (LINK, AS_POST, None),
        (f"/audio {LINK}", AS_POST, None),
        (f"/audio@other_bot {LINK}", AS_POST, None),
        (f"/audio@our_bot {LINK}", AS_POST, CHANNEL),
        # Other bots are not listened to.
        (LINK, {"from": {"id": 5, "is_bot": True}}, None),
        (LINK, {"from": ANONYMOUS_ADMIN}, None),
        (LINK, {"from": CHANNEL_BOT, "sender_chat": {}}, None),
        (LINK, {"from": None}, None),
    ],
)
@pytest.mark.parametrize("key", ["text", "caption"])
def test_link_is_on_the_account_of_the_one_it_is_from(
    text: str, sender: dict[str, Any], user_id: int | None, key: str
) -> None:
    message: dict[str, Any] = {key: text, "photo": [{}], **sender}
    effects = handle_update(said(chat=GROUP, **message), username=lambda: "our_bot")
    accounts = [effect.user_id for effect in effects if isinstance(effect, OpenRequest)]
    assert accounts == ([] if user_id is None else [user_id])


@pytest.mark.parametrize("sender", [AS_GROUP, AS_CHANNEL, AS_POST])
def test_nobody_known_is_no_allowed_user_and_no_admin(sender: dict[str, Any]) -> None:
    known = frozenset({USER, TELEGRAM["id"], ANONYMOUS_ADMIN["id"], CHANNEL_BOT["id"]})
    for text in (LINK, f"/audio@our_bot {LINK}", "/ban@our_bot 77"):
        update = said(text, chat=GROUP, **sender)
        effects = handle_update(
            update, allowed_users=known, admins=known, username=lambda: "our_bot"
        )
        assert effects == ()


@pytest.mark.parametrize(
    ("text", "answered", "banned"),
    [
        ("/ban", AS_CHANNEL, CHANNEL),
        ("/ban", AS_GROUP, GROUP),
        ("/ban", {"from": {"id": 5, "is_bot": True}}, None),
        (f"/ban {CHANNEL}", None, CHANNEL),
        ("/ban -1001", None, None),
    ],
)
def test_admin_bans_all_who_write_in_the_name_of_a_chat(
    text: str, answered: dict[str, Any] | None, banned: int | None
) -> None:
    update = said(text)
    if answered:
        update["message"]["reply_to_message"] = answered
    effects = handle_update(update, admins=frozenset({USER}))
    bans = [effect for effect in effects if isinstance(effect, Ban)]
    assert bans == ([Ban(banned, is_banned=True)] if banned else [])


def in_the_name_of(sender_id: int) -> OpenRequest:
    return OpenRequest(GROUP, sender_id, MESSAGE, LINK, media_keys.of_link(LINK), sent_at=SENT_AT)


@pytest.mark.parametrize("sender_id", [GROUP, CHANNEL])
@pytest.mark.parametrize(
    ("presser", "chat_id", "outcome"),
    [
        (USER, GROUP, Cancelled.DONE),
        (8, GROUP, Cancelled.DONE),
        (8, 8, Cancelled.NOT_YOURS),
        (8, None, Cancelled.NOT_YOURS),
    ],
)
def test_nobodys_request_is_cancelled_by_anyone_who_sees_its_button(
    ledger: Ledger, sender_id: int, presser: int, chat_id: int | None, outcome: Cancelled
) -> None:
    send(ledger, in_the_name_of(sender_id))
    assert press(ledger, presser, chat_id=chat_id)[0] is outcome


@pytest.mark.parametrize("user_id", [USER, 8])
def test_a_persons_request_in_a_group_is_theirs_alone(ledger: Ledger, user_id: int) -> None:
    send(ledger, in_the_name_of(USER))
    outcome = Cancelled.DONE if user_id == USER else Cancelled.NOT_YOURS
    assert press(ledger, user_id, chat_id=GROUP)[0] is outcome


def test_a_press_tells_in_which_chat() -> None:
    update = pressed("cancel:17")
    update["callback_query"]["message"] = {"chat": {"id": GROUP}}
    assert handle_update(update) == (CancelRequest(17, USER, "42", chat_id=GROUP),)
    assert handle_update(update, allowed_users=frozenset({5})) == (
        AnswerButton("42", "en", Notice(Topic.PRIVATE_BOT)),
    )


def test_ban_of_a_groups_anonymous_admins_silences_nobody_else(ledger: Ledger) -> None:
    send(ledger, Ban(GROUP, is_banned=True))
    hint = Reply(Reader(GROUP), MESSAGE, (Notice(Topic.WHICH_LINK),))
    send(ledger, in_the_name_of(GROUP), in_the_name_of(USER), hint, update_id=2)
    said_about = ledger._db.execute(
        "SELECT payload ->> '$.notices[0].about' FROM jobs WHERE kind = 'reply' ORDER BY id"
    )
    assert [about for (about,) in said_about] == [Refusal.BANNED, Topic.WHICH_LINK]
    assert ledger._db.value("SELECT group_concat(user_id) FROM requests") == str(USER)


def test_a_ban_of_anonymous_admins_outlasts_their_groups_becoming_a_supergroup(
    ledger: Ledger,
) -> None:
    supergroup = -1001234567890
    send(ledger, Ban(GROUP, is_banned=True))
    for update_id in (2, 3):  # Telegram tells it in both.
        send(ledger, GroupMoved(GROUP, supergroup), update_id=update_id)
    send(ledger, in_the_name_of(supergroup), update_id=4)
    assert ledger._db.value("SELECT COUNT(*) FROM requests") == 0
