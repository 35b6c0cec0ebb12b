"""/privacy and /forget: what is told, what is deleted, and what stays."""

import re
from dataclasses import replace

import pytest

from tests.support.query_plans import plans_of
from tests.support.settings_panel import ME, OTHER, PANEL, edited, press
from tests.support.stepped_dispatcher import MakeBot, SteppedDispatcher
from tests.support.taken_lists import Chat, listed, take
from tests.support.updates import GROUP, said
from worker import media_keys
from worker.clocks import Wall
from worker.errors import Fault, JobError, Reason, TelegramBusy
from worker.form import ABOUT, SOUND
from worker.ledger import forgetting, ledger_path, preferences
from worker.ledger.requests import admission
from worker.ledger.upkeep.failures import NotRetried
from worker.ledger.upkeep.upkeep import Upkeep
from worker.protocol import (
    AnswerButton,
    Deliver,
    Delivered,
    Download,
    Explain,
    HandleUpdate,
    Media,
    Posted,
    PostStatus,
    Reader,
    Reply,
    ShowList,
)
from worker.protocol.choices import Page, SiteOffer
from worker.protocol.effects import (
    ChooseForm,
    Forget,
    OpenPanel,
    OpenRequest,
    Press,
    ShowChoices,
    ShowItems,
    TryFailedAgain,
)
from worker.protocol.lists import ListItem, MediaList
from worker.protocol.looks import LIFE_S
from worker.protocol.notices import Notice, Refusal, Topic
from worker.protocol.panels import CLOSE, PanelKind, ShowPanel, View
from worker.protocol.preferences import Preferences
from worker.telegram.handlers import handle_update

SECRET = "https://site.example/mine?word=holiday"


def open_panel(bot: SteppedDispatcher, page: str | None = None, user_id: int = ME) -> View:
    state = {"page": page} if page else {}
    chat_id = user_id if user_id > 0 else GROUP
    bot.bring(OpenPanel(Reader(chat_id), user_id, 1, PanelKind.PRIVACY, state))
    view = bot.task(ShowPanel).view
    bot.finish(ShowPanel, Posted(PANEL))
    return view


def forget(bot: SteppedDispatcher) -> View:
    open_panel(bot, "asked")
    assert press(bot, "delete") is None
    return edited(bot)


def answer(bot: SteppedDispatcher, url: str, user_id: int = ME) -> None:
    """A person sends a link and gets its media."""
    bot.send(url, user_id=user_id)
    bot.post()
    if bot.tasks(Download):
        bot.finish_download()
    bot.deliver()


def kept(bot: SteppedDispatcher, word: str) -> list[str]:
    """The tables in which the word still stands, but for what is remembered of media itself."""
    of_media = {"media", "links"}
    tables = {name for (name,) in bot.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return [
        table
        for table in sorted(tables - of_media)
        if any(word in str(row) for row in bot.rows(f"SELECT * FROM {table}"))
    ]


def test_what_is_kept_is_told_with_a_way_to_delete_it(bot: SteppedDispatcher) -> None:
    answer(bot, SECRET)
    view = open_panel(bot)
    assert [notice.about for notice in view.notices] == [Topic.PRIVACY, Topic.PRIVACY_LINKS]
    assert view.notices[0].values == {"days": 30}
    assert view.notices[1].values == {"count": 1}
    press(bot, "ask")
    assert edited(bot).notices[0].about is Topic.FORGET
    press(bot, "back")
    assert edited(bot).notices[0].about is Topic.PRIVACY


def test_links_messages_and_settings_are_deleted(bot: SteppedDispatcher) -> None:
    message = said(f"look at {SECRET}", user=ME, chat=ME)
    bot.ledger.record_updates([{**message, "update_id": 5}], bot.wall)
    bot.step()
    bot.finish(HandleUpdate, ())
    answer(bot, SECRET)
    preferences.put(bot.ledger._db, ME, Preferences(max_height=720))
    assert kept(bot, "holiday") == ["jobs", "requests"]
    view = forget(bot)
    assert [notice.about for notice in view.notices] == [Topic.FORGOTTEN]
    assert view.rows == ()
    assert kept(bot, "holiday") == []
    assert bot.rows("SELECT * FROM preferences") == []
    assert bot.rows("SELECT user_id, url, media_key FROM requests") == [(ME, "", "")]


def test_of_messages_nothing_stays_once_they_are_read(bot: SteppedDispatcher) -> None:
    message = said(f"look at {SECRET}", user=ME, chat=ME)
    bot.ledger.record_updates([{**message, "update_id": 5}], bot.wall)
    bot.step()
    bot.finish(HandleUpdate, ())
    assert kept(bot, "holiday") == []


def test_a_message_that_could_not_be_read_is_deleted_with_the_rest(bot: SteppedDispatcher) -> None:
    message = said(f"look at {SECRET}", user=ME, chat=ME)
    bot.ledger.record_updates([{**message, "update_id": 5}], bot.wall)
    bot.step()
    bot.fail(HandleUpdate, ValueError("cannot read: our holiday"))
    assert kept(bot, "holiday") == ["jobs"]
    forget(bot)
    assert kept(bot, "holiday") == []
    # It can still be tried again, and says nothing then.
    assert bot.rows("SELECT payload FROM jobs WHERE update_id = 5") == [('{"update_id":5}',)]


def test_to_forget_somebody_reads_no_rows_of_others(bot: SteppedDispatcher) -> None:
    answer(bot, SECRET)

    def everything() -> None:
        with bot.ledger._db.transaction():
            forgetting.forget(bot.ledger._db, Forget(ME, PANEL), bot.wall)
            forgetting.step(bot.ledger._db)

    plans = plans_of(bot.ledger, everything)
    assert len(plans) >= 10
    # Few fail, and few panels and batches are kept.
    scanned = {plan for plan in plans if re.match("SCAN (?!json_each|CONSTANT)", plan)}
    assert scanned <= {
        "SCAN jobs USING INDEX jobs_failed",
        "SCAN requests USING INDEX requests_to_empty",
        "SCAN batches",
        "SCAN panels",
    }


def test_much_is_deleted_in_steps_between_which_others_are_served(
    bot: SteppedDispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "EMPTIED_AT_ONCE", 2)
    for number in range(5):
        answer(bot, f"{SECRET}&{number}")
    with bot.ledger._db.transaction():
        forgetting.forget(bot.ledger._db, Forget(ME, PANEL), bot.wall)
    left = "SELECT count(*) FROM requests WHERE url != ''"
    downloads_left = "SELECT count(*) FROM jobs WHERE kind = 'download' AND result IS NOT NULL"
    for expected in (3, 1, 0):
        assert bot.ledger.has_to_forget()
        bot.step()
        assert bot.rows(left) == bot.rows(downloads_left) == [(expected,)]
    assert not bot.ledger.has_to_forget()
    answer(bot, "https://site.example/other", user_id=OTHER)
    bot.step()
    assert bot.rows(left) == bot.rows(downloads_left) == [(1,)]


def test_what_is_open_is_cancelled_and_deleted_once_that_is_told(bot: SteppedDispatcher) -> None:
    bot.send(SECRET)
    bot.send(f"{SECRET}&waits")
    bot.settle()
    forget(bot)
    assert {explained.reason for explained in bot.settle()} == {None}
    (download,) = bot.tasks(Download)
    assert download in bot.downloads.stopped
    assert bot.rows("SELECT verdict, url FROM requests") == [("cancelled", "")] * 2
    assert kept(bot, "holiday") == []


@pytest.mark.parametrize("others_wait", [False, True])
def test_a_look_for_a_menu_is_forgotten_unless_others_wait_for_it(
    bot: SteppedDispatcher, others_wait: bool
) -> None:
    people = (ME, OTHER) if others_wait else (ME,)
    for user_id in people:
        answer(bot, SECRET, user_id)
    bot.step(LIFE_S + 1)
    for request_id, user_id in enumerate(people, 1):
        press = Press(str(user_id), user_id, user_id, 50)
        bot.bring(ShowChoices(request_id, Page.QUALITIES, press))
    forget(bot)
    job_id = bot.job_id(Download)
    assert (job_id in bot.downloads.stopped) is not others_wait
    if others_wait:
        assert bot.rows("SELECT payload ->> '$.url' FROM jobs WHERE id = ?", job_id) == [(SECRET,)]
    else:
        bot.downloads.stop(job_id)
        bot.step()
        assert kept(bot, "holiday") == []


def test_what_somebody_has_asked_about_is_forgotten_once_nobody_else_waits_for_it(
    bot: SteppedDispatcher,
) -> None:
    answer(bot, SECRET, OTHER)
    bot.step(LIFE_S + 1)
    bot.bring(OpenRequest(ME, ME, 1, SECRET, media_keys.of_link(SECRET, ABOUT), form=ABOUT))
    bot.post(60)
    bot.bring(ShowChoices(1, Page.QUALITIES, Press("42", OTHER, OTHER, 50)))
    forget(bot)
    bot.finish(Explain)
    bot.step()
    assert bot.task(Download).url == SECRET
    bot.fail(Download, JobError(Reason.NETWORK, Fault.RETRYABLE))
    bot.pass_time(60)
    assert bot.task(Download).url == SECRET
    bot.fail(Download, JobError(Reason.PRIVATE, Fault.PERMANENT))
    bot.step()
    assert bot.rows("SELECT url FROM requests") == [(SECRET,), ("",)]
    assert bot.rows("SELECT payload ->> '$.url' FROM jobs WHERE kind = 'look'") == [("",)]


def test_a_failure_that_is_not_told_yet_is_told_and_deleted(bot: SteppedDispatcher) -> None:
    bot.send(SECRET)
    bot.post()
    bot.fail(Download, JobError(Reason.PRIVATE, Fault.PERMANENT, f"said of {SECRET}"))
    assert bot.tasks(Explain)
    forget(bot)
    bot.finish(Explain)
    assert bot.rows("SELECT reason, url FROM requests") == [("private", "")]
    assert kept(bot, "holiday") == []


def test_a_link_that_others_have_sent_too_stays_theirs(bot: SteppedDispatcher) -> None:
    bot.send(SECRET)
    bot.post()
    bot.send(SECRET, user_id=OTHER)
    bot.post(51)
    forget(bot)
    bot.settle()
    bot.finish_download()
    assert bot.task(Deliver).message_id == 51
    bot.deliver()
    assert bot.rows("SELECT user_id, url FROM requests") == [(ME, ""), (OTHER, SECRET)]


def described(bot: SteppedDispatcher, chat_id: int | None = None) -> None:
    """A person has an answer, and its description is on its way."""
    preferences.put(bot.ledger._db, ME, Preferences(describes=True))
    bot.send(SECRET, chat_id=chat_id)
    bot.post()
    bot.finish(Download, replace(bot.make_media(), offer=SiteOffer(description="a holiday")))
    bot.deliver()


def test_what_was_said_of_a_link_in_a_group_is_deleted(bot: SteppedDispatcher) -> None:
    described(bot, GROUP)
    bot.finish(Reply)
    forget(bot)
    assert kept(bot, "holiday") == []


@pytest.mark.parametrize("chat_id", [ME, GROUP])
@pytest.mark.parametrize("error", [TelegramBusy(600.0), JobError(Reason.INTERNAL, Fault.PERMANENT)])
def test_what_could_not_be_said_is_deleted_and_not_said_later(
    bot: SteppedDispatcher, chat_id: int, error: Exception
) -> None:
    described(bot, chat_id)
    bot.fail(Reply, error)
    other = Reply(Reader(chat_id), 99, (Notice(Topic.DESCRIPTION, {"link": "theirs"}),))
    if chat_id == GROUP:
        with bot.ledger._db.transaction():
            admission.reply(bot.ledger._db, other, bot.wall)
    assert kept(bot, "holiday") == ["jobs", "requests"]
    with bot.ledger._db.transaction():
        forgetting.forget(bot.ledger._db, Forget(ME, PANEL), bot.wall)
    bot.step(700.0)
    assert kept(bot, "holiday") == []
    assert list(bot.tasks(Reply).values()) == ([other] if chat_id == GROUP else [])
    with Upkeep(ledger_path(bot.settings.data_dir)) as upkeep:
        assert upkeep.failed(10) == []


@pytest.mark.parametrize("failing", [Download, Deliver])
def test_what_failed_and_is_forgotten_is_not_tried_again(
    bot: SteppedDispatcher, failing: type[object]
) -> None:
    bot.send(SECRET)
    bot.post()
    if failing is Deliver:
        bot.finish_download()
    bot.fail(failing, JobError(Reason.FORBIDDEN, Fault.PERMANENT))
    bot.finish(Explain)
    forget(bot)
    with Upkeep(ledger_path(bot.settings.data_dir)) as upkeep:
        (failed,) = upkeep.failed(10)
        with pytest.raises(NotRetried, match="forgotten"):
            upkeep.retry(failed, bot.wall)
    bot.step()
    assert not bot.tasks(PostStatus)
    assert not bot.tasks(Download)


def test_what_others_have_sent_too_is_tried_again_for_them_alone(bot: SteppedDispatcher) -> None:
    for user_id in (ME, OTHER):
        bot.send(SECRET, user_id=user_id)
        bot.post(user_id)
    bot.fail(Download, JobError(Reason.FORBIDDEN, Fault.PERMANENT))
    bot.settle()
    forget(bot)
    with Upkeep(ledger_path(bot.settings.data_dir)) as upkeep:
        upkeep.retry(upkeep.failed(10)[0], bot.wall)
    bot.step()
    assert bot.task(PostStatus).reader.chat_id == OTHER
    assert bot.task(Download).url == SECRET


def test_limits_are_not_begun_anew(make_bot: MakeBot) -> None:
    bot = make_bot(USER_LINKS_PER_HOUR="1")
    answer(bot, SECRET)
    forget(bot)
    bot.step(120.0)
    bot.send("https://site.example/more")
    assert bot.rows("SELECT count(*) FROM requests") == [(1,)]
    said_no = bot.rows("SELECT payload ->> '$.notices[0].about' FROM jobs WHERE kind = 'reply'")
    assert said_no == [(Refusal.HOUR,)]


def test_buttons_below_forgotten_answers_are_dead(bot: SteppedDispatcher) -> None:
    answer(bot, SECRET)
    forget(bot)
    bot.bring(ChooseForm(1, SOUND, Press("42", ME, ME, 50)))
    notice = bot.task(AnswerButton).notice
    assert notice
    assert notice.about is Topic.DEAD_BUTTON
    assert not bot.tasks(PostStatus)


def test_lists_are_forgotten_with_the_pages_that_were_shown(bot: SteppedDispatcher) -> None:
    item = ListItem("https://site.example/holiday", "A holiday")
    found = MediaList("Holidays", (item, replace(item, url=SECRET)), 2)
    for user_id, message_id in ((ME, 50), (OTHER, 51)):
        bot.send(SECRET, user_id=user_id)
        bot.post(message_id)
    bot.finish(Download, Media((), found_list=found))
    for shown in list(bot.tasks(ShowList)):
        bot.telegram.finish(shown, Delivered(None))
    bot.step()
    page = ShowItems(1, 0, (), Press("42", ME, ME, 50))
    bot.bring(page)
    assert bot.task(AnswerButton).list_menu
    bot.finish(AnswerButton)
    bot.bring(ChooseForm(2, SOUND, Press("42", OTHER, OTHER, 51)))
    bot.settle()
    forget(bot)
    # What another person has sent as well is theirs, and the button is dead all the same.
    bot.bring(page)
    assert bot.task(AnswerButton) == AnswerButton("42", "en", Notice(Topic.DEAD_BUTTON))
    assert "holiday" not in str(bot.rows("SELECT payload FROM jobs WHERE kind = 'button'"))


def test_what_was_taken_of_a_list_is_forgotten_with_what_its_summary_has_said(
    bot: SteppedDispatcher,
) -> None:
    listed(bot)
    take(bot, 1, 2)
    Chat(bot, failing=[2]).settle()
    assert kept(bot, "An album") == ["batches", "jobs"]
    forget(bot)
    assert kept(bot, "An album") == []
    bot.bring(TryFailedAgain(1, Press("42", ME, ME, 50)))
    assert bot.task(AnswerButton).notice == Notice(Topic.DEAD_BUTTON)


def test_a_ban_stays(bot: SteppedDispatcher) -> None:
    bot.ledger._db.execute("INSERT INTO banned VALUES (?, 0)", OTHER)
    forget(bot)
    assert bot.rows("SELECT user_id FROM banned") == [(OTHER,)]


@pytest.mark.parametrize("code", ["delete", "x", "", "back", "asked"])
def test_nothing_is_deleted_before_it_was_said_what_that_means(
    bot: SteppedDispatcher, code: str
) -> None:
    answer(bot, SECRET)
    open_panel(bot)
    assert press(bot, code) is Topic.DEAD_BUTTON
    assert kept(bot, "holiday")


def test_what_people_in_one_name_have_sent_is_deleted_by_none_of_them(
    bot: SteppedDispatcher,
) -> None:
    view = open_panel(bot, "asked", GROUP)
    assert [button.code for row in view.rows for button in row] == [CLOSE]
    assert press(bot, "delete", GROUP) is Topic.DEAD_BUTTON


def test_other_panels_of_the_person_are_closed(bot: SteppedDispatcher) -> None:
    open_panel(bot)
    open_panel(bot, "asked")
    assert press(bot, "delete", panel_id=2) is None
    assert press(bot, "ask") is Topic.PANEL_EXPIRED


def test_both_commands_open_the_panel_at_their_page() -> None:
    (privacy,), (forget_me,) = (handle_update(said(text)) for text in ("/privacy", "/forget"))
    assert isinstance(privacy, OpenPanel)
    assert isinstance(forget_me, OpenPanel)
    assert (privacy.kind, forget_me.kind) == (PanelKind.PRIVACY, PanelKind.PRIVACY)
    assert (privacy.state, forget_me.state) == ({}, {"page": "asked"})


def test_the_ledger_is_whole_afterwards(bot: SteppedDispatcher) -> None:
    answer(bot, SECRET)
    forget(bot)
    with Upkeep(ledger_path(bot.settings.data_dir)) as upkeep:
        assert upkeep.statistics_at(bot.wall).answers == 1
        while upkeep.remove_old(Wall(bot.wall + 1)):
            pass
    assert bot.rows("SELECT count(*) FROM requests") == [(0,)]
