"""Groups that become supergroups while something waits for them."""

import pytest

from tests.support.stepped_dispatcher import MakeBot, SteppedDispatcher
from tests.support.taken_lists import a_list
from worker import media_keys
from worker.errors import ChatMoved, Fault, JobError, MessageGone, Reason, TelegramBusy
from worker.form import SOUND
from worker.protocol import (
    AnswerButton,
    Deliver,
    Delivered,
    Download,
    Explain,
    Media,
    MediaKind,
    Posted,
    PostStatus,
    Reader,
    Reply,
    ShowList,
    ShowSummary,
)
from worker.protocol.effects import (
    CancelAll,
    ChooseForm,
    GroupMoved,
    OpenPanel,
    OpenRequest,
    Press,
    PressPanel,
    TakeItems,
)
from worker.protocol.notices import Notice, Topic
from worker.protocol.panels import PanelKind, ShowPanel

ME, OLD, NEW = 7, -5, -1001234567890
LINK = "https://a.example/v"
MOVED = GroupMoved(OLD, NEW)
NOTHING = 0
"""No message to reply to."""


@pytest.fixture
def bot(make_bot: MakeBot) -> SteppedDispatcher:
    return make_bot()


def downloading(bot: SteppedDispatcher) -> None:
    bot.send(LINK, user_id=ME, chat_id=OLD)
    bot.post(50)


def test_a_link_is_answered_in_the_supergroup_in_a_message_of_its_own(
    bot: SteppedDispatcher,
) -> None:
    downloading(bot)
    bot.bring(MOVED)
    posted = bot.task(PostStatus)
    assert (posted.reader.chat_id, posted.reply_to_id) == (NEW, NOTHING)
    bot.post(4)
    bot.finish_download()
    answer = bot.task(Deliver)
    assert (answer.reader.chat_id, answer.message_id) == (NEW, 4)
    bot.deliver()
    bot.bring(ChooseForm(1, SOUND, Press("press", ME, NEW, 4)))
    assert bot.task(AnswerButton).notice == Notice(Topic.ON_ITS_WAY)


def test_a_failed_link_is_explained_in_the_supergroup(bot: SteppedDispatcher) -> None:
    downloading(bot)
    bot.bring(MOVED)
    bot.post(4)
    bot.fail(Download, JobError(Reason.NOT_FOUND, Fault.PERMANENT))
    told = bot.task(Explain)
    assert (told.reader.chat_id, told.message_id) == (NEW, 4)


@pytest.mark.parametrize("user_id", [ME, OLD])
def test_a_link_is_cancelled_in_the_supergroup(bot: SteppedDispatcher, user_id: int) -> None:
    bot.send(LINK, user_id=user_id, chat_id=OLD)
    bot.post(50)
    bot.bring(MOVED)
    bot.bring(CancelAll(Reader(NEW), NEW if user_id == OLD else user_id, 3, True))
    assert bot.task(Reply).notices[0].about == Topic.CANCELLED_ALL
    assert bot.downloads.stopped


@pytest.mark.parametrize("is_told_first", [False, True])
def test_an_answer_that_is_refused_with_the_new_id_goes_on_there(
    bot: SteppedDispatcher, is_told_first: bool
) -> None:
    downloading(bot)
    bot.finish_download()
    assert bot.task(Deliver).reader.chat_id == OLD
    if is_told_first:
        bot.bring(MOVED)
    bot.fail(Deliver, ChatMoved(NEW))
    bot.post(4)
    assert bot.task(Deliver).message_id == 4
    bot.deliver()
    assert bot.rows("SELECT chat_id, verdict, answered_at NOT NULL FROM requests") == [
        (NEW, "media", 1)
    ]
    bot.pass_time(30)
    assert not bot.tasks(PostStatus)


@pytest.mark.parametrize(
    "error", [TelegramBusy(5.0), MessageGone("gone"), JobError(Reason.CRASHED, Fault.RETRYABLE)]
)
def test_an_answer_that_fails_in_the_group_after_the_move_goes_on_once(
    bot: SteppedDispatcher, error: Exception
) -> None:
    downloading(bot)
    bot.finish_download()
    bot.bring(MOVED)
    bot.fail(Deliver, error)
    bot.post(4)
    bot.pass_time(30)
    assert (bot.task(Deliver).reader.chat_id, bot.task(Deliver).message_id) == (NEW, 4)
    assert not bot.tasks(PostStatus)


def test_an_answer_that_came_just_before_the_move_does_not_come_again(
    make_bot: MakeBot,
) -> None:
    bot = make_bot(TELEGRAM_WORKERS="1")
    downloading(bot)
    bot.finish_download()
    bot.ledger.move_chat(bot.dispatcher._running.jobs[0], NEW, bot.wall)
    bot.deliver()
    bot.pass_time(5)
    assert not bot.tasks(PostStatus)
    assert bot.rows("SELECT verdict, answered_at NOT NULL FROM requests") == [("media", 1)]


def test_nothing_is_sent_beside_a_call_that_was_under_way_at_the_move(
    bot: SteppedDispatcher,
) -> None:
    downloading(bot)
    bot.finish_download()
    bot.bring(MOVED)
    assert bot.tasks(Deliver)
    assert not bot.tasks(PostStatus)
    bot.deliver()
    assert not bot.telegram.tasks
    assert bot.states("deliver").count("done") == 1


def test_a_status_message_that_came_just_before_the_move_is_not_edited(
    bot: SteppedDispatcher,
) -> None:
    bot.send(LINK, user_id=ME, chat_id=OLD)
    old_job = bot.job_id(PostStatus)
    bot.bring(MOVED)
    bot.telegram.finish(old_job, Posted(50))
    bot.step()
    assert bot.task(PostStatus).reader.chat_id == NEW
    bot.post(4)
    bot.finish_download()
    assert bot.task(Deliver).message_id == 4


def test_a_status_message_that_is_refused_with_the_new_id_is_posted_there(
    bot: SteppedDispatcher,
) -> None:
    bot.send(LINK, user_id=ME, chat_id=OLD)
    bot.fail(PostStatus, ChatMoved(NEW))
    posted = bot.task(PostStatus)
    assert (posted.reader.chat_id, posted.reply_to_id) == (NEW, NOTHING)


def test_a_reply_that_is_refused_with_the_new_id_comes_there(bot: SteppedDispatcher) -> None:
    bot.bring(Reply(Reader(OLD), 3, (Notice(Topic.HINT),)))
    bot.fail(Reply, ChatMoved(NEW))
    assert bot.task(Reply) == Reply(Reader(NEW), None, (Notice(Topic.HINT),))


def test_a_group_that_moves_for_ever_gets_no_reply_at_some_time(bot: SteppedDispatcher) -> None:
    bot.bring(Reply(Reader(OLD), 3, (Notice(Topic.HINT),)))
    tries = 0
    while replies := bot.tasks(Reply):
        (reply,) = replies.values()
        bot.fail(Reply, ChatMoved(NEW if reply.reader.chat_id == OLD else OLD))
        bot.step(20.0)
        tries += 1
    assert 2 <= tries <= 20


def test_a_panel_closes(bot: SteppedDispatcher) -> None:
    bot.bring(OpenPanel(Reader(OLD), ME, 1, PanelKind.QUEUE))
    bot.finish(ShowPanel, Posted(40))
    bot.bring(MOVED)
    bot.bring(PressPanel(1, "refresh", Press("press", ME, OLD, 40)))
    assert bot.task(AnswerButton).notice == Notice(Topic.PANEL_EXPIRED)
    bot.pass_time(1000)
    assert not bot.tasks(ShowPanel)


def test_a_batch_goes_on_with_another_summary(bot: SteppedDispatcher) -> None:
    url = "https://list.example/all"
    bot.bring(OpenRequest(OLD, ME, 1, url, media_keys.of_link(url)))
    bot.post(50)
    bot.finish(Download, Media((), found_list=a_list(3)))
    bot.finish(ShowList, Delivered(None))
    bot.bring(TakeItems(1, (1, 2), Press("press", ME, OLD, 50)))
    bot.finish(AnswerButton)
    bot.pass_time(20)
    assert bot.task(ShowSummary).reply_to_id == 50
    bot.finish(ShowSummary, Posted(60))
    bot.bring(MOVED)
    bot.pass_time(20)
    told = bot.task(ShowSummary)
    assert (told.reader.chat_id, told.message_id, told.reply_to_id) == (NEW, None, NOTHING)
    bot.finish(ShowSummary, Posted(8))
    bot.finish_downloads()
    bot.pass_time(2)
    assert {task.reader.chat_id for task in bot.tasks(PostStatus).values()} == {NEW}
    assert {task.reply_to_id for task in bot.tasks(PostStatus).values()} == {NOTHING}
    bot.telegram.finish(min(bot.tasks(PostStatus)), Posted(9))
    bot.step()
    bot.finish(Deliver, Delivered("file", MediaKind.VIDEO))
    bot.pass_time(20)
    assert bot.task(ShowSummary).message_id == 8


def test_other_chats_are_left_alone(bot: SteppedDispatcher) -> None:
    bot.send(LINK, user_id=ME, chat_id=ME)
    bot.post(50)
    bot.bring(MOVED)
    assert not bot.tasks(PostStatus)
    bot.finish_download()
    assert bot.task(Deliver).message_id == 50
