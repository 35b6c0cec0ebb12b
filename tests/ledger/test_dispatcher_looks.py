"""Looks, through the dispatcher: one for all who ask, and an answer for each of them."""

from dataclasses import replace

import pytest

from tests.support.asked_looks import (
    ANSWER,
    FOUND,
    LATER_S,
    LINK,
    LOOK,
    ME,
    OTHER,
    QUALITIES,
    answered,
    ask,
    press_quality,
    shown,
    told,
)
from tests.support.stepped_dispatcher import MakeBot, SteppedDispatcher
from worker.dispatch.status.showing import Showing
from worker.errors import Fault, JobError, Reason
from worker.form import ABOUT, WHOLE, Form
from worker.ledger import preferences
from worker.protocol import (
    AnswerButton,
    Delivered,
    Download,
    Explain,
    Identified,
    Media,
    PostStatus,
    Reply,
    ShowList,
    ShowLook,
    Stage,
)
from worker.protocol.choices import Menu, Page
from worker.protocol.effects import (
    CancelRequest,
    ChooseForm,
    Forget,
    Press,
    ShowItems,
    TakeItems,
)
from worker.protocol.lists import ListItem, MediaList
from worker.protocol.looks import MediaLook
from worker.protocol.notices import Notice, Refusal, Topic
from worker.protocol.preferences import Preferences
from worker.settings import Site, Sites

GONE = JobError(Reason.NOT_FOUND, Fault.PERMANENT)


LIST = MediaList("An album", (ListItem(f"{LINK}/1"), ListItem(f"{LINK}/2")), 2)


@pytest.mark.parametrize("is_asked_first", [False, True])
def test_a_link_to_a_list_is_answered_with_its_buttons(
    bot: SteppedDispatcher, is_asked_first: bool
) -> None:
    if is_asked_first:
        preferences.put(bot.ledger._db, ME, Preferences(asks_first=True, max_height=480))
        bot.send(LINK)
    else:
        ask(bot)
    bot.post(ANSWER)
    assert bot.task(Download).form == ABOUT
    bot.finish(Download, Media((), found_list=LIST))
    assert (bot.task(ShowList).found, bot.task(ShowList).menu.offers) == (LIST, (2,))
    bot.finish(ShowList, Delivered(None))
    pressed = Press("42", ME, ME, ANSWER)
    for effect in (ShowItems(1, 0, (2,), pressed), TakeItems(1, (2,), pressed)):
        bot.bring(effect)
        bot.finish(AnswerButton)
    bot.step(1.0)
    chosen = preferences.of(bot.ledger._db, ME).max_height
    assert (bot.task(Download).url, bot.task(Download).form) == (
        f"{LINK}/2",
        Form(max_height=chosen),
    )
    assert bot.rows("SELECT count(*) FROM looks") == [(0,)], "a list may be long"


def test_who_waits_for_a_menu_is_told_when_a_list_is_found(bot: SteppedDispatcher) -> None:
    answered(bot)
    bot.step(LATER_S)
    press_quality(bot)
    bot.finish(Download, Media((), found_list=LIST))
    assert bot.task(AnswerButton).notice == Notice(Topic.NO_OTHER_QUALITY)


def test_what_is_asked_for_is_looked_at_and_told(bot: SteppedDispatcher) -> None:
    ask(bot)
    bot.post(ANSWER)
    assert bot.task(Download).form == ABOUT
    bot.finish(Download, FOUND)
    assert shown(bot) == ShowLook(1, bot.ledger.request(1).reader, ANSWER, LOOK)  # type: ignore[union-attr]
    assert bot.rows("SELECT verdict, answered_at IS NOT NULL FROM requests") == [("media", 1)]
    assert bot.states("look") == ["done"]
    assert bot.states("download") == []


def test_one_look_is_made_for_all_who_ask_and_remembered_for_a_while(
    bot: SteppedDispatcher,
) -> None:
    for user_id in (ME, OTHER):
        ask(bot, user_id)
    assert told(bot) == []
    bot.finish(Download, FOUND)
    assert [type(each) for each in told(bot)] == [ShowLook, ShowLook]
    ask(bot)
    assert [each.look for each in told(bot)] == [LOOK]  # type: ignore[attr-defined]
    assert bot.states("look") == ["done"]
    bot.step(LATER_S)
    ask(bot)
    assert bot.task(Download).form == ABOUT
    assert bot.rows("SELECT count(*) FROM looks") == [(1,)]


def test_fresh_looks_again(bot: SteppedDispatcher) -> None:
    ask(bot)
    bot.finish(Download, FOUND)
    told(bot)
    ask(bot, fresh=True)
    assert bot.task(Download).fresh


def test_a_look_that_fails_is_said_and_known(bot: SteppedDispatcher) -> None:
    ask(bot)
    bot.fail(Download, GONE)
    ask(bot, OTHER)
    reasons = [each.reason for each in told(bot) if isinstance(each, Explain)]
    assert reasons == [Reason.NOT_FOUND] * 2
    assert bot.states("look") == ["failed"]


def test_a_look_is_tried_again_soon(bot: SteppedDispatcher) -> None:
    for seconds in (0.0, 20.0, 20.0):
        ask(bot) if not seconds else bot.step(seconds)
        bot.fail(Download, JobError(Reason.NETWORK, Fault.RETRYABLE))
    assert [each.reason for each in told(bot) if isinstance(each, Explain)] == [Reason.NETWORK]


def test_a_look_that_nobody_wants_any_more_is_dropped(bot: SteppedDispatcher) -> None:
    ask(bot)
    job_id = bot.job_id(Download)
    bot.press_cancel(1)
    assert job_id in bot.downloads.stopped


@pytest.mark.parametrize("result", [Media(()), FOUND], ids=["files", "a look"])
def test_no_kind_of_job_comes_to_what_another_does(bot: SteppedDispatcher, result: Media) -> None:
    if result.look:
        bot.send(LINK)
    else:
        ask(bot)
    bot.finish(Download, result)
    assert [each.reason for each in told(bot) if isinstance(each, Explain)] == [Reason.INTERNAL]


def test_a_person_may_have_a_look_beside_a_download(make_bot: MakeBot) -> None:
    bot = make_bot(USER_MAX_RUNNING="1")
    bot.send(LINK)
    ask(bot)
    ask(bot, url=f"{LINK}2")
    assert {task.form for task in bot.tasks(Download).values()} == {WHOLE, ABOUT}
    assert bot.states("look") == ["running", "waiting"]


def test_looks_keep_to_their_turns_among_downloads(make_bot: MakeBot) -> None:
    bot = make_bot(DOWNLOAD_WORKERS="1")
    for number in range(3):
        ask(bot, url=f"{LINK}{number}")
    bot.send(LINK, user_id=OTHER)
    bot.finish(Download, FOUND)
    assert bot.task(Download).form == WHOLE, "somebody's first before anybody's second"


def test_a_look_outlives_the_bot(make_bot: MakeBot) -> None:
    bot = make_bot()
    ask(bot)
    bot.kill()
    again = make_bot()
    again.step(1.0)
    again.finish(Download, FOUND)
    assert [type(each) for each in told(again)] == [ShowLook]


def test_a_look_says_that_it_looks(bot: SteppedDispatcher) -> None:
    ask(bot)
    assert bot.task(PostStatus).stage is Stage.LOOKING
    bot.post(ANSWER)
    bot.pass_time(3)
    assert {each.stage for each in bot.shown()} <= {Stage.LOOKING}


@pytest.mark.parametrize("is_remembered", [False, True])
def test_an_edit_that_comes_late_overwrites_no_answer_of_a_look(
    bot: SteppedDispatcher, monkeypatch: pytest.MonkeyPatch, is_remembered: bool
) -> None:
    ask(bot)
    bot.finish(Download, FOUND)
    if is_remembered:
        told(bot)
        ask(bot)
    with monkeypatch.context() as patched:
        patched.setattr(Showing, "request_ids_in_doubt", lambda *_: [1, 2])
        bot.post(ANSWER)
        bot.step(1.0)
        assert not bot.tasks(ShowLook)
    bot.step(1.0)
    assert shown(bot).look == LOOK


def test_a_look_counts_for_the_pace_of_its_site(make_bot: MakeBot) -> None:
    bot = make_bot(Sites({"site.example": Site(name="site.example", links_per_hour=1)}))
    ask(bot)
    bot.finish(Download, FOUND)
    told(bot)
    bot.send(LINK, user_id=OTHER)
    bot.step(1.0)
    assert not bot.tasks(Download), "the site has been asked for enough"


def test_a_look_is_refused_where_its_site_is_off(make_bot: MakeBot) -> None:
    bot = make_bot(Sites({"site.example": Site(name="site.example", off=True)}))
    ask(bot)
    assert [each.reason for each in told(bot) if isinstance(each, Explain)] == [Reason.SITE_OFF]


# --------------------------------------------------------------- qualities below an answer


def menu(callback_id: str = "42") -> AnswerButton:
    shown_menu = Menu(ME, ANSWER, 1, page=Page.QUALITIES, has_qualities=True, qualities=QUALITIES)
    return AnswerButton(callback_id, "en", None, shown_menu)


def test_qualities_are_known_for_a_while_and_then_looked_up(bot: SteppedDispatcher) -> None:
    answered(bot)
    press_quality(bot)
    assert told(bot) == [menu()]
    bot.step(LATER_S)
    (closed,) = told(bot)
    assert isinstance(closed, AnswerButton)
    assert not closed.callback_id, "the page closes by itself"
    press_quality(bot)
    press_quality(bot, OTHER, "43")
    assert told(bot) == [], "the button spins"
    assert len(bot.tasks(Download)) == 1, "one look for all who ask"
    bot.finish(Download, FOUND)
    assert told(bot) == [replace(menu(), menu=None), menu("43")], "the last one shows it to all"
    press_quality(bot)
    assert told(bot) == [menu()], "and is remembered"
    assert bot.rows("SELECT count(*) FROM awaited_menus") == [(0,)]


def test_a_choice_is_made_from_a_look(bot: SteppedDispatcher) -> None:
    answered(bot)
    bot.step(LATER_S)
    press_quality(bot)
    bot.finish(Download, FOUND)
    told(bot)
    form = Form(max_height=480)
    bot.bring(ChooseForm(1, form, Press("42", ME, ME, ANSWER)))
    assert (bot.task(Download).url, bot.task(Download).form) == (LINK, form)


@pytest.mark.parametrize(("late_s", "how"), [(1.0, AnswerButton), (60.0, Reply)])
def test_why_there_are_no_qualities_is_said(
    bot: SteppedDispatcher, late_s: float, how: type[AnswerButton] | type[Reply]
) -> None:
    answered(bot)
    bot.step(LATER_S)
    press_quality(bot)
    bot.step(late_s)
    bot.fail(Download, GONE)
    (said,) = told(bot)
    assert isinstance(said, how)
    notice = said.notice if isinstance(said, AnswerButton) else said.notices[0]
    assert notice is not None
    assert (notice.about, notice.values["reason"]) == (Topic.NOT_LOOKED_UP, "not found")
    press_quality(bot)
    (again,) = told(bot)
    assert isinstance(again, AnswerButton), "it is known, and said at once"


def test_one_quality_is_no_choice(bot: SteppedDispatcher) -> None:
    answered(bot)
    bot.step(LATER_S)
    press_quality(bot)
    bot.finish(Download, Media((), look=MediaLook("A film", qualities=QUALITIES[:1])))
    assert told(bot) == [AnswerButton("42", "en", Notice(Topic.NO_OTHER_QUALITY))]


def test_a_look_goes_on_while_somebody_waits_for_its_menu(bot: SteppedDispatcher) -> None:
    answered(bot)
    bot.step(LATER_S)
    press_quality(bot)
    ask(bot)
    (request_id,) = bot.rows("SELECT max(id) FROM requests")[0]
    bot.bring(CancelRequest(request_id, ME, "cancel"))
    assert not bot.downloads.stopped
    bot.finish(Download, FOUND)
    assert menu() in told(bot)


def test_a_press_outlives_the_bot(make_bot: MakeBot) -> None:
    bot = make_bot()
    answered(bot)
    bot.step(LATER_S)
    press_quality(bot)
    bot.kill()
    again = make_bot()
    again.wall = bot.wall
    again.step(1.0)
    again.finish(Download, FOUND)
    assert told(again) == [menu()]


def test_a_person_waits_for_so_many_menus_only(make_bot: MakeBot) -> None:
    bot = make_bot(USER_MAX_WAITING="1")
    answered(bot)
    bot.step(LATER_S)
    press_quality(bot)
    press_quality(bot, callback_id="43")
    assert told(bot) == [AnswerButton("43", "en", Notice(Refusal.WAITING))]


def test_who_is_forgotten_waits_for_no_menu(bot: SteppedDispatcher) -> None:
    answered(bot)
    bot.step(LATER_S)
    press_quality(bot)
    bot.bring(Forget(ME, 99))
    assert bot.job_id(Download) in bot.downloads.stopped
    assert bot.rows("SELECT count(*) FROM awaited_menus") == [(0,)]


def test_media_that_another_link_is_looked_at_for_is_still_answered(
    bot: SteppedDispatcher,
) -> None:
    answered(bot)
    bot.step(LATER_S)
    ask(bot, OTHER, url=f"{LINK}?other")
    press_quality(bot)
    first, second = sorted(bot.tasks(Download))
    for job_id in (first, second):
        bot.downloads.report(job_id, Identified("ab" * 16))
    bot.step()
    for job_id in (first, second):
        bot.downloads.finish(job_id, FOUND)
    bot.step()
    assert menu() in told(bot)


def test_where_there_is_no_other_quality_nobody_looks_again_for_a_while(
    bot: SteppedDispatcher,
) -> None:
    answered(bot)
    bot.step(LATER_S)
    none = AnswerButton("42", "en", Notice(Topic.NO_OTHER_QUALITY))
    press_quality(bot)
    bot.finish(Download, Media((), look=MediaLook("A film")))
    assert told(bot) == [none]
    press_quality(bot)
    assert told(bot) == [none]
    assert bot.states("look") == ["done"]
    bot.step(LATER_S)
    press_quality(bot)
    assert bot.tasks(Download)
