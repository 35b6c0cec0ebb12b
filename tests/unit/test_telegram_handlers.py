"""Updates: what each asks for, and that none can do harm."""

import json
from typing import Any

import pytest
from hypothesis import given, settings

from tests.support.asked_effects import LINK, notice, opened, reply
from tests.support.updates import (
    GROUP,
    MESSAGE,
    SENT_AT,
    USER,
    anything,
    near_messages,
    odd_objects,
    pressed,
    said,
)
from worker import media_keys
from worker.errors import LinkFlaw
from worker.form import ABOUT, SEARCH, SOUND, Form, What
from worker.protocol import AnswerButton, Reader, Reply
from worker.protocol.as_json import to_json
from worker.protocol.choices import Page
from worker.protocol.effects import (
    Ban,
    CancelAll,
    CancelRequest,
    ChooseForm,
    ChooseResult,
    EditLinks,
    Effect,
    OpenRequest,
    Press,
    ShowChoices,
    TellDescription,
)
from worker.protocol.notices import Topic
from worker.telegram import fields
from worker.telegram.buttons import pack
from worker.telegram.handlers import handle_update
from worker.telegram.intents import MAX_LINKS

HELP = notice(Topic.HELP, most_links=MAX_LINKS)
PICTURE = notice(Topic.HELP_PICTURE)


SEARCH_URL = "https://www.youtube.com/results?search_query=bread&sp=EgIQAQ%3D%3D"
SEARCHED = OpenRequest(
    USER,
    USER,
    MESSAGE,
    SEARCH_URL,
    media_keys.of_link(SEARCH_URL, SEARCH),
    form=SEARCH,
    sent_at=SENT_AT,
)


@pytest.mark.parametrize(
    ("update", "effects"),
    [
        (said("https://a.example/x"), [opened("https://a.example/x")]),
        (said("look https://a.example/x", chat=GROUP), [opened("https://a.example/x", GROUP)]),
        (said(caption="https://a.example/x", photo=[{}]), [opened("https://a.example/x")]),
        (said("/start https://a.example/x"), [opened("https://a.example/x")]),
        (
            said(rich_message={"blocks": [{"type": "url", "text": "x", "url": LINK}]}),
            [opened(LINK)],
        ),
        (said(rich_message={"blocks": []}), [reply(notice(Topic.HINT))]),
        (
            said("https://b.example/ https://a.example/ https://b.example/#"),
            [opened("https://b.example/"), opened("https://a.example/")],
        ),
        (said("ftp://a.example/"), [reply(notice(LinkFlaw.SCHEME))]),
        (
            said("ftp://a.example/ https://a.example/"),
            [opened("https://a.example/"), reply(notice(LinkFlaw.SCHEME))],
        ),
        (said(f"https://a.example/{'x' * 3000}"), [reply(notice(LinkFlaw.TOO_LONG))]),
        (said("/start"), [reply(HELP)]),
        (said("/help now"), [reply(HELP), reply(PICTURE)]),
        (said("/Help@our_bot"), [reply(HELP), reply(PICTURE)]),
        (said("/help https://a.example/x"), [opened("https://a.example/x")]),
        (said("/helpless"), [reply(notice(Topic.DID_YOU_MEAN, command="help"))]),
        (said("/vidoe"), [reply(notice(Topic.DID_YOU_MEAN, command="video"))]),
        (said("/audoi", chat=GROUP), []),
        (
            said("/audoi@our_bot", chat=GROUP),
            [reply(notice(Topic.DID_YOU_MEAN, command="audio"), chat=GROUP)],
        ),
        (said("/xyzzy"), [reply(notice(Topic.HINT))]),
        (said("/video"), [reply(notice(Topic.WHICH_LINK))]),
        (said("/cancel"), [CancelAll(Reader(USER), USER, MESSAGE, says_nothing_found=True)]),
        (
            said("/cancel", chat=GROUP),
            [CancelAll(Reader(GROUP), USER, MESSAGE, says_nothing_found=False)],
        ),
        (
            said("/cancel@our_bot all", chat=GROUP),
            [CancelAll(Reader(GROUP), USER, MESSAGE, says_nothing_found=True)],
        ),
        (said("/cancel@other_bot", chat=GROUP), []),
        (said("/search"), [reply(notice(Topic.WHICH_WORDS))]),
        (said("/search \u200b"), [reply(notice(Topic.WHICH_WORDS))]),
        (said("/search bread"), [SEARCHED]),
        (said("/search bread", chat=GROUP), []),
        (said("/search@other_bot bread", chat=GROUP), []),
        (said("/info"), [reply(notice(Topic.WHICH_LINK))]),
        (said("hello"), [reply(notice(Topic.HINT))]),
        (said("x" * 4096), [reply(notice(Topic.HINT))]),
        (said(sticker={}), [reply(notice(Topic.HINT))]),
        (said(photo=[{}], media_group_id="1"), []),
        (said(pinned_message={}), []),
        (said(checklist_tasks_done={"checklist_message": {"text": LINK}}), []),
        (said(poll_option_added={"option_text": LINK}), []),
        (said(giveaway_created={}), []),
        (said(poll={"question": LINK}), [opened(LINK)]),
        (said(poll={"question": LINK}, chat=GROUP), [opened(LINK, GROUP)]),
        (said("Look", link_preview_options={"url": LINK}, chat=GROUP), [opened(LINK, GROUP)]),
        (said("hello", chat=GROUP), []),
        (said("/help", chat=GROUP), []),
        (
            said("/help@our_bot", chat=GROUP),
            [reply(HELP, chat=GROUP), reply(PICTURE, chat=GROUP)],
        ),
        (said("/start@our_bot", chat=GROUP), [reply(HELP, chat=GROUP)]),
        (said("/help@other_bot", chat=GROUP), []),
        (said("/xyzzy@our_bot", chat=GROUP), []),
        (said("/fresh", chat=GROUP), []),
        (
            said("/HELP@Our_Bot", chat=GROUP),
            [reply(HELP, chat=GROUP), reply(PICTURE, chat=GROUP)],
        ),
        (said(new_chat_members=[{}], chat=GROUP), []),
        (pressed("cancel:17"), [CancelRequest(17, USER, "42")]),
        (pressed("cancel:"), [AnswerButton("42", "en", notice(Topic.DEAD_BUTTON))]),
        (pressed("cancel:-1"), [AnswerButton("42", "en", notice(Topic.DEAD_BUTTON))]),
        (pressed("cancel:٣"), [AnswerButton("42", "en", notice(Topic.DEAD_BUTTON))]),
        (pressed("cancel:" + "9" * 30), [AnswerButton("42", "en", notice(Topic.DEAD_BUTTON))]),
        (pressed(None), [AnswerButton("42", "en", notice(Topic.DEAD_BUTTON))]),
    ],
)
def test_an_update_asks_for(update: dict[str, Any], effects: list[Effect]) -> None:
    assert handle_update(update, username=lambda: "our_bot") == tuple(effects)


@pytest.mark.parametrize(
    ("origin", "chat", "is_opened"),
    [
        ({"is_bot": True, "username": "Our_Bot"}, GROUP, False),
        ({"is_bot": True, "username": "Our_Bot"}, USER, True),
        ({"is_bot": True, "username": "other_bot"}, GROUP, True),
        ({"is_bot": False, "username": "our_bot"}, GROUP, True),
        ({}, GROUP, True),
    ],
)
def test_an_answer_that_is_passed_on_to_a_group_is_not_given_there_again(
    origin: dict[str, Any], chat: int, is_opened: bool
) -> None:
    link = {"type": "text_link", "offset": 0, "length": 5, "url": LINK}
    update = said(
        chat=chat,
        caption="Title",
        caption_entities=[link],
        video={},
        forward_origin={"type": "user", "sender_user": origin},
    )
    effects = handle_update(update, username=lambda: "our_bot")
    assert effects == ((opened(LINK, chat),) if is_opened else ())


OURS = {"id": 1, "is_bot": True, "username": "Our_Bot"}
WRONG = "ftp://b.example/"


@pytest.mark.parametrize(
    ("text", "more", "is_told"),
    [
        (WRONG, {}, False),
        (f"{LINK} {WRONG}", {}, False),
        (f"see tg://resolve?domain=x {WRONG}", {}, False),
        (f"/xyzzy {WRONG}", {}, False),
        (f"@other_bot @our_bot_2 ada@our_bot {WRONG}", {}, False),
        (WRONG, {"reply_to_message": {"from": OURS | {"username": "other_bot"}}}, False),
        (WRONG, {"reply_to_message": {"from": OURS | {"is_bot": False}}}, False),
        (f"/audio {WRONG}", {}, True),
        (f"/audio@our_bot {WRONG}", {}, True),
        (f"/xyzzy@our_bot {WRONG}", {}, True),
        (f"@OUR_BOT {WRONG}", {}, True),
        (f"Look, @our_bot: {WRONG}", {}, True),
        (WRONG, {"reply_to_message": {"from": OURS}}, True),
        ("/audio", {"reply_to_message": {"text": WRONG}}, True),
    ],
)
@pytest.mark.parametrize("key", ["text", "caption"])
def test_a_group_hears_of_flaws_only_if_it_speaks_to_the_bot(
    text: str, more: dict[str, Any], is_told: bool, key: str
) -> None:
    words: dict[str, Any] = {key: text, "photo": [{}]}
    update = said(chat=GROUP, **words, **more)
    told = (reply(notice(LinkFlaw.SCHEME), chat=GROUP),) if is_told else ()
    links = (opened(LINK, GROUP),) if LINK in text else ()
    assert handle_update(update, username=lambda: "our_bot") == (*links, *told)
    edited = handle_update({"edited_message": update["message"]}, username=lambda: "our_bot")
    assert edited == (EditLinks(GROUP, MESSAGE, links, told),)


WITHOUT_WORDS = (
    *("story", "poll", "checklist", "paid_media", "giveaway", "contact", "location", "dice"),
    "game",
)


@pytest.mark.parametrize("kind", WITHOUT_WORDS)
def test_whatever_a_person_sends_without_a_link_brings_a_hint(kind: str) -> None:
    content: dict[str, Any] = {kind: {}}
    assert handle_update(said(**content)) == (reply(notice(Topic.HINT)),)
    assert handle_update(said(chat=GROUP, **content)) == ()


def test_a_location_that_changes_is_not_answered_again_and_again() -> None:
    message = said(location={"live_period": 60}, edit_date=5)["message"]
    assert handle_update({"edited_message": message}) == ()


BUTTON = {"inline_keyboard": [[{"text": "Watch", "url": LINK}]]}
PASSED_ON: dict[str, Any] = {"forward_origin": {"type": "channel"}, "reply_markup": BUTTON}


def test_a_button_counts_in_private_and_where_somebody_asks_for_it() -> None:
    assert handle_update(said("Watch", **PASSED_ON)) == (opened(LINK),)
    assert handle_update(said("Watch", chat=GROUP, **PASSED_ON)) == ()
    asked = said("/video", chat=GROUP, reply_to_message={"text": "Watch", **PASSED_ON})
    (effect,) = handle_update(asked)
    assert isinstance(effect, OpenRequest)
    assert effect.url == LINK


def test_an_answer_to_a_message_of_another_chat_takes_what_that_shows() -> None:
    (effect,) = handle_update(
        said("/video", external_reply={"link_preview_options": {"url": LINK}})
    )
    assert isinstance(effect, OpenRequest)
    assert effect.url == LINK


PRESS = Press("42", USER, USER, 50)


@pytest.mark.parametrize(
    ("data", "effect"),
    [
        ("form:17.sound", ChooseForm(17, SOUND, PRESS)),
        ("form:17.720p", ChooseForm(17, Form(max_height=720), PRESS)),
        ("form:17.about", ChooseForm(17, ABOUT, PRESS)),
        ("found:17.dQw4w9WgXcQ", ChooseResult(17, "dQw4w9WgXcQ", PRESS)),
        *((data, None) for data in ("found:17", "found:17.short", "found:17.dQw4w9WgXcQQ")),
        *((data, None) for data in ("found:17.dQw4w9WgX:Q", "found:x.dQw4w9WgXcQ")),
        ("form:17.mp3-320", ChooseForm(17, Form(What.MP3_BEST), PRESS)),
        ("qualities:17", ShowChoices(17, Page.QUALITIES, PRESS)),
        ("chapters:17", ShowChoices(17, Page.CHAPTERS, PRESS)),
        ("chapters:17.3", ShowChoices(17, Page.CHAPTERS, PRESS, 3)),
        ("choices:17", ShowChoices(17, Page.FIRST, PRESS)),
        ("more:17", ShowChoices(17, Page.MORE, PRESS)),
        ("description:17", TellDescription(17, PRESS)),
        *((data, None) for data in ("form:17", "form:17.", "form:17.mp5", "form:.sound")),
        *(
            (data, None)
            for data in (
                "form:-1.sound",
                "qualities:17.x",
                "qualities:17.3",
                "chapters:17.x",
                "chapters:17.333",
                "choices:x",
                "forms:17.all",
                "more:",
                "description:17.x",
            )
        ),
    ],
)
def test_a_button_below_an_answer_asks_for(data: str, effect: Effect | None) -> None:
    dead = AnswerButton("42", "en", notice(Topic.DEAD_BUTTON))
    assert handle_update(pressed(data, chat=USER, message_id=50)) == (effect or dead,)
    # One that stands in no message, such as one of an inline answer, is none of ours.
    assert handle_update(pressed(data)) == (dead,)
    strangers = handle_update(pressed(data, 8, chat=8, message_id=50), allowed_users={USER})
    assert strangers == (AnswerButton("42", "en", notice(Topic.PRIVATE_BOT)),)


@pytest.mark.parametrize(
    ("text", "is_meant"),
    [
        (f"/audio@our_bot {LINK}", True),
        (f"/AUDIO@OUR_BOT {LINK}", True),
        (f"/audio@other_bot {LINK}", False),
        (f"/audio@our_bot_2 {LINK}", False),
        (f"/fresh@other_bot {LINK}", False),
        (f"/start@other_bot {LINK}", False),
        (f"/start@other_bot\n{LINK}", False),
        ("/start@other_bot ftp://a.example/", False),
        # Not a command, so whoever is named by it is none of its bots.
        (f"look@other_bot {LINK}", True),
        (f"{LINK} /audio@other_bot", True),
    ],
)
@pytest.mark.parametrize("key", ["text", "caption"])
def test_what_a_group_says_to_another_bot_is_not_listened_to(
    text: str, is_meant: bool, key: str
) -> None:
    words: dict[str, Any] = {key: text, "photo": [{}]}
    effects = handle_update(said(chat=GROUP, **words), username=lambda: "Our_Bot")
    assert bool(effects) is is_meant
    # In private there is nobody else to be meant.
    assert handle_update(said(**words))


def test_what_names_no_bot_needs_no_name() -> None:
    def unknown() -> str:
        raise AssertionError

    for text in ("/audio https://a.example/x", "/help", "https://a.example/x", "/ban 77"):
        for chat in (USER, GROUP):
            handle_update(said(text, chat=chat), admins=frozenset({USER}), username=unknown)


def test_the_first_five_links_are_opened_and_the_rest_is_named() -> None:
    urls = [f"https://a.example/{number}" for number in range(9)]
    effects = handle_update(said(" ".join(urls)))
    assert effects[:MAX_LINKS] == tuple(map(opened, urls[:MAX_LINKS]))
    assert effects[MAX_LINKS:] == (reply(notice(Topic.LINKS_LEFT_OUT, count=4, most_links=5)),)


def test_a_channels_own_links_take_no_place_of_the_five() -> None:
    chats = [f"https://t.me/channel_{number}" for number in range(3)]
    urls = [f"https://a.example/{number}" for number in range(MAX_LINKS)]
    assert handle_update(said(" ".join(chats + urls))) == tuple(map(opened, urls))


def test_bots_are_not_listened_to() -> None:
    update = said("https://a.example/")
    assert handle_update(update)
    update["message"]["from"]["is_bot"] = True
    assert handle_update(update) == ()


@pytest.mark.parametrize("text", ["hello", "https://a.example/", "/start"])
def test_a_stranger_is_told_so_in_private_and_nowhere_else(text: str) -> None:
    allowed = frozenset({5})
    assert handle_update(said(text), allowed_users=allowed) == (reply(notice(Topic.PRIVATE_BOT)),)
    assert handle_update(said(text, chat=GROUP), allowed_users=allowed) == ()


def test_a_strangers_button_does_nothing() -> None:
    effects = handle_update(pressed("cancel:17"), allowed_users=frozenset({5}))
    assert effects == (AnswerButton("42", "en", notice(Topic.PRIVATE_BOT)),)


def test_an_allowed_user_is_served() -> None:
    update = said("https://a.example/")
    assert handle_update(update, allowed_users=frozenset({USER})) == handle_update(update)


def test_the_cancel_button_fits_and_comes_back() -> None:
    data = pack("cancel", 2**59)
    assert len(data.encode()) <= 64
    assert handle_update(pressed(data)) == (CancelRequest(2**59, USER, "42"),)


@pytest.mark.parametrize("chat_type", ["channel", "", None, 5])
def test_other_kinds_of_chat_are_left_alone(chat_type: object) -> None:
    update = said("https://a.example/")
    update["message"]["chat"]["type"] = chat_type
    assert handle_update(update) == ()


ADMIN = 5005
BANNED = notice(Topic.BAN_DONE, user_id=77)
UNBANNED = notice(Topic.UNBAN_DONE, user_id=77)


@pytest.mark.parametrize(
    ("text", "answered", "effects"),
    [
        ("/ban 77", None, [Ban(77, is_banned=True), reply(notice(Topic.BAN_DONE, user_id=77))]),
        (
            "/unban 77",
            None,
            [Ban(77, is_banned=False), reply(notice(Topic.UNBAN_DONE, user_id=77))],
        ),
        (
            "/ban@the_bot 77",
            None,
            [Ban(77, is_banned=True), reply(notice(Topic.BAN_DONE, user_id=77))],
        ),
        ("/ban", 77, [Ban(77, is_banned=True), reply(notice(Topic.BAN_DONE, user_id=77))]),
        ("/ban", None, [reply(notice(Topic.BAN_WHOM))]),
        (f"/ban {ADMIN}", None, [reply(notice(Topic.BAN_ADMIN))]),
    ],
)
def test_admin_shuts_people_out_and_lets_them_in(
    text: str, answered: int | None, effects: list[Effect]
) -> None:
    update = said(text, user=ADMIN)
    if answered:
        update["message"]["reply_to_message"] = {"from": {"id": answered}}
    assert list(handle_update(update, admins=frozenset({ADMIN}))) == effects


def test_an_admin_may_say_it_to_another_bot() -> None:
    for bot, count in (("other_bot", 0), ("Our_Bot", 2)):
        order = said(f"/ban@{bot} 77", chat=GROUP, user=ADMIN)
        effects = handle_update(order, admins=frozenset({ADMIN}), username=lambda: "our_bot")
        assert len(effects) == count


@pytest.mark.parametrize("text", ["/ban 77", "/unban 77"])
def test_nobody_else_shuts_people_out(text: str) -> None:
    # A name like an admin's and being an admin of the group make nobody an admin of the bot.
    update = said(text, chat=GROUP, user=6)
    update["message"]["from"]["username"] = str(ADMIN)
    effects = handle_update(update, admins=frozenset({ADMIN}))
    assert not any(isinstance(effect, Ban) for effect in effects)


@settings(deadline=None)  # a busy machine is no bug
@given(anything | odd_objects | near_messages())
def test_no_update_can_raise_or_ask_for_what_cannot_be_stored(update: object) -> None:
    effects = handle_update(update)
    assert len(effects) <= MAX_LINKS + 1
    for effect in effects:
        json.dumps(to_json(effect))
        for value in effect.__dict__.values():
            if type(value) is int:
                assert fields.integer({"value": value}, "value") == value
            elif isinstance(value, str) and isinstance(effect, OpenRequest | Reply):
                assert value.encode()
                assert len(value) <= 4096
