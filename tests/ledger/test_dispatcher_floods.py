"""Telegram's flood waits: each is kept by the calls that it is meant for, and by no others."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.live_streams import SETTINGS, SOON, press, refused
from tests.support.stepped_dispatcher import MakeBot, SteppedDispatcher
from tests.support.taken_lists import ME, listed, take
from worker import media_keys
from worker.errors import TelegramBusy
from worker.form import START, Form, What
from worker.protocol import (
    AnswerButton,
    Deliver,
    Delivered,
    Download,
    Media,
    MediaKind,
    Posted,
    PostStatus,
    Reader,
    RemoveStatus,
    Reply,
    ShowLook,
    ShowSummary,
)
from worker.protocol.effects import CancelRequest, OpenRequest, Press, ShowItems
from worker.protocol.looks import Live, MediaLook
from worker.protocol.notices import Notice, Topic

OTHER_LINK = "https://other.example/v"
WAIT_S = 60.0
MANY_AT_ONCE = {
    **SETTINGS,
    "USER_MAX_RUNNING": "5",
    "CHAT_MAX_RUNNING": "5",
    "DOWNLOAD_WORKERS": "4",
}


def seconds_until(bot: SteppedDispatcher, done: Callable[[], bool]) -> int:
    for second in range(200):
        if done():
            return second
        bot.step(1.0)
    raise AssertionError("it never happens")


def send_voice(bot: SteppedDispatcher) -> None:
    voice, url = Form(What.VOICE), "https://a.example/v"
    key = media_keys.of_link(url, voice)
    bot.bring(OpenRequest(ME, ME, 1, url, key, form=voice, is_exact=True))
    bot.post(50)
    media = bot.make_media()
    facts = replace(media.files[0].facts, kind=MediaKind.VOICE)
    bot.finish(Download, replace(media, files=(replace(media.files[0], facts=facts),)))


def send_start(bot: SteppedDispatcher) -> None:
    refused(bot, SOON)
    press(bot, START)
    bot.post(51)
    bot.finish(Download, Media((), look=MediaLook("A stream", live=Live.NOW)))


def edit_summary(bot: SteppedDispatcher) -> None:
    listed(bot, 3)
    take(bot, 1, 2, 3)
    seconds_until(bot, lambda: bool(bot.tasks(ShowSummary)))
    bot.finish(ShowSummary, Posted(70))
    bot.finish_downloads()
    while not bot.tasks(ShowSummary):
        bot.step(1.0)
        for job_id in list(bot.tasks(PostStatus)):
            bot.telegram.finish(job_id, Posted(1000 + job_id))
        for job_id in list(bot.tasks(Deliver)):
            bot.telegram.finish(job_id, Delivered("file", MediaKind.VIDEO))


def remove_status(bot: SteppedDispatcher) -> None:
    bot.send("https://a.example/v")
    bot.post(50)
    bot.finish_download()
    bot.finish(Deliver, Delivered("file", MediaKind.VOICE, leaves_status=True))


@pytest.mark.parametrize(("made", "task"), [(send_voice, Deliver), (send_start, ShowLook)])
def test_a_flood_wait_for_an_answer_that_is_sent_is_one_for_messages(
    make_bot: MakeBot, made: Callable[[SteppedDispatcher], None], task: type[object]
) -> None:
    bot = make_bot(**MANY_AT_ONCE)
    made(bot)
    bot.fail(task, TelegramBusy(WAIT_S))
    paused = bot.dispatcher._rate_limits.paused_chats
    assert (paused(bot.now, edits=True), paused(bot.now, edits=False)) == ([], [ME])
    bot.send(OTHER_LINK, user_id=ME)
    assert not bot.tasks(PostStatus)
    assert seconds_until(bot, lambda: bool(bot.tasks(PostStatus))) >= WAIT_S - 1


@pytest.mark.parametrize(
    ("made", "task"), [(edit_summary, ShowSummary), (remove_status, RemoveStatus)]
)
def test_a_flood_wait_for_an_edit_delays_no_message(
    make_bot: MakeBot, made: Callable[[SteppedDispatcher], None], task: type[object]
) -> None:
    bot = make_bot(**MANY_AT_ONCE)
    made(bot)
    bot.fail(task, TelegramBusy(WAIT_S))
    paused = bot.dispatcher._rate_limits.paused_chats
    assert (paused(bot.now, edits=True), paused(bot.now, edits=False)) == ([ME], [])
    bot.send(OTHER_LINK, user_id=ME)
    assert seconds_until(bot, lambda: bool(bot.tasks(PostStatus))) < 10
    bot.pass_time(5)
    assert not bot.tasks(task)
    assert seconds_until(bot, lambda: bool(bot.tasks(task))) < WAIT_S


@pytest.mark.parametrize(
    ("made", "task", "is_edit"),
    [
        (send_voice, Deliver, False),
        (send_start, ShowLook, False),
        (edit_summary, ShowSummary, True),
        (remove_status, RemoveStatus, True),
    ],
)
def test_an_answer_keeps_to_the_flood_wait_of_its_own_kind_of_call(
    make_bot: MakeBot,
    made: Callable[[SteppedDispatcher], None],
    task: type[object],
    is_edit: bool,
) -> None:
    bot = make_bot(**MANY_AT_ONCE)
    made(bot)
    bot.fail(task, TelegramBusy(5.0))
    bot.dispatcher._rate_limits.pause(ME, WAIT_S, bot.now, edits=not is_edit)
    assert seconds_until(bot, lambda: bool(bot.tasks(task))) <= 10


def test_a_menu_keeps_to_the_flood_wait_of_its_chat(make_bot: MakeBot) -> None:
    bot = make_bot(**MANY_AT_ONCE)
    listed(bot, 8)
    show = ShowItems(1, 0, (), Press("press", ME, ME, 50))
    bot.bring(show)
    bot.fail(AnswerButton, TelegramBusy(WAIT_S))
    bot.bring(show, CancelRequest(99, ME, "bare"))
    assert bot.task(AnswerButton).callback_id == "bare"
    bot.finish(AnswerButton)
    bot.bring(Reply(Reader(ME), 1, (Notice(Topic.HINT),)))
    assert bot.tasks(Reply)
    assert seconds_until(bot, lambda: len(bot.tasks(AnswerButton)) == 2) >= WAIT_S - 1
