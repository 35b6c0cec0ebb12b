"""What was taken of a list comes item by item, through the dispatcher, and is told of."""

import itertools

import pytest

from tests.support.stepped_dispatcher import MakeBot, SteppedDispatcher
from tests.support.taken_lists import (
    DEAD,
    LINK,
    LIST,
    ME,
    PRESS,
    Chat,
    a_list,
    listed,
    press,
    take,
    urls,
)
from worker.clocks import Wall
from worker.dispatch.circuit_breaker import FAILURES_TO_OPEN
from worker.errors import (
    ChatClosed,
    Fault,
    JobError,
    MessageGone,
    Reason,
    TelegramUnreachable,
)
from worker.form import SOUND, Form
from worker.ledger import ledger_path, preferences
from worker.ledger.lists import batch_lookups, batches
from worker.ledger.storage import retention
from worker.ledger.upkeep.upkeep import Upkeep
from worker.media_keys import of_link
from worker.protocol import (
    Delivered,
    Download,
    Media,
    ShowList,
    ShowSummary,
)
from worker.protocol.effects import (
    Ban,
    OpenRequest,
    Press,
    TakeItems,
)
from worker.protocol.lists import Failure, Hold, Summary
from worker.protocol.notices import Notice, Topic
from worker.protocol.preferences import Preferences


@pytest.fixture
def chat(bot: SteppedDispatcher) -> Chat:
    return Chat(bot)


def test_items_come_in_the_form_that_was_asked_for(bot: SteppedDispatcher) -> None:
    bot.bring(OpenRequest(ME, ME, 1, LINK, of_link(LINK, SOUND), form=SOUND))
    bot.post(LIST)
    bot.finish(Download, Media((), found_list=a_list(3)))
    bot.finish(ShowList, Delivered(None))
    take(bot, 1)
    bot.step(1.0)
    assert bot.task(Download).form == SOUND


OTHER, GROUP = 8, -5


@pytest.mark.parametrize(
    ("taker", "form"), [(ME, Form(max_height=720)), (OTHER, Form(max_height=360))]
)
def test_items_come_as_who_takes_them_has_set(
    bot: SteppedDispatcher, taker: int, form: Form
) -> None:
    preferences.put(bot.ledger._db, ME, Preferences(max_height=720))
    preferences.put(bot.ledger._db, OTHER, Preferences(max_height=360, asks_first=True))
    bot.send(LINK, user_id=ME, chat_id=GROUP)
    bot.post(LIST)
    assert bot.task(Download).form == Form(max_height=720)
    bot.finish(Download, Media((), found_list=a_list(3)))
    bot.finish(ShowList, Delivered(None))
    press(bot, TakeItems(1, (1,), Press("42", taker, GROUP, LIST)))
    bot.step(1.0)
    assert bot.task(Download).form == form
    assert bot.rows("SELECT user_id FROM requests WHERE batch_id IS NOT NULL") == [(taker,)]


def test_what_a_command_has_said_of_a_list_holds_for_all_who_take_of_it(
    bot: SteppedDispatcher,
) -> None:
    preferences.put(bot.ledger._db, OTHER, Preferences(max_height=360))
    wanted = Form(max_height=480)
    bot.bring(OpenRequest(GROUP, ME, 1, LINK, of_link(LINK, wanted), wanted, is_exact=True))
    bot.post(LIST)
    bot.finish(Download, Media((), found_list=a_list(3)))
    bot.finish(ShowList, Delivered(None))
    press(bot, TakeItems(1, (1,), Press("42", OTHER, GROUP, LIST)))
    bot.step(1.0)
    assert bot.task(Download).form == wanted


def test_items_of_a_list_that_was_asked_for_anew_are_fetched_anew(
    bot: SteppedDispatcher, chat: Chat
) -> None:
    listed(bot, 2)
    take(bot, 1, 2)
    chat.settle()
    bot.bring(OpenRequest(ME, ME, 2, LINK, of_link(LINK), fresh=True))
    bot.post(LIST + 1)
    bot.finish(Download, Media((), found_list=a_list(2)))
    bot.finish(ShowList, Delivered(None))
    (request_id,) = bot.rows("SELECT max(id) FROM requests")[0]
    press(bot, TakeItems(request_id, (1, 2), Press("43", ME, ME, LIST + 1)))
    chat.settle()
    assert chat.fetched == urls(1, 2, 1, 2)


def test_items_wait_for_the_quota_and_leave_room_for_links(make_bot: MakeBot) -> None:
    bot = make_bot(USER_LINKS_PER_HOUR="9")
    listed(bot, 12)
    take(bot, *range(1, 13))
    chat = Chat(bot)
    chat.settle()
    # Three quarters of nine, with the list's own link.
    assert len(chat.sent) == 5
    assert chat.summaries[-1] == Summary("An album", done=5, waiting=7, hold=Hold.QUOTA)
    bot.send("https://site.example/own")
    assert bot.rows("SELECT count(*) FROM requests WHERE url LIKE '%own'") == [(1,)]
    chat.settle()
    bot.step(3700.0)
    chat.settle()
    bot.step(3700.0)
    chat.settle()
    assert sorted(chat.sent) == sorted([*urls(*range(1, 13)), "https://site.example/own"])
    assert chat.summaries[-1] == Summary("An album", done=12)


def test_items_wait_while_their_site_fails_for_everybody(make_bot: MakeBot) -> None:
    bot = make_bot(USER_LINKS_PER_MINUTE="1000", JOB_MAX_ATTEMPTS="1")
    listed(bot, 40)
    take(bot, *range(1, 41))
    chat = Chat(bot)
    chat.is_down = True
    for _ in range(200):
        chat.step()
    failed, last = chat.summaries[-1].failed, chat.summaries[-1]
    assert last == Summary("An album", waiting=40 - failed, failures=last.failures, hold=Hold.SITE)
    # Those with which it turned out, and a few that have looked since.
    assert FAILURES_TO_OPEN <= failed <= FAILURES_TO_OPEN + 8
    chat.is_down = False
    for _ in range(400):
        chat.step()
    last = chat.summaries[-1]
    assert (last.done + last.failed, last.failed) == (40, failed)


def test_somebodys_link_does_not_wait_for_a_list(bot: SteppedDispatcher) -> None:
    listed(bot, 50)
    take(bot, *range(1, 51))
    bot.step(1.0)
    bot.send("https://site.example/own")
    assert bot.rows("SELECT count(*) FROM requests WHERE batch_id IS NOT NULL") == [(3,)]


def test_a_summary_is_told_also_while_one_item_follows_another(
    make_bot: MakeBot,
) -> None:
    bot = make_bot(USER_LINKS_PER_MINUTE="1000")
    listed(bot, 50)
    take(bot, *range(1, 51))
    chat = Chat(bot)
    chat.settle()
    assert len(chat.sent) == 50
    gaps = [after - before for before, after in itertools.pairwise(chat.summaries_at)]
    assert len(gaps) > 3
    assert max(gaps) < batches.SUMMARY_PATIENCE_S + 5


def test_no_more_is_fetched_than_telegram_takes(bot: SteppedDispatcher) -> None:
    listed(bot, 50)
    take(bot, *range(1, 51))
    for _ in range(20):
        bot.step(1.0)
        bot.finish_downloads()
    assert len(bot.directories()) == 3


def test_a_summary_that_is_deleted_is_posted_again_a_few_times(bot: SteppedDispatcher) -> None:
    listed(bot, 30)
    take(bot, *range(1, 31))
    chat = Chat(bot)
    for _ in range(200):
        for job_id in bot.tasks(ShowSummary):
            bot.telegram.fail(job_id, MessageGone(), "")
        chat.step(6.0)
    assert sorted(chat.sent) == sorted(urls(*range(1, 31)))
    assert bot.rows("SELECT lost FROM batches") == [(batches.MAX_LOST,)]
    assert not batch_lookups.has_open(bot.ledger._db)


def test_a_summary_that_telegram_does_not_take_is_repeated(bot: SteppedDispatcher) -> None:
    listed(bot)
    take(bot, 1)
    bot.step(1.0)
    bot.fail(ShowSummary, TelegramUnreachable())
    chat = Chat(bot)
    chat.settle()
    assert chat.summaries[-1] == Summary("An album", done=1)


def test_what_was_taken_is_forgotten_in_time(bot: SteppedDispatcher, chat: Chat) -> None:
    listed(bot)
    take(bot, 1, 2)
    chat.settle()
    listed_again = TakeItems(1, (3,), PRESS)
    assert press(bot, listed_again).notice == Notice(Topic.ON_ITS_WAY)
    with Upkeep(ledger_path(bot.settings.data_dir)) as upkeep:
        while upkeep.remove_old(Wall(bot.wall + 1)):
            pass
    # What goes on is not forgotten.
    assert bot.rows("SELECT id FROM batches") == [(2,)]
    assert bot.rows("SELECT batch_id, number FROM batch_items") == [(2, 3)]
    chat.settle()
    assert chat.summaries[-1] == Summary("An album", done=1)
    assert press(bot, listed_again).notice == DEAD


def test_a_list_that_is_done_in_part_outlives_a_month_without_the_bot(make_bot: MakeBot) -> None:
    bot = make_bot(USER_LINKS_PER_HOUR="4")
    chat = Chat(bot)
    listed(bot, 5)
    take(bot, *range(1, 6))
    for _ in range(20):
        chat.step()
    assert chat.summaries[-1] == Summary("An album", done=2, waiting=3, hold=Hold.QUOTA)
    bot.step(40 * 86_400.0)
    with Upkeep(ledger_path(bot.settings.data_dir)) as upkeep:
        while upkeep.remove_old(Wall(bot.wall - retention.KEPT_S)):
            pass
    chat.settle()
    assert chat.summaries[-1] == Summary("An album", done=5)
    assert not batch_lookups.has_open(bot.ledger._db)


def test_a_closed_chat_ends_its_lists(bot: SteppedDispatcher, chat: Chat) -> None:
    listed(bot, 30)
    take(bot, *range(1, 31))
    bot.step(1.0)
    bot.fail(ShowSummary, ChatClosed())
    chat.settle()
    assert not batch_lookups.has_open(bot.ledger._db)
    assert not chat.sent


@pytest.mark.parametrize("steps", range(1, 40, 4))
def test_a_bot_that_is_killed_answers_each_item_once(make_bot: MakeBot, steps: int) -> None:
    bot = make_bot()
    listed(bot, 8)
    take(bot, *range(1, 9))
    before = Chat(bot, failing=[3])
    for _ in range(steps):
        before.step(0.5)
    bot.kill()
    bot = make_bot()
    chat = Chat(bot, failing=[3])
    chat.next_id = 1000
    bot.step()
    chat.settle()
    wanted = urls(1, 2, 4, 5, 6, 7, 8)
    assert sorted(before.sent + chat.sent) == wanted
    last = (before.summaries + chat.summaries)[-1]
    failed = Failure("private", (3,))
    assert last == Summary("An album", done=7, failures=(failed,), can_try_again=True)
    assert bot.rows("SELECT count(*) FROM requests WHERE answered_at IS NULL") == [(0,)]


def test_what_runs_for_somebody_who_was_banned_is_stopped(make_bot: MakeBot) -> None:
    bot = make_bot(USER_MAX_RUNNING="1")
    listed(bot, 6)
    take(bot, 1, 2, 3, 4, 5, 6)
    bot.step(1.5)
    bot.bring(Ban(ME, is_banned=True))
    # One ends, so it would be the turn of the next.
    bot.fail(Download, JobError(Reason.NOT_FOUND, Fault.PERMANENT))
    running = bot.job_id(Download)
    bot.pass_time(2)
    assert running in bot.downloads.stopped
    bot.downloads.stop(running)
    bot.pass_time(2)
    assert not bot.tasks(Download)
    assert "waiting" not in bot.states("download")
