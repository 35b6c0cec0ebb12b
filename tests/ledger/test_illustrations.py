"""The picture that /help brings: one, of its own, and never in place of the words."""

import logging
from dataclasses import replace

import pytest

from tests.support.stepped_dispatcher import MakeBot, SteppedDispatcher
from tests.support.updates import GROUP, USER, said
from worker.errors import (
    ChatClosed,
    Fault,
    JobError,
    Reason,
    TelegramBusy,
    TelegramUnreachable,
    TopicClosed,
)
from worker.protocol import Reader, Reply
from worker.protocol.notices import Notice, Topic
from worker.telegram import illustrations, texts
from worker.telegram.handlers import handle_update
from worker.telegram.texts import ENGLISH

FORBIDDEN = JobError(Reason.NO_RIGHT_TO_PHOTOS, Fault.PERMANENT, "sendPhoto: Bad Request")


def ask(bot: SteppedDispatcher, text: str = "/help") -> None:
    """A person asks in private for help."""
    bot.bring(*handle_update(said(text)))


def topics(bot: SteppedDispatcher) -> list[object]:
    """What the replies that are being sent are about, in their order."""
    return [task.notices[0].about for _, task in sorted(bot.tasks(Reply).items())]


def told(bot: SteppedDispatcher) -> list[object]:
    """What all replies were about, which Telegram takes one after the other."""
    found = []
    while about := topics(bot):
        found += about
        bot.telegram.finish(min(bot.tasks(Reply)))
        bot.step(1.0)
    return found


def finish_words(bot: SteppedDispatcher) -> None:
    """Telegram takes the words of the help; the picture is still on its way."""
    bot.telegram.finish(min(bot.tasks(Reply)))
    bot.step()
    assert topics(bot) == [Topic.HELP_PICTURE]


def test_picture_belongs_to_its_words_alone() -> None:
    assert illustrations.of((Notice(Topic.HELP_PICTURE),)) is not None
    assert illustrations.of((Notice(Topic.HELP), Notice(Topic.HINT))) is None


@pytest.mark.parametrize(("text", "pictures"), [("/help", 1), ("/start", 0), ("hello", 0)])
def test_help_alone_brings_a_picture(bot: SteppedDispatcher, text: str, pictures: int) -> None:
    ask(bot, text)
    assert told(bot)[1:] == [Topic.HELP_PICTURE] * pictures


def test_picture_comes_to_the_topic_and_in_the_language_of_the_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(texts._BY_LANGUAGE, "tlh", replace(ENGLISH, language="tlh"))
    topic = {"message_thread_id": 12, "is_topic_message": True}
    update = said("/help@our_bot", chat=GROUP)
    update["message"] |= topic | {"from": {"id": USER, "language_code": "tlh"}}
    words, picture = handle_update(update, username=lambda: "our_bot")
    assert isinstance(words, Reply)
    assert isinstance(picture, Reply)
    assert picture.reader == words.reader == Reader(GROUP, "tlh", 12)
    assert picture.reply_to_id == words.reply_to_id


def test_picture_whose_worker_is_killed_comes_again_without_the_words(
    bot: SteppedDispatcher,
) -> None:
    ask(bot)
    finish_words(bot)
    bot.lose(Reply)
    bot.pass_time(10)
    assert topics(bot) == [Topic.HELP_PICTURE]
    bot.finish(Reply)
    bot.pass_time(60)
    assert bot.states("reply") == ["done", "done"]


def test_picture_outlives_the_bot(make_bot: MakeBot) -> None:
    bot = make_bot()
    ask(bot)
    finish_words(bot)
    bot.kill()
    bot = make_bot()
    bot.step()
    assert topics(bot) == [Topic.HELP_PICTURE]
    bot.finish(Reply)
    bot.kill()
    bot = make_bot()
    bot.pass_time(60)
    assert topics(bot) == []
    assert bot.states("reply") == ["done", "done"]


@pytest.mark.parametrize("error", [TelegramBusy(3.0), TelegramUnreachable("HTTP 502")])
def test_picture_that_telegram_does_not_take_now_comes_later(
    bot: SteppedDispatcher, error: Exception
) -> None:
    ask(bot)
    finish_words(bot)
    bot.fail(Reply, error)
    assert topics(bot) == []
    bot.pass_time(10)
    bot.finish(Reply)
    assert bot.states("reply") == ["done", "done"]


@pytest.mark.parametrize("error", [FORBIDDEN, FileNotFoundError("help.png")])
def test_picture_that_fails_for_good_is_logged_and_nobody_is_told(
    bot: SteppedDispatcher, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    caplog.set_level(logging.INFO, "worker")
    ask(bot)
    finish_words(bot)
    job_id = bot.job_id(Reply)
    bot.fail(Reply, error)
    bot.pass_time(60)
    assert bot.states("reply") == ["done", "failed"]
    assert bot.telegram.tasks == {}
    assert f"job {job_id}: the reply failed for good" in caplog.text


@pytest.mark.parametrize("error", [ChatClosed("blocked"), TopicClosed("TOPIC_CLOSED")])
def test_picture_that_can_reach_nobody_is_dropped(bot: SteppedDispatcher, error: Exception) -> None:
    ask(bot)
    finish_words(bot)
    bot.fail(Reply, error)
    bot.pass_time(60)
    assert bot.states("reply") == ["done", "dropped"]


def test_pictures_count_as_replies_so_a_flood_brings_few(bot: SteppedDispatcher) -> None:
    seen = []
    for _ in range(20):
        ask(bot)
        seen += told(bot)
    assert seen == [Topic.HELP, Topic.HELP_PICTURE] * 2 + [Topic.HELP]
