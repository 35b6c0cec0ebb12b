"""Messages that are edited, and commands that answer a message with a link."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.support.ledger_kit import send
from tests.support.stepped_dispatcher import SteppedDispatcher
from tests.support.updates import GROUP, MESSAGE, SENT_AT, USER, edited, said
from worker import media_keys
from worker.errors import Fault, JobError, LinkFlaw, Reason
from worker.form import SOUND, Form
from worker.ledger import Ledger, Verdict, ledger_path
from worker.ledger.storage.schema import APPLICATION_ID, MIGRATIONS
from worker.protocol import Download, Reader, Reply
from worker.protocol.effects import EditLinks, OpenRequest
from worker.protocol.notices import Notice, Topic
from worker.telegram.handlers import MAX_EDIT_S, handle_update
from worker.telegram.intents import MAX_LINKS

A, B, C = "https://a.example/1", "https://b.example/2", "https://c.example/3"


def found(update: dict[str, Any]) -> list[tuple[str, Form, bool]]:
    """The links that an update asks for."""
    return [
        (link.url, link.form, link.fresh)
        for effect in handle_update(update, username=lambda: "our_bot")
        for link in (effect.links if isinstance(effect, EditLinks) else [effect])
        if isinstance(link, OpenRequest)
    ]


# ------------------------------------------------------------------------ what an edit asks for


@pytest.mark.parametrize(
    "message",
    [
        {"text": A},
        {"text": f"look {A} and {B}"},
        {"text": f"/audio {A}"},
        {"text": f"/fresh@our_bot {A}", "chat": GROUP},
        {"text": A, "chat": GROUP},
        {"caption": A, "photo": [{}]},
        {"caption": f"/audio {A}", "video": {}},
        {"text": "/audio", "reply_to_message": {"text": A}},
        {"text": f"/audio@other_bot {A}", "chat": GROUP},
    ],
)
def test_edit_asks_for_the_links_that_the_message_has_now(message: dict[str, Any]) -> None:
    assert found(edited(**message)) == found(said(**message))


@pytest.mark.parametrize(
    ("update", "effects"),
    [
        # Nothing is said of an edit that has no link: it was said of the message.
        (edited("hello"), (EditLinks(USER, MESSAGE, ()),)),
        (edited("/audio"), (EditLinks(USER, MESSAGE, ()),)),
        (edited("/search"), (EditLinks(USER, MESSAGE, ()),)),
        (edited(f"/search {A}", chat=GROUP), (EditLinks(GROUP, MESSAGE, ()),)),
        (edited("/help"), (EditLinks(USER, MESSAGE, ()),)),
        (
            edited("ftp://a.example/"),
            (
                EditLinks(
                    USER, MESSAGE, (), (Reply(Reader(USER), MESSAGE, (Notice(LinkFlaw.SCHEME),)),)
                ),
            ),
        ),
        (edited("/ban 77"), ()),
        (edited(f"/audio@other_bot {A}", chat=GROUP), ()),
        (edited(A, is_automatic_forward=True, chat=GROUP), ()),
        (edited(location={"live_period": 60}), ()),
        (edited(A, after_s=MAX_EDIT_S + 1), ()),
        ({"update_id": 2, "edited_message": {"text": A}}, ()),
    ],
)
def test_edit_that_asks_for_nothing_new(update: dict[str, Any], effects: object) -> None:
    admins = frozenset({USER})
    assert handle_update(update, admins=admins, username=lambda: "our_bot") == effects


def test_strangers_edit_is_not_answered() -> None:
    assert handle_update(edited(A), allowed_users=frozenset({5})) == ()


def test_edit_counts_within_its_time_and_without_one() -> None:
    assert found(edited(A, after_s=MAX_EDIT_S))
    update = edited(A)
    del update["edited_message"]["edit_date"]
    assert found(update)


# ------------------------------------------------------------------- what of it is new


def message_of(bot: SteppedDispatcher, *updates: dict[str, Any]) -> None:
    for update in updates:
        bot.bring(*handle_update(update))


def opened(bot: SteppedDispatcher) -> list[tuple[str, str, str | None]]:
    """The requests: link, form, verdict."""
    return [tuple(row) for row in bot.rows("SELECT url, form, verdict FROM requests ORDER BY id")]


def said_by(bot: SteppedDispatcher) -> list[str]:
    """What the bot has replied, by the first thing that each reply is about."""
    rows = bot.rows(
        "SELECT payload ->> '$.notices[0].about' FROM jobs WHERE kind = 'reply' ORDER BY id"
    )
    return [about for (about,) in rows]


@pytest.mark.parametrize(
    ("before", "after", "new", "withdrawn"),
    [
        (A, B, [(B, "all")], [A]),
        (A, f"{A} {B}", [(B, "all")], []),
        (f"{A} {B}", A, [], [B]),
        (f"{A} {B}", f"{B} {A}", [], []),
        (f"{A} {B}", f"{C} {A}", [(C, "all")], [B]),
        (A, f"look: {A}", [], []),
        (A, A, [], []),
        (A, f"{A}?", [], []),
        (A, "never mind", [], [A]),
        (A, f"/audio {A}", [(A, "sound")], [A]),
        (A, f"/fresh {A}", [], []),
        ("hello", A, [(A, "all")], []),
        ("ftp://a.example/1", A, [(A, "all")], []),
    ],
)
def test_new_links_are_opened_and_those_that_are_gone_cancelled(
    bot: SteppedDispatcher,
    before: str,
    after: str,
    new: list[tuple[str, str]],
    withdrawn: list[str],
) -> None:
    message_of(bot, said(before))
    first = opened(bot)
    message_of(bot, edited(after))
    expected = [
        (url, form, "cancelled" if url in withdrawn else verdict) for url, form, verdict in first
    ]
    assert opened(bot) == [*expected, *((url, form, None) for url, form in new)]


def test_corrected_link_is_cancelled_like_by_its_button(bot: SteppedDispatcher) -> None:
    message_of(bot, said(A))
    bot.post()
    running = bot.job_id(Download)
    message_of(bot, edited(B))
    assert bot.downloads.stopped == {running: None}
    (explained,) = bot.settle()
    assert (explained.request_id, explained.reason) == (1, None)
    bot.downloads.stop(running)
    bot.step()
    assert bot.task(Download).url == B


def test_answer_that_was_given_stays(bot: SteppedDispatcher) -> None:
    message_of(bot, said(A))
    bot.post()
    bot.finish_download()
    bot.deliver()
    message_of(bot, edited(B), edited(A))
    assert opened(bot) == [(A, "all", "media"), (B, "all", "cancelled")]


def test_answered_link_is_fetched_again_once_it_is_edited_to_fresh(bot: SteppedDispatcher) -> None:
    message_of(bot, said(A))
    bot.post()
    bot.finish_download()
    bot.deliver()
    message_of(bot, edited(f"/fresh {A}"))
    assert opened(bot) == [(A, "all", "media"), (A, "all", None)]
    bot.post(51)
    bot.finish_download()
    bot.deliver()
    message_of(bot, edited(f"/fresh {A} please"), edited(A))
    assert opened(bot) == [(A, "all", "media")] * 2


def test_link_that_comes_back_is_opened_again(bot: SteppedDispatcher) -> None:
    message_of(bot, said(A), edited(B), edited(A))
    assert opened(bot) == [(A, "all", "cancelled"), (B, "all", "cancelled"), (A, "all", None)]


def test_cancelled_link_is_not_opened_again_by_an_edit(bot: SteppedDispatcher) -> None:
    message_of(bot, said(A))
    bot.press_cancel(1, USER)
    message_of(bot, edited(f"{A} please"))
    assert opened(bot) == [(A, "all", "cancelled")]


def test_another_message_is_not_touched(bot: SteppedDispatcher) -> None:
    message_of(bot, said(A), said(A, chat=GROUP), edited(B, message_id=MESSAGE + 1))
    assert [verdict for *_, verdict in opened(bot)] == [None, None, None]


@pytest.mark.parametrize("before", ["hello", f"/video 720 {A}", f"/video 99999 {A}"])
def test_an_edit_that_asks_for_no_height_is_answered_once(
    bot: SteppedDispatcher, before: str
) -> None:
    edits = [edited(f"/video {height} {A}") for height in ("99999", "99999 ", "5")]
    for update in (said(before), *edits):
        message_of(bot, update)
        bot.settle()
    assert said_by(bot).count(Topic.WHICH_HEIGHT) == 1
    assert [verdict for *_, verdict in opened(bot)] in ([], ["cancelled"])
    message_of(bot, edited(f"/video 480 {A}"))
    assert opened(bot)[-1] == (A, "480p", None)


def test_the_same_is_not_said_again_of_a_message(bot: SteppedDispatcher) -> None:
    many = " ".join(f"https://a.example/{number}" for number in range(MAX_LINKS + 1))
    for update in (
        *(said("ftp://a.example/"), edited("ftp://b.example/")),
        *(edited(many), edited(f"{many} ")),
    ):
        message_of(bot, update)
        bot.settle()
    assert said_by(bot) == [LinkFlaw.SCHEME, Topic.LINKS_LEFT_OUT]


def test_what_an_edit_could_not_be_told_is_said_of_the_next_one(bot: SteppedDispatcher) -> None:
    message_of(bot, edited("ftp://a.example/"))
    bot.fail(Reply, JobError(Reason.INTERNAL, Fault.PERMANENT))
    message_of(bot, edited("ftp://b.example/"))
    assert bot.task(Reply).notices == (Notice(LinkFlaw.SCHEME),)


def test_links_of_an_older_ledger_are_known(tmp_path: Path) -> None:
    version = next(number for number, step in enumerate(MIGRATIONS) if "withdrawn" in step)
    old = sqlite3.connect(ledger_path(tmp_path))
    for step in MIGRATIONS[:version]:
        old.executescript(step)
    old.execute(
        "INSERT INTO requests (chat_id, user_id, message_id, url, media_key, created_at)"
        " VALUES (?, ?, ?, ?, 'key', 0)",
        (USER, USER, MESSAGE, A),
    )
    old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    old.execute(f"PRAGMA user_version = {version}")
    old.commit()
    old.close()
    ledger = Ledger(ledger_path(tmp_path))
    send(ledger, *handle_update(edited(f"{A} please")))
    assert ledger.request(2) is None
    send(ledger, *handle_update(edited(B)), update_id=2)
    known = [ledger.request(request_id) for request_id in (1, 2)]
    assert [request and request.verdict for request in known] == [Verdict.CANCELLED, None]


# ---------------------------------------------------------------- commands that are answers

WITH_LINK: dict[str, Any] = {"message_id": 3, "text": f"look {A}", "from": {"id": 5}}
ANSWER: dict[str, Any] = {
    "message_id": 4,
    "from": {"id": 99, "is_bot": True},
    "video": {},
    "caption": "A film\n0:13",
    "caption_entities": [{"type": "text_link", "offset": 0, "length": 6, "url": A}],
}


@pytest.mark.parametrize(
    ("text", "chat", "more", "links"),
    [
        ("/audio", USER, {"reply_to_message": WITH_LINK}, [(A, SOUND, False)]),
        ("/audio", USER, {"reply_to_message": ANSWER}, [(A, SOUND, False)]),
        ("/audio please", USER, {"reply_to_message": ANSWER}, [(A, SOUND, False)]),
        ("/fresh", USER, {"reply_to_message": ANSWER}, [(A, Form(), True)]),
        ("/fresh", GROUP, {"reply_to_message": WITH_LINK}, [(A, Form(), True)]),
        ("/audio@our_bot", GROUP, {"reply_to_message": WITH_LINK}, [(A, SOUND, False)]),
        ("/audio@other_bot", GROUP, {"reply_to_message": WITH_LINK}, []),
        # Its own link counts first, then what it quotes.
        (f"/audio {B}", USER, {"reply_to_message": WITH_LINK}, [(B, SOUND, False)]),
        (
            "/audio",
            USER,
            {
                "reply_to_message": {"text": f"{A} {B}"},
                "quote": {"text": B, "entities": [{"type": "bold", "offset": 0, "length": 1}]},
            },
            [(B, SOUND, False)],
        ),
        (
            "/audio",
            USER,
            {"reply_to_message": WITH_LINK, "quote": {"text": "look"}},
            [(A, SOUND, False)],
        ),
        # Only what needs a link takes that of another message.
        ("nice", USER, {"reply_to_message": WITH_LINK}, []),
        ("/help", USER, {"reply_to_message": WITH_LINK}, []),
        ("/start", USER, {"reply_to_message": WITH_LINK}, []),
        ("/other", GROUP, {"reply_to_message": WITH_LINK}, []),
        ("/audio", USER, {"reply_to_message": {"text": "hello"}}, []),
        ("/audio", USER, {"reply_to_message": None}, []),
    ],
)
@pytest.mark.parametrize("key", ["text", "caption"])
def test_command_is_meant_for_the_link_that_it_answers(
    text: str,
    chat: int,
    more: dict[str, Any],
    links: list[tuple[str, Form, bool]],
    key: str,
) -> None:
    message: dict[str, Any] = {key: text, "photo": [{}], **more}
    assert found(said(chat=chat, **message)) == links


def test_request_for_another_message_answers_the_command() -> None:
    effects = handle_update(said("/audio", reply_to_message=WITH_LINK))
    key = media_keys.of_link(A, SOUND)
    assert effects == (OpenRequest(USER, USER, MESSAGE, A, key, form=SOUND, sent_at=SENT_AT),)


@pytest.mark.parametrize("text", [A, "/search words"])
def test_what_a_message_asks_for_has_the_time_at_which_it_was_sent_or_edited(text: str) -> None:
    (sent,) = handle_update(said(text))
    (edit,) = handle_update(edited(text, after_s=10))
    assert isinstance(sent, OpenRequest)
    assert isinstance(edit, EditLinks)
    assert [sent.sent_at, *(link.sent_at for link in edit.links)] == [SENT_AT, SENT_AT + 10]


def test_flaw_of_the_answered_link_is_named() -> None:
    effects = handle_update(said("/audio", reply_to_message={"text": "ftp://a.example/"}))
    assert effects == (Reply(Reader(USER), MESSAGE, (Notice(LinkFlaw.SCHEME),)),)
