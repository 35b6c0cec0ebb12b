"""Buttons below an answer, through the dispatcher: another form of it, and its qualities."""

from dataclasses import replace

import pytest

from tests.support.ledger_kit import a_link
from tests.support.stepped_dispatcher import MakeBot, SteppedDispatcher
from tests.support.taken_lists import listed
from worker.dispatch.outcomes import LONGEST_RETRY_S, MAX_REFUSED_S
from worker.errors import ChatClosed, TelegramBusy, TelegramUnreachable
from worker.form import SOUND, WHOLE_LIST, Clip, Form, What
from worker.ledger.choices.choices import SAID_LATELY_S
from worker.protocol import (
    AnswerButton,
    Deliver,
    Delivered,
    Download,
    Explain,
    Media,
    MediaFacts,
    MediaKind,
    PostStatus,
    Reply,
    ShowList,
)
from worker.protocol.choices import (
    MENU_LIFE_S,
    Chapter,
    Language,
    Menu,
    Page,
    Quality,
    SiteOffer,
    Subtitles,
)
from worker.protocol.effects import ChooseForm, Press, ShowChoices, ShowItems, TellDescription
from worker.protocol.lists import ListItem, MediaList
from worker.protocol.notices import Notice, Refusal, Topic

LINK = "https://site.example/v"
ME, ANSWER = 7, 50
SMALL = Form(max_height=480)
PRESS = Press("42", ME, ME, ANSWER)
FIRST = Menu(ME, ANSWER, 1, has_qualities=True, has_description=True)
DEAD = AnswerButton("42", "en", Notice(Topic.DEAD_BUTTON))
QUALITIES = (Quality(1080, 90_000_000, 2), Quality(480, 9_000_000))


def answered(bot: SteppedDispatcher, chat_id: int = ME) -> Deliver:
    """A link has been answered with a video; returns how."""
    bot.send(LINK, user_id=ME, chat_id=chat_id)
    bot.post(ANSWER)
    media = bot.make_media()
    bot.finish(Download, Media(media.files, SiteOffer(QUALITIES, "Words\nof the site")))
    delivery = bot.task(Deliver)
    bot.deliver()
    return delivery


def press(
    bot: SteppedDispatcher, effect: ChooseForm | ShowChoices | TellDescription
) -> AnswerButton:
    """What comes of a press."""
    bot.bring(effect)
    answer = bot.task(AnswerButton)
    bot.finish(AnswerButton)
    return answer


def test_a_video_in_a_private_chat_can_be_had_otherwise(bot: SteppedDispatcher) -> None:
    assert answered(bot).menu == FIRST


@pytest.mark.parametrize(
    ("kind", "form", "menu"),
    [
        (MediaKind.AUDIO, Form(), Menu(ME, ANSWER, 1, is_song=True)),
        (MediaKind.AUDIO, SOUND, Menu(ME, ANSWER, 1, "sound", is_song=True)),
        (MediaKind.VIDEO, SMALL, Menu(ME, ANSWER, 1, "480p")),
        (MediaKind.AUDIO, Form(What.MP3), None),
        (MediaKind.VOICE, Form(What.VOICE), None),
        (MediaKind.DOCUMENT, Form(as_file=True), None),
        (MediaKind.DOCUMENT, Form(), None),
        (MediaKind.PHOTO, Form(), None),
        (MediaKind.ANIMATION, Form(), None),
    ],
)
def test_what_can_be_chosen_depends_on_what_came(
    bot: SteppedDispatcher, kind: MediaKind, form: Form, menu: Menu | None
) -> None:
    bot.bring(replace(a_link(ME), url=LINK, form=form))
    bot.post(ANSWER)
    media = bot.make_media()
    (file,) = media.files
    bot.finish(Download, replace(media, files=(replace(file, facts=MediaFacts(kind)),)))
    assert bot.task(Deliver).menu == menu


def test_a_group_is_not_asked(bot: SteppedDispatcher) -> None:
    assert answered(bot, chat_id=-5).menu is None


@pytest.mark.parametrize("form", [SOUND, SMALL])
def test_another_form_is_a_link_of_its_own_below_the_answer(
    bot: SteppedDispatcher, form: Form
) -> None:
    answered(bot)
    on_its_way = AnswerButton("42", "en", Notice(Topic.ON_ITS_WAY))
    assert press(bot, ChooseForm(1, form, PRESS)) == on_its_way
    assert bot.task(PostStatus).reply_to_id == ANSWER
    assert (bot.task(Download).url, bot.task(Download).form) == (LINK, form)
    # Pressed again meanwhile it is the same, and later it is what Telegram has.
    assert press(bot, ChooseForm(1, form, PRESS)) == on_its_way
    bot.post(60)
    bot.finish_download()
    bot.deliver()
    assert press(bot, ChooseForm(1, form, PRESS)) == on_its_way
    bot.post(61)
    bot.deliver()
    assert bot.rows("SELECT verdict FROM requests") == [("media",)] * 3
    assert bot.states("download") == ["done", "done"]


def test_pages_are_shown_and_left_again(bot: SteppedDispatcher) -> None:
    answered(bot)
    qualities = replace(FIRST, page=Page.QUALITIES, qualities=QUALITIES)
    for page, menu in (
        (Page.QUALITIES, qualities),
        (Page.FIRST, FIRST),
        (Page.MORE, replace(FIRST, page=Page.MORE)),
        (Page.QUALITIES, qualities),
    ):
        shown = AnswerButton("42", "en", None, menu)
        assert press(bot, ShowChoices(1, page, PRESS)) == shown
        assert press(bot, ShowChoices(1, page, PRESS)) == shown


def test_chapters_are_shown_ten_at_a_time(bot: SteppedDispatcher) -> None:
    chapters = tuple(Chapter(f"{at}", at, at + 1) for at in range(25))
    bot.send(LINK, user_id=ME, chat_id=ME)
    bot.post(ANSWER)
    bot.finish(Download, replace(bot.make_media(), offer=SiteOffer(chapters=chapters)))
    bot.deliver()
    first = Menu(ME, ANSWER, 1, sheets=3)
    for sheet in (0, 1, 2):
        shown = press(bot, ShowChoices(1, Page.CHAPTERS, PRESS, sheet)).menu
        some = chapters[10 * sheet : 10 * sheet + 10]
        assert shown == replace(first, page=Page.CHAPTERS, chapters=some, sheet=sheet)
    assert press(bot, ShowChoices(1, Page.CHAPTERS, PRESS, 3)) == DEAD
    form = Form(clip=Clip(1100, 1200))
    assert press(bot, ChooseForm(1, form, PRESS)).notice == Notice(Topic.ON_ITS_WAY)
    assert bot.task(Download).form == form


def test_languages_of_the_sound_are_shown_and_chosen(bot: SteppedDispatcher) -> None:
    languages = (Language("en", is_original=True), Language("de", is_dubbed=True))
    bot.send(LINK, user_id=ME, chat_id=ME)
    bot.post(ANSWER)
    bot.finish(Download, replace(bot.make_media(), offer=SiteOffer(languages=languages)))
    first = bot.task(Deliver).menu
    bot.deliver()
    assert first == Menu(ME, ANSWER, 1, has_languages=True)
    shown = press(bot, ShowChoices(1, Page.LANGUAGES, PRESS)).menu
    assert shown == replace(first, page=Page.LANGUAGES, languages=languages)
    form = Form(language="de")
    assert press(bot, ChooseForm(1, form, PRESS)).notice == Notice(Topic.ON_ITS_WAY)
    assert bot.task(Download).form == form


def test_subtitles_are_shown_and_chosen(bot: SteppedDispatcher) -> None:
    subtitles = (Subtitles("en"), Subtitles("de", is_automatic=True))
    bot.send(LINK, user_id=ME, chat_id=ME)
    bot.post(ANSWER)
    bot.finish(Download, replace(bot.make_media(), offer=SiteOffer(subtitles=subtitles)))
    bot.deliver()
    shown = press(bot, ShowChoices(1, Page.SUBTITLES, PRESS)).menu
    first = Menu(ME, ANSWER, 1, has_subtitles=True)
    assert shown == replace(first, page=Page.SUBTITLES, subtitles=subtitles)
    form = Form(What.SUBTITLES, subtitles="de")
    assert press(bot, ChooseForm(1, form, PRESS)).notice == Notice(Topic.ON_ITS_WAY)
    assert bot.task(Download).form == form


def test_without_languages_there_is_no_page_of_them(bot: SteppedDispatcher) -> None:
    answered(bot)
    assert press(bot, ShowChoices(1, Page.SUBTITLES, PRESS)) == DEAD
    assert press(bot, ShowChoices(1, Page.LANGUAGES, PRESS)) == DEAD


def test_without_chapters_there_is_no_page_of_them(bot: SteppedDispatcher) -> None:
    answered(bot)
    assert press(bot, ShowChoices(1, Page.CHAPTERS, PRESS)) == DEAD


def test_page_closes_by_itself_and_says_so(bot: SteppedDispatcher) -> None:
    answered(bot)
    press(bot, ShowChoices(1, Page.QUALITIES, PRESS))
    bot.step(MENU_LIFE_S - 60)
    press(bot, ShowChoices(1, Page.MORE, PRESS))
    bot.step(MENU_LIFE_S - 1)
    assert not bot.tasks(AnswerButton)
    bot.step(2)
    closed = AnswerButton("", "en", None, replace(FIRST, has_expired=True))
    assert bot.task(AnswerButton) == closed
    bot.finish(AnswerButton)
    assert press(bot, ShowChoices(1, Page.FIRST, PRESS)).menu == FIRST


def test_page_closes_also_when_telegram_does_not_answer_at_first(bot: SteppedDispatcher) -> None:
    answered(bot)
    press(bot, ShowChoices(1, Page.MORE, PRESS))
    bot.step(MENU_LIFE_S + 1)
    for _ in range(2):
        bot.fail(AnswerButton, TelegramUnreachable("HTTP 502"))
        bot.step(60)
    assert bot.task(AnswerButton).menu == replace(FIRST, has_expired=True)


def test_page_that_was_left_closes_no_more(bot: SteppedDispatcher) -> None:
    answered(bot)
    press(bot, ShowChoices(1, Page.MORE, PRESS))
    press(bot, ShowChoices(1, Page.FIRST, PRESS))
    bot.step(2 * MENU_LIFE_S)
    assert not bot.tasks(AnswerButton)


def test_button_of_a_page_that_has_ended_chooses_nothing(bot: SteppedDispatcher) -> None:
    answered(bot)
    press(bot, ShowChoices(1, Page.QUALITIES, PRESS))
    bot.step(MENU_LIFE_S + 1)
    bot.finish(AnswerButton)
    late = AnswerButton("42", "en", Notice(Topic.MENU_EXPIRED), FIRST)
    assert press(bot, ChooseForm(1, SMALL, PRESS)) == late
    assert not bot.tasks(Download)
    # The first buttons never end, and a person who opens the page again may choose.
    assert press(bot, ChooseForm(1, SOUND, PRESS)).notice == Notice(Topic.ON_ITS_WAY)
    press(bot, ShowChoices(1, Page.QUALITIES, PRESS))
    assert press(bot, ChooseForm(1, SMALL, PRESS)).notice == Notice(Topic.ON_ITS_WAY)


def test_list_of_a_link_can_be_had_after_a_page_has_ended(bot: SteppedDispatcher) -> None:
    answered(bot)
    press(bot, ShowChoices(1, Page.QUALITIES, PRESS))
    bot.step(MENU_LIFE_S + 1)
    bot.finish(AnswerButton)
    assert press(bot, ChooseForm(1, WHOLE_LIST, PRESS)).notice == Notice(Topic.ON_ITS_WAY)


def test_page_is_closed_also_after_a_restart(make_bot: MakeBot) -> None:
    bot = make_bot()
    answered(bot)
    press(bot, ShowChoices(1, Page.MORE, PRESS))
    again = make_bot()
    again.step(MENU_LIFE_S + 1)
    assert again.task(AnswerButton).menu == replace(FIRST, has_expired=True)


@pytest.mark.parametrize("fails_first", [True, False])
def test_page_that_comes_late_shows_nothing_over_what_was_pressed_since(
    bot: SteppedDispatcher, fails_first: bool
) -> None:
    answered(bot)
    bot.bring(ShowChoices(1, Page.MORE, replace(PRESS, callback_id="first")))
    first = bot.job_id(AnswerButton)
    if fails_first:
        bot.telegram.fail(first, TelegramBusy(20.0), "")
    bot.bring(ShowChoices(1, Page.FIRST, replace(PRESS, callback_id="second")))
    if not fails_first:
        bot.telegram.fail(first, TelegramBusy(20.0), "")
        bot.step()
    bot.step(20)
    tasks = bot.tasks(AnswerButton)
    assert {task.callback_id: task.menu for task in tasks.values()} == {
        "first": None,
        "second": FIRST,
    }
    for job_id in tuple(tasks):
        bot.telegram.finish(job_id)
    bot.step(2 * MENU_LIFE_S)
    assert not bot.tasks(AnswerButton)


def test_page_is_not_opened_after_the_time_at_which_it_closes(bot: SteppedDispatcher) -> None:
    answered(bot)
    bot.bring(ShowChoices(1, Page.MORE, PRESS))
    bot.fail(AnswerButton, TelegramBusy(MENU_LIFE_S + 1))
    bot.step(MENU_LIFE_S + 1)
    menus = {task.callback_id: task.menu for task in bot.tasks(AnswerButton).values()}
    assert menus.pop("42") is None
    assert list(menus.values()) == [replace(FIRST, has_expired=True)]


def test_page_of_a_list_that_comes_late_shows_nothing_over_the_next(bot: SteppedDispatcher) -> None:
    listed(bot, 30)
    bot.bring(ShowItems(1, 0, (), PRESS))
    bot.fail(AnswerButton, TelegramBusy(20.0))
    bot.bring(ShowItems(1, 1, (), PRESS))
    bot.step(20)
    first, second = (task.list_menu for _, task in sorted(bot.tasks(AnswerButton).items()))
    assert first is None
    assert second is not None


def test_description_comes_once_as_a_message_below_the_answer(bot: SteppedDispatcher) -> None:
    answered(bot)
    assert press(bot, TellDescription(1, PRESS)) == AnswerButton("42", "en", None)
    assert press(bot, TellDescription(1, PRESS)).notice == Notice(Topic.ON_ITS_WAY)
    reply = bot.task(Reply)
    (notice,) = reply.notices
    assert (reply.reader.chat_id, reply.reply_to_id) == (ME, ANSWER)
    values = {"title": "title", "description": "Words\nof the site", "link": LINK}
    assert notice == Notice(Topic.DESCRIPTION, values)
    bot.finish(Reply)
    assert bot.states("reply") == ["done"]


def test_below_a_video_in_a_message_of_its_own_the_same_can_be_chosen(
    bot: SteppedDispatcher,
) -> None:
    bot.send(LINK, user_id=ME)
    bot.post(ANSWER)
    media = bot.make_media()
    bot.finish(Download, Media(media.files, SiteOffer(description="Words")))
    for _ in range(2 * int(MAX_REFUSED_S / LONGEST_RETRY_S) + 20):
        if bot.task(Deliver).reply_to_id is not None:
            break
        bot.dispatcher.reachability.note_answer(bot.now)
        bot.fail(Deliver, TelegramUnreachable("editMessageMedia: Internal Server Error"))
        bot.step(LONGEST_RETRY_S)
    assert bot.task(Deliver).menu == Menu(ME, ANSWER, 1, has_description=True)
    bot.finish(Deliver, Delivered("file id", MediaKind.VIDEO, message_id=99))
    assert press(bot, TellDescription(1, PRESS)).notice == Notice(Topic.DEAD_BUTTON)
    press(bot, TellDescription(1, replace(PRESS, message_id=99)))
    assert bot.task(Reply).reply_to_id == 99


@pytest.mark.parametrize("error", [None, ChatClosed("403")])
def test_description_that_was_deleted_or_never_came_comes_again(
    bot: SteppedDispatcher, error: Exception | None
) -> None:
    answered(bot)
    press(bot, TellDescription(1, PRESS))
    if error:
        bot.fail(Reply, error)
    else:
        bot.finish(Reply)
        assert press(bot, TellDescription(1, PRESS)).notice == Notice(Topic.ON_ITS_WAY)
        bot.step(SAID_LATELY_S + 1)
    assert press(bot, TellDescription(1, PRESS)) == AnswerButton("42", "en", None)
    assert bot.task(Reply).notices[0].about == Topic.DESCRIPTION


def test_below_a_list_nothing_of_a_video_can_be_chosen(bot: SteppedDispatcher) -> None:
    bot.send(LINK, user_id=ME, chat_id=ME)
    bot.post(ANSWER)
    items = tuple(ListItem(f"{LINK}/{number}", "", None) for number in range(2))
    bot.finish(Download, Media((), found_list=MediaList("list", items)))
    bot.finish(ShowList)
    for page in Page:
        assert press(bot, ShowChoices(1, page, PRESS)) == DEAD
    assert press(bot, TellDescription(1, PRESS)) == DEAD


def test_description_is_gone_with_the_media(bot: SteppedDispatcher) -> None:
    answered(bot)
    bot.ledger._db.execute("DELETE FROM media")
    bot.ledger._db.execute("UPDATE jobs SET state = 'dropped' WHERE kind = 'download'")
    assert press(bot, TellDescription(1, PRESS)) == DEAD
    menu = Menu(ME, ANSWER, 1, page=Page.MORE, has_qualities=True)
    assert press(bot, ShowChoices(1, Page.MORE, PRESS)).menu == menu


def test_a_day_later_and_after_media_is_forgotten_a_choice_still_works(
    bot: SteppedDispatcher,
) -> None:
    answered(bot)
    connection = bot.ledger._db
    connection.execute("DELETE FROM media")
    bot.step(86_400.0)
    assert press(bot, ChooseForm(1, SOUND, PRESS)).notice == Notice(Topic.ON_ITS_WAY)
    bot.post(60)
    bot.finish_download()
    bot.deliver()
    assert bot.rows("SELECT count(*) FROM requests WHERE verdict = 'media'") == [(2,)]


@pytest.mark.parametrize(
    ("request_id", "chat_id", "message_id"),
    [(99, ME, ANSWER), (1, 8, ANSWER), (1, ME, 51)],
    ids=["unknown", "of another chat", "of another message"],
)
def test_what_stands_below_no_answer_of_this_chat_is_dead(
    bot: SteppedDispatcher, request_id: int, chat_id: int, message_id: int
) -> None:
    answered(bot)
    pressed = Press("42", ME, chat_id, message_id)
    assert press(bot, ChooseForm(request_id, SOUND, pressed)) == DEAD
    for page in Page:
        assert press(bot, ShowChoices(request_id, page, pressed)) == DEAD
    assert press(bot, TellDescription(request_id, pressed)) == DEAD
    assert not bot.tasks(Reply)
    assert not bot.tasks(Download)


def test_a_link_without_an_answer_has_nothing_to_choose(bot: SteppedDispatcher) -> None:
    bot.send(LINK)
    bot.post(ANSWER)
    assert press(bot, ChooseForm(1, SOUND, PRESS)) == DEAD


def test_what_was_cancelled_can_be_chosen_again_at_once(bot: SteppedDispatcher) -> None:
    answered(bot)
    press(bot, ChooseForm(1, SOUND, PRESS))
    bot.post(60)
    bot.press_cancel(2)
    bot.finish(AnswerButton)
    assert press(bot, ChooseForm(1, SOUND, PRESS)).notice == Notice(Topic.ON_ITS_WAY)
    bot.finish(Explain)
    bot.settle()
    assert bot.rows("SELECT verdict FROM requests WHERE form = 'sound'") == [
        ("cancelled",),
        (None,),
    ]


def test_buttons_of_an_answer_that_cancel_came_too_late_for_work(bot: SteppedDispatcher) -> None:
    bot.send(LINK)
    bot.post(ANSWER)
    bot.finish_download()
    (delivery,) = bot.tasks(Deliver)
    bot.press_cancel(1)
    bot.finish(AnswerButton)
    bot.telegram.lose(delivery)
    bot.settle()
    assert press(bot, ChooseForm(1, SOUND, PRESS)).notice == Notice(Topic.ON_ITS_WAY)


def test_a_choice_counts_as_a_link(bot: SteppedDispatcher) -> None:
    answered(bot)
    bot.ledger._db.execute("INSERT INTO banned VALUES (?, ?)", ME, 0.0)
    assert press(bot, ChooseForm(1, SOUND, PRESS)).notice == Notice(Refusal.BANNED)
    assert not bot.tasks(Download)


def test_a_voice_message_is_sent_below_the_link(bot: SteppedDispatcher) -> None:
    bot.send(LINK)
    bot.post(ANSWER)
    media = bot.make_media()
    voice = replace(media.files[0], facts=MediaFacts(MediaKind.VOICE))
    bot.finish(Download, replace(media, files=(voice,)))
    delivery = bot.task(Deliver)
    assert (delivery.reply_to_id, delivery.menu) == (1, None)
