"""Buttons below an answer, through the dispatcher: another form of it, and its qualities."""

from dataclasses import replace

import pytest

from tests.support.stepped_dispatcher import SteppedDispatcher
from worker.choices import Menu, Quality
from worker.effects import ChooseForm, Press, ShowChoices
from worker.form import SOUND, Form
from worker.notices import Notice, Refusal, Topic
from worker.protocol import (
    AnswerButton,
    Deliver,
    Download,
    Explain,
    MediaFacts,
    MediaKind,
    PostStatus,
)

LINK = "https://site.example/v"
ME, ANSWER = 7, 50
SMALL = Form(max_height=480)
PRESS = Press("42", ME, ME, ANSWER)
QUALITIES = (Quality(1080, 90_000_000, 2), Quality(480, 9_000_000))


def answered(bot: SteppedDispatcher, chat_id: int = ME) -> Deliver:
    """A link has been answered with a video; returns how."""
    bot.send(LINK, user_id=ME, chat_id=chat_id)
    bot.post(ANSWER)
    media = bot.make_media()
    bot.finish(Download, media.__class__(media.files, QUALITIES))
    delivery = bot.task(Deliver)
    bot.deliver()
    return delivery


def press(bot: SteppedDispatcher, effect: ChooseForm | ShowChoices) -> AnswerButton:
    """What comes of a press."""
    bot.bring(effect)
    answer = bot.task(AnswerButton)
    bot.finish(AnswerButton)
    return answer


def test_a_video_in_a_private_chat_can_be_had_otherwise(bot: SteppedDispatcher) -> None:
    assert answered(bot).menu == Menu(ME, ANSWER, 1, has_qualities=True)


def test_a_group_is_not_asked(bot: SteppedDispatcher) -> None:
    assert answered(bot, chat_id=-5).menu is None


@pytest.mark.parametrize("form", [SOUND, SMALL])
def test_another_form_is_a_link_of_its_own_below_the_answer(
    bot: SteppedDispatcher, form: Form
) -> None:
    answered(bot)
    on_its_way = AnswerButton("42", "en", Notice(Topic.ON_ITS_WAY))
    assert press(bot, ChooseForm(1, form, PRESS)) == on_its_way
    assert bot.task(PostStatus).reply_to == ANSWER
    assert (bot.task(Download).url, bot.task(Download).form) == (LINK, form)
    # Pressed again meanwhile it is the same, and later it is what Telegram has.
    assert press(bot, ChooseForm(1, form, PRESS)) == on_its_way
    bot.post(60)
    bot.finish_download()
    assert bot.task(Deliver).menu is None
    bot.deliver()
    assert press(bot, ChooseForm(1, form, PRESS)) == on_its_way
    bot.post(61)
    bot.deliver()
    assert bot.rows("SELECT verdict FROM requests") == [("media",)] * 3
    assert bot.states("download") == ["done", "done"]


def test_qualities_are_shown_and_left_again(bot: SteppedDispatcher) -> None:
    answered(bot)
    menu = Menu(ME, ANSWER, 1, has_qualities=True, qualities=QUALITIES)
    assert press(bot, ShowChoices(1, True, PRESS)) == AnswerButton("42", "en", None, menu)
    menu = Menu(ME, ANSWER, 1, has_qualities=True)
    assert press(bot, ShowChoices(1, False, PRESS)) == AnswerButton("42", "en", None, menu)


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


DEAD = AnswerButton("42", "en", Notice(Topic.DEAD_BUTTON))


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
    assert press(bot, ShowChoices(request_id, True, pressed)) == DEAD
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
    assert (delivery.reply_to, delivery.menu) == (1, None)
