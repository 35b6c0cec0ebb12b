"""Panels: posted, edited in place, for their owner alone, and expired; with the one of /queue."""

import pytest

from tests.support.stepped_dispatcher import MakeBot, SteppedDispatcher
from tests.support.updates import pressed as press_update
from worker.clocks import Wall
from worker.errors import ChatClosed, MessageGone, TelegramBusy, TelegramUnreachable
from worker.ledger.lists import batch_lookups
from worker.ledger.requests.admission import REPLIES_A_MINUTE
from worker.ledger.upkeep.upkeep import Upkeep
from worker.protocol import AnswerButton, Explain, Posted, Reader
from worker.protocol.effects import Ban, OpenPanel, Press, PressPanel
from worker.protocol.notices import About, Cancelled, Label, Refusal, Topic
from worker.protocol.panels import CLOSE, LIFE_S, PanelKind, ShowPanel, View
from worker.telegram import buttons
from worker.telegram.handlers import handle_update
from worker.telegram.texts import ENGLISH

ME, OTHER, GROUP, COMMAND, PANEL = 7, 8, -5, 1, 90


def open_panel(bot: SteppedDispatcher, chat_id: int = ME, user_id: int = ME) -> View:
    """A person asks for their queue; returns what is posted."""
    bot.bring(OpenPanel(Reader(chat_id), user_id, COMMAND, PanelKind.QUEUE))
    task = bot.task(ShowPanel)
    assert (task.message_id, task.reply_to_id) == (None, COMMAND)
    bot.finish(ShowPanel, Posted(PANEL))
    return task.view


def press(
    bot: SteppedDispatcher, code: str, user_id: int = ME, chat_id: int = ME, message_id: int = PANEL
) -> About | None:
    """What who presses is told at once."""
    bot.bring(PressPanel(1, code, Press("42", user_id, chat_id, message_id)))
    notice = bot.task(AnswerButton).notice
    bot.finish(AnswerButton)
    return notice.about if notice else None


def edited(bot: SteppedDispatcher) -> View:
    """What the panel is made to show."""
    task = bot.task(ShowPanel)
    assert task.message_id == PANEL
    bot.finish(ShowPanel, Posted(PANEL))
    return task.view


def abouts(view: View) -> list[About]:
    return [notice.about for notice in view.notices]


def codes(view: View) -> list[str]:
    return [button.code for row in view.rows for button in row]


def test_links_are_listed_and_cancelled_in_place(bot: SteppedDispatcher) -> None:
    bot.send("https://www.site.example/a", "https://site.example/b/?c=1")
    view = open_panel(bot)
    assert abouts(view) == [Topic.QUEUE_TITLE, Topic.QUEUE_LINE_RUNNING, Topic.QUEUE_LINE]
    assert [notice.values.get("link") for notice in view.notices[1:]] == [
        "site.example/a",
        "site.example/b?c=1",
    ]
    assert codes(view) == ["1", "2", "refresh", CLOSE]
    assert press(bot, "2") is Cancelled.DONE
    assert abouts(edited(bot)) == [Topic.QUEUE_TITLE, Topic.QUEUE_LINE_RUNNING]
    assert press(bot, "2") is Cancelled.TOO_LATE
    edited(bot)
    assert press(bot, "1") is Cancelled.DONE
    assert abouts(edited(bot)) == [Topic.QUEUE_EMPTY]
    assert bot.rows("SELECT verdict FROM requests") == [("cancelled",)] * 2


def test_items_of_lists_that_wait_are_counted(bot: SteppedDispatcher) -> None:
    db = bot.ledger._db
    db.execute(
        "INSERT INTO batches (list_id, chat_id, user_id, message_id, language, form, fresh, title,"
        " items, created_at) VALUES (1, ?, ?, 1, 'en', 'all', 0, '', '[]', 0)",
        ME,
        ME,
    )
    for number in (1, 2):
        db.execute(
            "INSERT INTO batch_items (batch_id, number, url, dropped) VALUES (1, ?, '', ?)",
            number,
            number == 2,
        )
    assert batch_lookups.unopened_of(db, ME, None) == batch_lookups.unopened_of(db, ME, ME) == 1
    assert (
        batch_lookups.unopened_of(db, ME, GROUP) == batch_lookups.unopened_of(db, OTHER, None) == 0
    )


def test_a_place_is_told(bot: SteppedDispatcher) -> None:
    for user_id in (8, 9, 10):
        bot.send(f"https://site.example/{user_id}", user_id=user_id)
    bot.send("https://site.example/mine")
    bot.settle()
    line = open_panel(bot).notices[1]
    assert (line.about, line.values["count"]) == (Topic.QUEUE_LINE_AHEAD, 1)


def test_more_links_than_are_listed_are_counted(bot: SteppedDispatcher) -> None:
    bot.send(*(f"https://site.example/{number}" for number in range(13)))
    bot.settle()
    view = open_panel(bot)
    assert view.notices[-1].values == {"count": 3}
    assert [len(row) for row in view.rows] == [3, 3, 3, 1, 1, 1]


def test_in_private_all_links_of_a_person_are_listed_and_in_a_group_its_own(
    bot: SteppedDispatcher,
) -> None:
    bot.send("https://site.example/private")
    bot.send("https://site.example/group", chat_id=GROUP)
    bot.send("https://site.example/others", user_id=OTHER, chat_id=GROUP)
    assert len(open_panel(bot).notices) == 3
    assert [n.values.get("link") for n in open_panel(bot, GROUP).notices[1:]] == [
        "site.example/group"
    ]


@pytest.mark.parametrize("code", ["9", "x", "", "-1", "9" * 40, "1.2", "٣"])
def test_a_forged_code_cancels_nothing(bot: SteppedDispatcher, code: str) -> None:
    bot.send("https://site.example/others", user_id=OTHER)
    open_panel(bot)
    assert press(bot, code) in (Topic.DEAD_BUTTON, Cancelled.TOO_LATE)
    assert bot.rows("SELECT verdict FROM requests") == [(None,)]


def test_a_panel_cancels_nobody_elses_link(bot: SteppedDispatcher) -> None:
    bot.send("https://site.example/others", user_id=OTHER)
    open_panel(bot)
    assert press(bot, "1") is Cancelled.NOT_YOURS
    assert bot.rows("SELECT verdict FROM requests") == [(None,)]


def test_a_panel_of_a_person_is_for_them_alone(bot: SteppedDispatcher) -> None:
    open_panel(bot, GROUP)
    assert press(bot, CLOSE, OTHER, GROUP) is Topic.PANEL_NOT_YOURS
    assert press(bot, CLOSE, ME, GROUP) is None


def test_a_panel_of_a_chat_is_for_all_who_see_it(bot: SteppedDispatcher) -> None:
    open_panel(bot, GROUP, GROUP)
    assert press(bot, CLOSE, OTHER, GROUP) is None


@pytest.mark.parametrize(("chat_id", "message_id"), [(ME, PANEL + 1), (OTHER, PANEL)])
def test_a_press_below_another_message_is_dead(
    bot: SteppedDispatcher, chat_id: int, message_id: int
) -> None:
    open_panel(bot)
    assert press(bot, CLOSE, chat_id=chat_id, message_id=message_id) is Topic.DEAD_BUTTON
    assert not bot.tasks(ShowPanel)


def test_a_banned_person_presses_in_vain(bot: SteppedDispatcher) -> None:
    open_panel(bot)
    bot.bring(Ban(ME, is_banned=True))
    assert press(bot, "refresh") is Refusal.BANNED


def test_a_closed_panel_keeps_its_text_and_loses_its_buttons(bot: SteppedDispatcher) -> None:
    open_panel(bot)
    assert press(bot, CLOSE) is None
    view = edited(bot)
    assert (abouts(view), view.rows) == ([Topic.QUEUE_EMPTY], ())
    assert press(bot, "refresh") is Topic.PANEL_EXPIRED
    bot.step(2 * LIFE_S)
    assert not bot.tasks(ShowPanel)
    assert bot.states("panel edit") == ["done"]


def test_a_panel_expires_and_says_so(bot: SteppedDispatcher) -> None:
    open_panel(bot)
    bot.step(LIFE_S - 1.0)
    assert not bot.tasks(ShowPanel)
    assert press(bot, "refresh") is None
    edited(bot)
    # Each press gives it time again.
    bot.step(LIFE_S - 1.0)
    assert not bot.tasks(ShowPanel)
    bot.step(2.0)
    assert press(bot, "refresh") is Topic.PANEL_EXPIRED
    view = edited(bot)
    assert (abouts(view), view.rows) == ([Topic.QUEUE_EMPTY, Topic.PANEL_EXPIRED], ())
    bot.step(2 * LIFE_S)
    assert not bot.tasks(ShowPanel)


def test_a_restart_forgets_no_panel(make_bot: MakeBot) -> None:
    bot = make_bot()
    open_panel(bot)
    bot.kill()
    bot = make_bot()
    bot.step()
    assert press(bot, "refresh") is None
    edited(bot)
    bot.kill()
    bot = make_bot()
    bot.step(LIFE_S + 1.0)
    assert abouts(edited(bot))[-1] is Topic.PANEL_EXPIRED


def test_killed_while_it_is_posted_it_is_posted_again_and_the_last_one_works(
    make_bot: MakeBot,
) -> None:
    bot = make_bot()
    bot.bring(OpenPanel(Reader(ME), ME, COMMAND, PanelKind.QUEUE))
    assert bot.tasks(ShowPanel)
    bot.kill()
    bot = make_bot()
    bot.step()
    bot.finish(ShowPanel, Posted(PANEL + 1))
    assert press(bot, "refresh") is Topic.DEAD_BUTTON
    assert press(bot, "refresh", message_id=PANEL + 1) is None


def test_of_quick_presses_the_last_is_shown_last(bot: SteppedDispatcher) -> None:
    bot.send("https://site.example/a", "https://site.example/b")
    open_panel(bot)
    press(bot, "1")
    first = bot.task(ShowPanel)
    press(bot, "2")
    # The second edit waits for the first one, which another worker could overtake.
    assert bot.task(ShowPanel) is first
    bot.finish(ShowPanel, Posted(PANEL))
    assert abouts(edited(bot)) == [Topic.QUEUE_EMPTY]
    assert not bot.tasks(ShowPanel)


def test_a_worker_that_dies_costs_nothing(bot: SteppedDispatcher) -> None:
    open_panel(bot)
    press(bot, "refresh")
    bot.lose(ShowPanel)
    bot.step(10.0)
    edited(bot)
    bot.step(LIFE_S)
    assert abouts(edited(bot))[-1] is Topic.PANEL_EXPIRED


def test_a_panel_that_was_deleted_ends(bot: SteppedDispatcher) -> None:
    open_panel(bot)
    press(bot, "refresh")
    bot.fail(ShowPanel, MessageGone("gone"))
    bot.step(2 * LIFE_S)
    assert not bot.tasks(ShowPanel)
    assert bot.rows("SELECT is_closed FROM panels") == [(1,)]


def test_a_chat_that_is_closed_ends_its_panels(bot: SteppedDispatcher) -> None:
    open_panel(bot)
    press(bot, "refresh")
    bot.fail(ShowPanel, ChatClosed("closed"))
    bot.step(2 * LIFE_S)
    assert not bot.tasks(ShowPanel)
    assert bot.rows("SELECT count(*) FROM jobs WHERE state = 'waiting'") == [(0,)]


def test_a_panel_that_telegram_does_not_take_comes_later(bot: SteppedDispatcher) -> None:
    bot.bring(OpenPanel(Reader(ME), ME, COMMAND, PanelKind.QUEUE))
    bot.fail(ShowPanel, TelegramUnreachable("no answer"))
    bot.step(LIFE_S)
    bot.finish(ShowPanel, Posted(PANEL))
    # Its time begins when it is there.
    bot.step(LIFE_S - 1.0)
    assert not bot.tasks(ShowPanel)


def test_a_flood_wait_for_a_panels_edit_delays_no_new_message(bot: SteppedDispatcher) -> None:
    open_panel(bot)
    press(bot, "refresh")
    bot.fail(ShowPanel, TelegramBusy(300.0))
    bot.bring(OpenPanel(Reader(ME), ME, COMMAND, PanelKind.QUEUE))
    assert bot.task(ShowPanel).message_id is None


def test_an_open_panel_counts_as_nothing_that_waits(bot: SteppedDispatcher) -> None:
    open_panel(bot)
    with Upkeep(bot.settings.data_dir / "ledger.sqlite3") as upkeep:
        assert upkeep.statistics_at(bot.wall).queues == {}


def test_who_floods_gets_only_so_many_panels(bot: SteppedDispatcher) -> None:
    wanted = OpenPanel(Reader(ME), ME, COMMAND, PanelKind.QUEUE)
    bot.bring(*[wanted] * 2 * REPLIES_A_MINUTE)
    assert bot.rows("SELECT count(*) FROM panels") == [(REPLIES_A_MINUTE,)]


def test_old_panels_are_removed_once_they_are_closed(bot: SteppedDispatcher) -> None:
    open_panel(bot)
    with Upkeep(bot.settings.data_dir / "ledger.sqlite3") as upkeep:
        upkeep.remove_old(Wall(bot.wall + 1))
        assert bot.rows("SELECT count(*) FROM panels") == [(1,)]
        press(bot, CLOSE)
        edited(bot)
        upkeep.remove_old(Wall(bot.wall + 1))
    assert bot.rows("SELECT count(*) FROM panels") == [(0,)]


@pytest.mark.parametrize(
    "data", ["panel:1", "panel:1.", "panel:x.1", "panel:" + "9" * 30 + ".1", "panels:1.1"]
)
def test_rubbish_in_a_panels_data_is_dead(data: str) -> None:
    (answer,) = handle_update(press_update(data, chat=ME, message_id=PANEL))
    assert isinstance(answer, AnswerButton)
    assert answer.notice
    assert answer.notice.about is Topic.DEAD_BUTTON


def test_a_panels_button_is_read_as_it_was_packed(bot: SteppedDispatcher) -> None:
    view = open_panel(bot)
    rows = buttons.panel_rows(ENGLISH, 10**17, view)
    (button,) = rows[-1]
    assert button.text == ENGLISH.notices[Label.CLOSE]
    (effect,) = handle_update(press_update(button.data, ME, chat=ME, message_id=PANEL))
    assert effect == PressPanel(10**17, CLOSE, Press("42", ME, ME, PANEL))


def test_a_request_that_is_answered_is_no_longer_listed(bot: SteppedDispatcher) -> None:
    bot.send("https://site.example/a")
    bot.post()
    bot.finish_download()
    assert abouts(open_panel(bot)) == [Topic.QUEUE_TITLE, Topic.QUEUE_LINE_SENDING]
    bot.deliver()
    press(bot, "refresh")
    assert abouts(edited(bot)) == [Topic.QUEUE_EMPTY]
    assert not bot.tasks(Explain)
