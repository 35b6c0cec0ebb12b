"""Whose job is next: shares, rates, and the worker that is kept for short calls."""

import sqlite3
from pathlib import Path

import pytest

from tests.support.stepped_dispatcher import MakeBot, SteppedDispatcher, make_media
from worker.dispatch.outcomes import MAX_REFUSED_S
from worker.errors import Fault, JobError, Reason, TelegramBusy, TelegramUnreachable
from worker.ledger import ledger_path
from worker.protocol import Deliver, Download, Explain, Media, PostStatus, Reader, Reply
from worker.protocol.notices import Notice, Topic

GREEDY, MODEST, OTHER, GROUP = 202, 303, 404, -500

LINK = "https://site.example/v"


def a_video(bot: SteppedDispatcher) -> Media:
    """What the first of the running downloads has made."""
    first = bot.tasks(Download)[min(bot.tasks(Download))]
    return make_media(Path(first.directory), first.url)


def test_fifty_links_of_one_person_delay_nobody_elses_first(make_bot: MakeBot) -> None:
    bot = make_bot(DOWNLOAD_WORKERS="1", USER_MAX_WAITING="50", USER_LINKS_PER_MINUTE="55")
    for number in range(10):
        bot.send(*(f"{LINK}{number}-{i}" for i in range(5)), user_id=GREEDY)
        bot.settle()
    bot.send(f"{LINK}modest", user_id=MODEST)
    bot.settle()
    order = []
    for _ in range(6):
        order.append(bot.task(Download).url.endswith("modest"))
        bot.finish_download()
        bot.step()
    assert order.index(True) <= 1, "at most the one that ran already goes first"


def test_person_and_chat_have_their_shares(make_bot: MakeBot) -> None:
    bot = make_bot(DOWNLOAD_WORKERS="8", USER_MAX_RUNNING="2", CHAT_MAX_RUNNING="3")
    bot.send(*(f"{LINK}g{i}" for i in range(5)), user_id=GREEDY)
    bot.settle()
    assert len(bot.tasks(Download)) == 2
    for user_id in (1, 2, 3):
        bot.send(*(f"{LINK}{user_id}{i}" for i in range(2)), user_id=user_id, chat_id=GROUP)
        bot.settle()
    assert len(bot.tasks(Download)) == 2 + 3


def test_flood_wait_of_one_chat_delays_no_other(bot: SteppedDispatcher) -> None:
    bot.send(LINK, user_id=OTHER)
    bot.fail(PostStatus, TelegramBusy(1200.0))
    bot.send(f"{LINK}2", user_id=OTHER)
    bot.send(f"{LINK}3", user_id=MODEST)
    assert bot.task(PostStatus).reader.chat_id == MODEST
    bot.post()
    bot.finish_downloads()
    assert bot.task(Deliver).reader.chat_id == MODEST
    bot.deliver()
    bot.pass_time(1190)
    assert not bot.telegram.tasks, "neither an answer nor an edit nor an action"
    bot.pass_time(30)
    assert {task.reader.chat_id for task in bot.tasks(PostStatus).values()} == {OTHER}


@pytest.mark.parametrize("busy", [PostStatus, Reply])
def test_flood_wait_for_new_messages_holds_no_edit(bot: SteppedDispatcher, busy: type) -> None:
    bot.send(LINK, chat_id=GROUP)
    bot.post()
    if busy is Reply:
        bot.bring(Reply(Reader(GROUP), 1, (Notice(Topic.HINT),)))
    else:
        bot.send(f"{LINK}2", user_id=OTHER, chat_id=GROUP)
    bot.fail(busy, TelegramBusy(60.0))
    bot.downloads.finish(min(bot.tasks(Download)), a_video(bot))
    bot.step(1.0)
    assert bot.task(Deliver).reader.chat_id == GROUP
    bot.deliver()
    bot.pass_time(50)
    assert not bot.tasks(busy)
    bot.pass_time(15)
    assert bot.tasks(busy)


def test_replies_to_one_message_come_in_their_order(bot: SteppedDispatcher) -> None:
    words, picture = Notice(Topic.HELP, {"most_links": 5}), Notice(Topic.HELP_PICTURE)
    for message_id, notice in ((1, words), (1, picture), (2, words)):
        bot.bring(Reply(Reader(OTHER), message_id, (notice,)))
    bot.step(2.0)
    under_way = [(each.reply_to_id, each.notices) for each in bot.tasks(Reply).values()]
    assert under_way == [(1, (words,)), (2, (words,))]
    bot.telegram.finish(min(bot.tasks(Reply)), None)
    bot.step(2.0)
    assert (1, (picture,)) in [
        (each.reply_to_id, each.notices) for each in bot.tasks(Reply).values()
    ]


@pytest.mark.parametrize("busy", [Deliver, Explain])
def test_flood_wait_for_edits_holds_no_new_message(bot: SteppedDispatcher, busy: type) -> None:
    bot.send(LINK, chat_id=GROUP)
    bot.post()
    if busy is Deliver:
        bot.finish_download()
    else:
        bot.fail(Download, JobError(Reason.NOT_FOUND, Fault.PERMANENT))
    bot.fail(busy, TelegramBusy(60.0))
    bot.send(f"{LINK}2", user_id=OTHER, chat_id=GROUP)
    bot.post()
    assert not bot.tasks(busy)
    bot.pass_time(65)
    assert bot.tasks(busy)


def refuse_for_long(bot: SteppedDispatcher) -> None:
    """Let the only answer on its way be one that no message can be turned into."""
    bot.fail(Deliver, TelegramUnreachable("editMessageMedia: Internal Server Error"))
    with sqlite3.connect(ledger_path(bot.settings.data_dir)) as ledger:
        ledger.execute("UPDATE jobs SET refused_s = ? WHERE kind = 'deliver'", (MAX_REFUSED_S,))


def test_flood_wait_for_new_messages_holds_an_answer_that_is_one(bot: SteppedDispatcher) -> None:
    bot.send(LINK, chat_id=GROUP)
    bot.post()
    bot.finish_download()
    refuse_for_long(bot)
    bot.send(f"{LINK}2", user_id=OTHER, chat_id=GROUP)
    bot.fail(PostStatus, TelegramBusy(60.0))
    bot.pass_time(50)
    assert not bot.tasks(Deliver)
    bot.pass_time(20)
    assert bot.task(Deliver).reply_to_id is not None


def test_flood_wait_for_edits_holds_no_answer_of_its_own(bot: SteppedDispatcher) -> None:
    bot.send(LINK, chat_id=GROUP)
    bot.post()
    bot.finish_download()
    refuse_for_long(bot)
    bot.send(f"{LINK}2", user_id=OTHER, chat_id=GROUP)
    bot.post(51)
    bot.finish_download()
    bot.fail(Deliver, TelegramBusy(60.0))
    bot.pass_time(10)
    assert bot.task(Deliver).reply_to_id is not None
    # And the other way round: it is no edit that Telegram has had enough of.
    bot.fail(Deliver, TelegramBusy(600.0))
    bot.pass_time(100)
    assert bot.task(Deliver).message_id == 51


def test_uploads_leave_a_worker_to_short_calls(make_bot: MakeBot) -> None:
    bot = make_bot(TELEGRAM_WORKERS="3", DOWNLOAD_WORKERS="6")
    for user_id in range(1, 5):
        bot.send(f"{LINK}{user_id}", user_id=user_id)
        bot.post(50 + user_id)
    bot.finish_downloads()
    assert len(bot.tasks(Deliver)) == 2
    hello = Reply(Reader(9), None, (Notice(Topic.HINT),))
    bot.bring(hello)
    assert bot.task(Reply) == hello


def test_only_worker_uploads_as_well(make_bot: MakeBot) -> None:
    bot = make_bot(TELEGRAM_WORKERS="1")
    bot.send(LINK)
    bot.post()
    bot.finish_download()
    assert bot.tasks(Deliver)


def test_upload_may_take_longer_by_its_size(make_bot: MakeBot) -> None:
    bot = make_bot(TELEGRAM_WORKERS="1")
    bot.send(LINK)
    bot.post()
    bot.finish_download()
    upload_s = bot.telegram.timeouts_s[bot.job_id(Deliver)]
    assert upload_s > bot.settings.telegram_job_timeout_s
    assert not bot.tasks(Explain)
