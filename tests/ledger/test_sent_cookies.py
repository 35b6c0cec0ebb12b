"""Cookies that somebody sends as a file: whose are taken, and what is kept of them."""

from typing import Any

import pytest

from tests.support.stepped_dispatcher import SteppedDispatcher
from tests.support.updates import ADMIN, GROUP, MESSAGE, USER, said
from worker import cookie_file
from worker.clocks import Wall
from worker.errors import Fault, JobError, Reason, TelegramUnreachable
from worker.protocol import Download, Reader, Reply
from worker.protocol.notices import Notice, Topic
from worker.protocol.site_cookies import CookiesKept, KeepCookies
from worker.telegram.handlers import handle_update

FILE = {"file_id": "the file", "file_name": "cookies.txt", "file_size": 9}
NOW = Wall(1000.0)


def sent(name: str = "cookies.txt", chat: int = ADMIN, user: int = ADMIN, **more: Any) -> Any:
    return said(chat=chat, user=user, document={**FILE, "file_name": name}, **more)


def effects_of(update: Any) -> list[Any]:
    return list(handle_update(update, admins=frozenset({ADMIN})))


def kept(chat: int, file_id: str | None) -> list[KeepCookies]:
    return [KeepCookies(Reader(chat), MESSAGE, file_id)]


def hint(topic: Topic, chat: int = ADMIN) -> list[Reply]:
    return [Reply(Reader(chat), MESSAGE, (Notice(topic),))]


@pytest.mark.parametrize(
    ("update", "effects"),
    [
        (sent(), kept(ADMIN, "the file")),
        (sent(caption="https://a.example/x"), kept(ADMIN, "the file")),
        (sent("www.youtube.com_cookies.txt"), kept(ADMIN, "the file")),
        (sent("youtube-cookies (1).TXT"), kept(ADMIN, "the file")),
        (sent("cookie.txt"), kept(ADMIN, "the file")),
        (sent("www.instagram.com.cookies.json"), kept(ADMIN, "the file")),
        (sent(chat=GROUP), kept(GROUP, None)),
        # Of others nothing is read, and in a group nobody is told what the bot would do.
        (sent(chat=USER, user=USER), hint(Topic.COOKIES_OF_OTHERS, USER)),
        (sent(chat=GROUP, user=USER), []),
        (sent(chat=GROUP, user=USER, caption="https://a.example/x"), []),
        # What only looks like it
        (sent("fortune-cookies-recipe.pdf"), hint(Topic.HINT)),
        (sent("biscookies.txt"), hint(Topic.HINT)),
    ],
)
def test_whose_cookies_are_taken(update: Any, effects: list[Any]) -> None:
    assert effects_of(update) == effects


def test_a_stranger_to_a_private_bot_is_not_told_what_is_taken() -> None:
    (reply,) = handle_update(
        sent(chat=USER, user=USER), admins=frozenset({ADMIN}), allowed_users=frozenset({ADMIN})
    )
    assert isinstance(reply, Reply)
    assert reply.notices == (Notice(Topic.PRIVATE_BOT),)


def test_an_edit_of_such_a_message_asks_for_nothing() -> None:
    update = sent(caption="https://a.example/x")
    assert effects_of({"update_id": 1, "edited_message": update["message"]}) == []


def line(*fields: object) -> str:
    return "\t".join(map(str, fields))


GOOD = line(".a.example", "TRUE", "/", "TRUE", 2000, "name", "value")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (GOOD, {"a.example": [GOOD]}),
        (GOOD + "\r\n\r\n# x\r\n", {"a.example": [GOOD]}),
        ("#HttpOnly_" + GOOD, {"a.example": ["#HttpOnly_" + GOOD]}),
        # yt-dlp ends at a domain that does not agree with the field behind it.
        (
            line("a.example", "TRUE", "/", "TRUE", "", "n", "v"),
            {"a.example": [line("a.example", "FALSE", "/", "TRUE", "", "n", "v")]},
        ),
        ("\ufeff" + GOOD, {"a.example": [GOOD]}),
        (GOOD.replace("2000", "2000.75"), {"a.example": [GOOD]}),
        (GOOD.replace("2000", "13350000000000000"), {"a.example": [GOOD.replace("2000", "0")]}),
        (GOOD.replace("2000", "1000"), {}),
        (GOOD.replace("2000", "1000.75"), {}),
        (GOOD.replace("2000", "soon"), {}),
        (GOOD.replace("2000", "-1"), {}),
        (GOOD.replace("value", "a\x1bb"), {}),
        (GOOD.replace("\t/\t", "\tx\t"), {}),
        (GOOD.replace(".a.example", "../../etc"), {}),
        (GOOD.replace("\t", "    "), {}),
        ('[{"domain": ".a.example", "name": "n", "value": "v"}]', {}),
        ("\0\xff", {}),
    ],
)
def test_what_is_kept_of_a_file(text: str, lines: dict[str, list[str]]) -> None:
    by_site, _ = cookie_file.usable(text, NOW)
    assert by_site == {site: [each + "\n" for each in own] for site, own in lines.items()}


def test_sites_whose_cookies_are_over_are_named() -> None:
    over = GOOD.replace("2000", "900").replace("a.example", "b.example")
    half = GOOD.replace("2000", "900")
    assert cookie_file.usable(f"{GOOD}\n{half}\n{over}\n", NOW)[1] == {"b.example"}


def test_what_failed_without_cookies_is_tried_again(bot: SteppedDispatcher) -> None:
    bot.send("https://a.example/1")
    bot.settle()
    bot.fail(Download, JobError(Reason.LOGIN_NEEDED, Fault.PERMANENT))
    bot.settle()
    bot.bring(KeepCookies(Reader(ADMIN), MESSAGE, "the file"))
    answer = Reply(Reader(ADMIN), None, (Notice(Topic.COOKIES_REMOVED),))
    bot.finish(KeepCookies, CookiesKept(answer))
    assert bot.task(Reply) == answer
    bot.settle()
    bot.send("https://a.example/1", user_id=8)
    assert bot.task(Download).url == "https://a.example/1"


@pytest.mark.parametrize("is_kept", [True, False])
def test_of_each_file_is_said_what_has_become_of_it(bot: SteppedDispatcher, is_kept: bool) -> None:
    said_of = Reply(Reader(ADMIN), None, (Notice(Topic.COOKIES_KEPT), Notice(Topic.COOKIES_LEFT)))
    for _ in range(7):
        bot.bring(*kept(ADMIN, "the file"))
        if is_kept:
            bot.finish(KeepCookies, CookiesKept(said_of))
        else:
            bot.fail(KeepCookies, JobError(Reason.INTERNAL, Fault.PERMANENT))
        bot.settle()
    assert bot.states("reply") == ["done"] * 7


def test_a_lost_worker_is_no_lost_file(bot: SteppedDispatcher) -> None:
    task = KeepCookies(Reader(ADMIN), MESSAGE, "the file")
    bot.bring(task)
    bot.lose(KeepCookies)
    bot.pass_time(6)
    assert bot.task(KeepCookies) == task


BROKEN = RuntimeError("broken")
NO_ANSWER = TelegramUnreachable("no answer")


@pytest.mark.parametrize(
    ("error", "file_id", "topic"),
    [
        (NO_ANSWER, "the file", Topic.COOKIES_NOT_FETCHED),
        (BROKEN, "the file", Topic.COOKIES_NOT_STORED),
        (None, "the file", Topic.COOKIES_NOT_STORED),  # the worker dies, again and again
        (BROKEN, None, Topic.COOKIES_PRIVATELY),
    ],
)
def test_who_sent_cookies_in_vain_is_told_that_they_are_still_there(
    bot: SteppedDispatcher, error: Exception | None, file_id: str | None, topic: Topic
) -> None:
    bot.bring(KeepCookies(Reader(ADMIN), MESSAGE, file_id))
    begun = bot.wall
    while not bot.tasks(Reply):
        assert bot.wall < begun + 7200
        bot.dispatcher.reachability.note_answer(bot.now)  # for others
        if bot.tasks(KeepCookies):
            bot.fail(KeepCookies, error) if error else bot.lose(KeepCookies)
        bot.step(20.0)
    notices = (Notice(topic), Notice(Topic.COOKIES_LEFT))
    assert bot.task(Reply) == Reply(Reader(ADMIN), None, notices)
    assert bot.states("cookies") == ["failed"]
