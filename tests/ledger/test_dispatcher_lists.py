"""Lists through the dispatcher: each item is answered once, and a summary tells of all."""

import re
from dataclasses import replace

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
from worker.errors import Reason
from worker.ledger.lists import batch_lookups, lists
from worker.protocol import (
    AnswerButton,
    Delivered,
    Download,
    Media,
    PostStatus,
    Reader,
    Reply,
    ShowList,
)
from worker.protocol.choices import MENU_LIFE_S, Page
from worker.protocol.effects import (
    CancelAll,
    CancelRest,
    ChooseResult,
    Effect,
    NameItems,
    Press,
    ShowChoices,
    ShowItems,
    TakeItems,
    TellDescription,
    TryFailedAgain,
)
from worker.protocol.lists import Failure, Hold, ListMenu, Summary
from worker.protocol.notices import Cancelled, Notice, Refusal, Topic


@pytest.fixture
def chat(bot: SteppedDispatcher) -> Chat:
    return Chat(bot)


def test_a_list_is_the_answer(bot: SteppedDispatcher) -> None:
    shown = listed(bot)
    assert shown.found == a_list(3)
    assert shown.menu == ListMenu(ME, LIST, 1, 3, is_whole=True)
    assert bot.rows("SELECT verdict, answered_at IS NOT NULL FROM requests") == [("media", 1)]
    assert bot.rows("SELECT count(*) FROM media") == [(0,)]


def test_each_item_comes_once_and_is_counted(bot: SteppedDispatcher, chat: Chat) -> None:
    listed(bot)
    take(bot, 1, 2, 3)
    chat.settle()
    assert chat.fetched == chat.sent == urls(1, 2, 3)
    assert chat.summaries[-1] == Summary("An album", done=3)
    assert chat.posted_summaries == 1
    assert not batch_lookups.has_open(bot.ledger._db)


def test_an_item_has_no_message_before_it_has_media(bot: SteppedDispatcher) -> None:
    listed(bot)
    take(bot, 2)
    bot.step(1.0)
    assert bot.task(Download).url == urls(2)[0]
    assert not bot.tasks(PostStatus)
    bot.finish_download()
    assert bot.task(PostStatus).reply_to_id == LIST


def test_what_fails_is_told_by_the_summary_alone(
    bot: SteppedDispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "worker")
    listed(bot, 4)
    chat = Chat(bot, failing=[2, 4])
    take(bot, 1, 2, 3, 4)
    chat.settle()
    assert chat.sent == urls(1, 3)
    failed = Failure(Reason.PRIVATE, (2, 4))
    assert chat.summaries[-1] == Summary("An album", done=2, failures=(failed,), can_try_again=True)
    assert bot.rows("SELECT count(*) FROM requests WHERE answered_at IS NULL") == [(0,)]
    assert bot.rows("SELECT count(*) FROM jobs WHERE kind = 'explain'") == [(0,)]
    answered = [line for line in caplog.messages if re.match(r"request \d+: answered ", line)]
    assert len(answered) == 5, "that of the list, and of each of its items"


def test_the_failed_ones_are_tried_again_once(bot: SteppedDispatcher) -> None:
    listed(bot)
    chat = Chat(bot, failing=[2])
    take(bot, 1, 2, 3)
    chat.settle()
    chat.failing.clear()
    again = TryFailedAgain(1, PRESS)
    assert press(bot, again).notice == Notice(Topic.ON_ITS_WAY)
    assert press(bot, again).notice == Notice(Topic.ON_ITS_WAY)
    chat.settle()
    assert chat.sent == urls(1, 3, 2)
    # The first summary has lost its button, and another tells of what was tried again.
    assert Summary("An album", done=2, failures=(Failure("private", (2,)),)) in chat.summaries
    assert Summary("An album", done=1) in chat.summaries
    assert chat.posted_summaries == 2


def test_the_rest_is_cancelled(bot: SteppedDispatcher, chat: Chat) -> None:
    listed(bot, 20)
    take(bot, *range(1, 21))
    for _ in range(5):
        chat.step()
    assert press(bot, CancelRest(1, PRESS)).notice == Notice(Cancelled.DONE)
    chat.settle()
    last = chat.summaries[-1]
    assert last.done == len(chat.sent) < 20
    assert last.done + last.cancelled == 20
    assert not last.waiting
    assert press(bot, CancelRest(1, PRESS)).notice == Notice(Cancelled.TOO_LATE)


def test_cancel_stops_what_waits_as_well(bot: SteppedDispatcher, chat: Chat) -> None:
    listed(bot, 20)
    take(bot, *range(1, 21))
    chat.step()
    bot.bring(CancelAll(Reader(ME), ME, 9, True))
    assert bot.task(Reply).notices == (Notice(Topic.CANCELLED_ALL, {"count": 20}),)
    chat.settle()
    assert chat.summaries[-1].cancelled + chat.summaries[-1].done == 20


def test_the_same_taken_twice_at_once_comes_once(bot: SteppedDispatcher, chat: Chat) -> None:
    listed(bot)
    take(bot, 1, 2)
    take(bot, 1, 2)
    chat.settle()
    assert chat.sent == urls(1, 2)


def test_numbers_that_somebody_writes_are_taken(bot: SteppedDispatcher, chat: Chat) -> None:
    listed(bot, 9)
    bot.bring(NameItems(Reader(ME), ME, 8, LIST, (2, 9, 12), True))
    assert not bot.tasks(Reply)
    chat.settle()
    assert chat.sent == urls(2, 9)


def test_of_a_list_in_a_message_of_its_own_items_are_taken(
    bot: SteppedDispatcher, chat: Chat
) -> None:
    bot.send(LINK)
    bot.post(LIST)
    bot.finish(Download, Media((), found_list=a_list(9)))
    bot.finish(ShowList, Delivered(None, message_id=LIST + 1))
    bot.bring(NameItems(Reader(ME), ME, 8, LIST + 1, (2,), True))
    press(bot, TakeItems(1, (9,), Press("42", ME, ME, LIST + 1)))
    chat.settle()
    assert sorted(chat.sent) == urls(2, 9)


@pytest.mark.parametrize(
    ("message_id", "numbers", "says", "about"),
    [
        (LIST, (10, 11), True, Topic.NO_SUCH_ITEMS),
        (51, (1,), True, Topic.HINT),
        (51, (1,), False, None),
    ],
)
def test_numbers_that_name_nothing(
    bot: SteppedDispatcher,
    message_id: int,
    numbers: tuple[int, ...],
    says: bool,
    about: Topic | None,
) -> None:
    listed(bot, 9)
    bot.bring(NameItems(Reader(ME), ME, 8, message_id, numbers, says))
    said = [reply.notices for reply in bot.tasks(Reply).values()]
    assert said == ([(Notice(about),)] if about else [])
    assert not bot.tasks(Download)


@pytest.mark.parametrize(
    "pressed", [Press("42", ME, 8, LIST), Press("42", ME, ME, 51)], ids=["chat", "message"]
)
def test_forged_buttons_are_dead(bot: SteppedDispatcher, pressed: Press) -> None:
    listed(bot)
    assert press(bot, TakeItems(1, (1,), pressed)).notice == DEAD
    assert press(bot, TakeItems(2, (1,), PRESS)).notice == DEAD
    assert press(bot, ShowItems(1, 0, (), pressed)).notice == DEAD
    assert press(bot, CancelRest(1, PRESS)).notice == DEAD
    assert press(bot, TryFailedAgain(1, PRESS)).notice == DEAD
    assert press(bot, TakeItems(1, (), PRESS)).notice == Notice(Topic.MARK_FIRST)
    assert press(bot, TakeItems(1, (200,), PRESS)).notice == Notice(Topic.NO_SUCH_ITEMS)
    assert not bot.tasks(Download)


def test_only_who_took_them_cancels_the_rest(bot: SteppedDispatcher) -> None:
    listed(bot)
    take(bot, 1, 2)
    other = Press("42", 8, ME, 60)
    assert press(bot, CancelRest(1, other)).notice == Notice(Topic.NOT_YOUR_ITEMS)
    assert press(bot, TryFailedAgain(1, other)).notice == Notice(Topic.NOT_YOUR_ITEMS)


def test_a_page_shows_what_is_marked(bot: SteppedDispatcher) -> None:
    listed(bot, 15)
    answer = press(bot, ShowItems(1, 9, (3, 15, 99), PRESS))
    items = a_list(15).items[10:]
    assert answer.list_menu == ListMenu(ME, LIST, 1, 15, True, 1, items, (3, 15))
    answer = press(bot, ShowItems(1, None, (), PRESS))
    assert answer.list_menu == ListMenu(ME, LIST, 1, 15, is_whole=True)


def test_a_page_closes_by_itself_and_says_so(bot: SteppedDispatcher) -> None:
    first = listed(bot, 15).menu
    press(bot, ShowItems(1, 0, (), PRESS))
    bot.step(MENU_LIFE_S - 60)
    press(bot, ShowItems(1, 1, (3,), PRESS))
    bot.step(MENU_LIFE_S - 1)
    assert not bot.tasks(AnswerButton)
    bot.step(2)
    closed = AnswerButton("", "en", None, list_menu=replace(first, has_expired=True))
    assert bot.task(AnswerButton) == closed
    bot.finish(AnswerButton)
    assert press(bot, ShowItems(1, None, (), PRESS)).list_menu == first
    bot.step(2 * MENU_LIFE_S)
    assert not bot.tasks(AnswerButton)


def test_a_page_closes_also_after_a_restart(make_bot: MakeBot) -> None:
    bot = make_bot()
    first = listed(bot, 15).menu
    press(bot, ShowItems(1, 0, (), PRESS))
    again = make_bot()
    again.step(MENU_LIFE_S + 1)
    assert again.task(AnswerButton).list_menu == replace(first, has_expired=True)


def test_what_was_marked_on_a_page_that_has_ended_is_not_taken(
    bot: SteppedDispatcher, chat: Chat
) -> None:
    first = listed(bot, 15).menu
    press(bot, ShowItems(1, 0, (3, 4), PRESS))
    bot.step(MENU_LIFE_S + 1)
    bot.finish(AnswerButton)
    late = AnswerButton("42", "en", Notice(Topic.MENU_EXPIRED), list_menu=first)
    assert press(bot, TakeItems(1, (3, 4), PRESS)) == late
    chat.settle()
    assert not chat.sent
    press(bot, ShowItems(1, 0, (3, 4), PRESS))
    bot.step(MENU_LIFE_S + 1)
    bot.finish(AnswerButton)
    # The first buttons never end.
    take(bot, 1, 2, 3, 4, 5)
    chat.settle()
    assert chat.sent == urls(1, 2, 3, 4, 5)


def test_a_person_takes_of_lists_so_often_in_an_hour(bot: SteppedDispatcher, chat: Chat) -> None:
    listed(bot, 50)
    for number in range(1, lists.MAX_AN_HOUR + 1):
        take(bot, number)
        chat.settle()
    again = TakeItems(1, (50,), PRESS)
    assert press(bot, again).notice == Notice(Refusal.HOUR)
    chat.settle()
    bot.step(3600.0)
    chat.settle()
    assert press(bot, again).notice == Notice(Topic.ON_ITS_WAY)


def test_a_person_has_so_much_of_lists_under_way(bot: SteppedDispatcher) -> None:
    listed(bot, 50)
    chat = Chat(bot, failing=[50])
    take(bot, 50)
    chat.settle()
    for number in range(1, lists.MAX_UNDER_WAY + 1):
        take(bot, number)
    for effect in (TakeItems(1, (40,), PRESS), TryFailedAgain(1, PRESS)):
        assert press(bot, effect).notice == Notice(Refusal.WAITING)
    chat.settle()
    # What was refused is not lost.
    assert press(bot, TryFailedAgain(1, PRESS)).notice == Notice(Topic.ON_ITS_WAY)


def test_who_is_banned_tries_nothing_again(bot: SteppedDispatcher) -> None:
    listed(bot)
    chat = Chat(bot, failing=[2])
    take(bot, 2)
    chat.settle()
    bot.ledger._db.execute("INSERT INTO banned VALUES (?, ?)", ME, 0.0)
    assert press(bot, TryFailedAgain(1, PRESS)).notice == Notice(Refusal.BANNED)
    chat.settle()
    assert bot.rows("SELECT count(*) FROM batches") == [(1,)]


def test_of_what_waits_for_long_nothing_is_looked_at(
    make_bot: MakeBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = make_bot(USER_LINKS_PER_HOUR="9")
    chat = Chat(bot)
    listed(bot, 12)
    take(bot, *range(1, 13))
    chat.settle()
    assert chat.summaries[-1].hold is Hold.QUOTA
    with monkeypatch.context() as patched:
        patched.delattr(batch_lookups, "summary_of")
        bot.pass_time(60)
    # It is looked at once more is to be said.
    press(bot, CancelRest(1, PRESS))
    chat.settle()
    assert chat.summaries[-1].cancelled == 7


@pytest.mark.parametrize(
    "effect",
    [
        ShowItems(1, 0, (), PRESS),
        ShowItems(1, None, (), PRESS),
        CancelRest(1, PRESS),
        ShowChoices(1, Page.MORE, PRESS),
        TellDescription(1, PRESS),
        ChooseResult(1, "a" * 11, PRESS),
    ],
)
def test_whatever_a_banned_person_presses_says_so(bot: SteppedDispatcher, effect: Effect) -> None:
    listed(bot)
    bot.ledger._db.execute("INSERT INTO banned VALUES (?, ?)", ME, 0.0)
    assert press(bot, effect) == AnswerButton("42", "en", Notice(Refusal.BANNED))


def test_a_banned_person_takes_nothing(bot: SteppedDispatcher, chat: Chat) -> None:
    listed(bot, 10)
    take(bot, *range(1, 11))
    bot.ledger._db.execute("INSERT INTO banned VALUES (?, ?)", ME, 0.0)
    assert press(bot, TakeItems(1, (1,), PRESS)).notice == Notice(Refusal.BANNED)
    chat.settle()
    assert chat.summaries[-1].cancelled > 5
