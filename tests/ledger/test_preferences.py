"""What people set in /settings, and the links that are answered by it."""

from dataclasses import replace
from typing import Any

import pytest

from tests.support.settings_panel import (
    LINK,
    ME,
    OTHER,
    a_link,
    choose,
    form_of,
    open_panel,
    shown,
)
from tests.support.stepped_dispatcher import SteppedDispatcher
from tests.support.updates import GROUP, USER, said
from worker import media_keys
from worker.errors import Fault, JobError, Reason
from worker.form import ABOUT, SOUND, WHOLE, Clip, Form, Sponsors, What
from worker.ledger import preferences
from worker.ledger.requests.admission import REPLIES_A_MINUTE
from worker.protocol import (
    AnswerButton,
    Deliver,
    Delivered,
    Download,
    Media,
    MediaKind,
    Reply,
    ShowLook,
)
from worker.protocol.choices import SiteOffer
from worker.protocol.effects import ChooseForm, EditLinks, Effects, GroupMoved, OpenRequest, Press
from worker.protocol.looks import MediaLook
from worker.protocol.notices import Label, Topic
from worker.protocol.panels import CLOSE
from worker.protocol.preferences import Captions, Preferences
from worker.telegram.handlers import handle_update


def test_a_part_comes_in_the_quality_that_is_set() -> None:
    chosen, clip = Preferences(480, subtitles="fil"), Clip(100, 200)
    wanted = Form(max_height=480, clip=clip, subtitles="fil")
    assert chosen.form_of(Form(clip=clip), LINK) == wanted
    as_file = replace(chosen, as_file=True)
    assert as_file.form_of(Form(clip=clip), LINK) == replace(wanted, as_file=True, subtitles=None)
    assert chosen.form_of(Form(What.SOUND, clip=clip), LINK) == Form(What.SOUND, clip=clip)


@pytest.mark.parametrize(
    ("setting", "option", "form"),
    [
        ("quality", "480", Form(max_height=480)),
        ("send", "file", Form(as_file=True)),
        ("subtitles", "de", Form(subtitles="de")),
        ("sound", "mp3-320", WHOLE),
    ],
)
def test_the_next_link_is_fetched_as_was_set(
    bot: SteppedDispatcher, setting: str, option: str, form: Form
) -> None:
    open_panel(bot)
    choose(bot, setting, option)
    assert form_of(bot, a_link()) == form
    assert bot.rows("SELECT form, media_key FROM requests") == [
        (form.code, media_keys.of_link(LINK, form))
    ]


def test_sound_comes_in_the_format_that_was_set(bot: SteppedDispatcher) -> None:
    open_panel(bot)
    choose(bot, "sound", "mp3-192")
    assert form_of(bot, a_link(SOUND)) == Form(What.MP3)


@pytest.mark.parametrize("form", [WHOLE, SOUND, Form(max_height=1080), Form(What.VOICE)])
def test_what_was_asked_for_exactly_is_not_changed(bot: SteppedDispatcher, form: Form) -> None:
    open_panel(bot)
    choose(bot, "quality", "360")
    choose(bot, "sound", "m4a")
    assert form_of(bot, a_link(form, is_exact=True)) == form


def test_who_wants_to_be_asked_gets_what_there_is_to_choose(bot: SteppedDispatcher) -> None:
    open_panel(bot)
    choose(bot, "quality", "ask")
    assert form_of(bot, a_link()) == ABOUT
    assert bot.rows("SELECT kind, form FROM requests JOIN jobs ON jobs.id = download_id") == [
        ("look", "about")
    ]
    # What is asked for exactly, or as sound, is no question.
    bot.bring(a_link(SOUND), a_link(Form(max_height=360), is_exact=True))
    assert bot.rows("SELECT form FROM requests") == [("about",), ("sound",), ("360p",)]


@pytest.mark.parametrize(
    ("pressed", "meant"),
    [
        (WHOLE, Form(subtitles="de")),
        (Form(max_height=360), Form(max_height=360, subtitles="de")),
        (SOUND, Form(What.MP3)),
    ],
)
def test_what_who_was_asked_chooses_is_else_as_was_set(
    bot: SteppedDispatcher, pressed: Form, meant: Form
) -> None:
    mine = Preferences(asks_first=True, subtitles="de", sound=What.MP3)
    preferences.put(bot.ledger._db, ME, mine)
    bot.bring(a_link())
    bot.post()
    bot.finish(Download, Media((), look=MediaLook("A video")))
    bot.finish(ShowLook, Delivered(None))
    bot.bring(ChooseForm(1, pressed, Press("press", ME, ME, 50)))
    bot.finish(AnswerButton)
    assert bot.rows("SELECT form, has_buttons FROM requests WHERE id = 2") == [
        (meant.code, pressed == WHOLE)
    ]


def test_who_is_asked_in_a_group_is_up_to_the_group(bot: SteppedDispatcher) -> None:
    open_panel(bot)
    choose(bot, "quality", "ask")
    assert form_of(bot, replace(a_link(), chat_id=GROUP)) == WHOLE


@pytest.mark.parametrize("reason", [Reason.NO_MEDIA, Reason.UNSUPPORTED, Reason.NO_FORMAT])
def test_where_there_is_nothing_to_choose_all_is_fetched(
    bot: SteppedDispatcher, reason: Reason
) -> None:
    open_panel(bot)
    choose(bot, "quality", "ask")
    choose(bot, "send", "file")
    assert form_of(bot, a_link()) == ABOUT
    bot.post()
    bot.fail(Download, JobError(reason, Fault.PERMANENT))
    assert bot.task(Download).form == Form(as_file=True)
    bot.finish_download()
    bot.deliver()
    assert bot.rows("SELECT verdict, form, asks_first FROM requests") == [("media", "all.file", 0)]


def test_where_there_is_known_to_be_nothing_to_choose_nobody_looks(bot: SteppedDispatcher) -> None:
    preferences.put(bot.ledger._db, ME, Preferences(asks_first=True, as_file=True))
    bot.bring(a_link())
    bot.post()
    bot.fail(Download, JobError(Reason.NO_MEDIA, Fault.PERMANENT))
    bot.finish_download()
    bot.deliver()
    bot.bring(a_link())
    assert bot.rows("SELECT verdict, form FROM requests")[-1] == ("media", "all.file")


def test_another_failure_is_told_as_any(bot: SteppedDispatcher) -> None:
    open_panel(bot)
    choose(bot, "quality", "ask")
    bot.bring(a_link())
    bot.post()
    bot.fail(Download, JobError(Reason.PRIVATE, Fault.PERMANENT))
    (explained,) = bot.settle()
    assert explained.reason is Reason.PRIVATE


def test_items_of_a_list_ask_nothing(bot: SteppedDispatcher) -> None:
    preferences.put(bot.ledger._db, ME, Preferences(asks_first=True))
    assert preferences.applied(bot.ledger._db, a_link()).form == ABOUT
    assert preferences.applied(bot.ledger._db, a_link(), may_ask=False).form == WHOLE


def test_settings_are_of_one_person(bot: SteppedDispatcher) -> None:
    open_panel(bot)
    choose(bot, "quality", "360")
    assert form_of(bot, replace(a_link(), user_id=OTHER, chat_id=OTHER)) == WHOLE


def test_a_remembered_answer_is_used_for_its_own_form_alone(bot: SteppedDispatcher) -> None:
    bot.bring(a_link())
    bot.post()
    bot.finish_download()
    bot.deliver()
    open_panel(bot)
    choose(bot, "quality", "360")
    assert form_of(bot, a_link()) == Form(max_height=360)


def delivered(bot: SteppedDispatcher, link: OpenRequest) -> Deliver:
    bot.bring(link)
    bot.post()
    bot.finish_download()
    return bot.task(Deliver)


def test_captions_are_as_was_set(bot: SteppedDispatcher) -> None:
    open_panel(bot)
    choose(bot, "captions", "none")
    assert delivered(bot, a_link()).captions is Captions.NONE


def described(bot: SteppedDispatcher, link: OpenRequest) -> list[Reply]:
    """The messages that follow the answer to a link whose site describes it."""
    bot.bring(link)
    bot.post(50)
    if bot.tasks(Download):
        bot.finish(Download, replace(bot.make_media(), offer=SiteOffer(description="Two words.")))
    bot.deliver()
    said = list(bot.tasks(Reply).values())
    bot.settle()
    return said


def test_the_description_follows_as_a_second_message(bot: SteppedDispatcher) -> None:
    assert described(bot, a_link()) == []
    open_panel(bot)
    choose(bot, "description", "on")
    (reply,) = described(bot, a_link())
    assert reply.reply_to_id == 50
    assert reply.notices[0].about is Topic.DESCRIPTION
    assert reply.notices[0].values["description"] == "Two words."
    # Once for a link, and not again for what is chosen below its answer.
    exact = a_link(Form(max_height=360), is_exact=True)
    assert described(bot, exact) == []


def test_the_description_follows_below_a_message_of_its_own(bot: SteppedDispatcher) -> None:
    open_panel(bot)
    choose(bot, "description", "on")
    bot.bring(a_link())
    bot.post(50)
    bot.finish(Download, replace(bot.make_media(), offer=SiteOffer(description="Two words.")))
    bot.finish(Deliver, Delivered("file id", MediaKind.VIDEO, message_id=99))
    assert bot.task(Reply).reply_to_id == 99


def test_buttons_below_answers_can_be_switched_off(bot: SteppedDispatcher) -> None:
    open_panel(bot)
    choose(bot, "buttons", "off")
    assert delivered(bot, a_link()).menu is None


def test_a_link_in_a_form_that_was_set_has_buttons(bot: SteppedDispatcher) -> None:
    open_panel(bot)
    choose(bot, "quality", "360")
    assert delivered(bot, a_link()).menu is not None


def test_a_group_has_buttons_once_it_wants_them(bot: SteppedDispatcher) -> None:
    in_group = replace(a_link(), chat_id=GROUP)
    assert shown(open_panel(bot, GROUP)) == {
        "buttons": (Label.OFF, False),
        CLOSE: (Label.CLOSE, False),
    }
    choose(bot, "buttons", "on", GROUP)
    assert delivered(bot, in_group).menu is not None
    assert bot.rows("SELECT owner_id FROM preferences") == [(GROUP,)]


def test_an_edit_keeps_a_link_whose_form_was_set(bot: SteppedDispatcher) -> None:
    open_panel(bot)
    choose(bot, "quality", "360")
    bot.bring(a_link())
    bot.bring(EditLinks(ME, 1, (a_link(),)))
    assert bot.rows("SELECT form, verdict FROM requests") == [("360p", None)]


def test_each_of_many_answers_is_described_and_commands_are_answered(
    bot: SteppedDispatcher,
) -> None:
    preferences.put(bot.ledger._db, ME, Preferences(describes=True))
    for number in range(REPLIES_A_MINUTE + 2):
        url = f"{LINK}{number}"
        described(bot, replace(a_link(), url=url, media_key=media_keys.of_link(url)))
        bot.step(2.0)
    assert len(bot.states("reply")) == REPLIES_A_MINUTE + 2
    open_panel(bot)


@pytest.mark.parametrize("command", [WHOLE, SOUND])
def test_no_edit_gives_a_second_answer_for_what_was_set_since(
    bot: SteppedDispatcher, command: Form
) -> None:
    link = a_link(command)
    bot.bring(link)
    bot.post()
    changed = Preferences(max_height=360, sound=What.MP3, asks_first=True)
    preferences.put(bot.ledger._db, ME, changed)
    bot.bring(EditLinks(ME, 1, (link,)))
    bot.finish_download()
    bot.deliver()
    bot.bring(EditLinks(ME, 1, (link,)))
    assert bot.rows("SELECT form, verdict FROM requests") == [(command.code, "media")]


def test_no_edit_asks_again_where_there_was_nothing_to_choose(bot: SteppedDispatcher) -> None:
    preferences.put(bot.ledger._db, ME, Preferences(asks_first=True))
    bot.bring(a_link())
    bot.post()
    bot.fail(Download, JobError(Reason.NO_MEDIA, Fault.PERMANENT))
    bot.finish_download()
    bot.deliver()
    bot.bring(EditLinks(ME, 1, (a_link(),)))
    assert bot.rows("SELECT form, verdict FROM requests") == [("all", "media")]


def test_an_edit_may_ask_for_more_than_was_set(bot: SteppedDispatcher) -> None:
    preferences.put(bot.ledger._db, ME, Preferences(max_height=360))
    bot.bring(a_link())
    bot.bring(EditLinks(ME, 1, (a_link(is_exact=True),)))
    rows = bot.rows("SELECT form, verdict FROM requests ORDER BY id")
    assert rows == [("360p", "cancelled"), ("all", None)]


def test_a_link_to_be_fetched_anew_is_not_asked_about(bot: SteppedDispatcher) -> None:
    preferences.put(bot.ledger._db, ME, Preferences(asks_first=True))
    assert form_of(bot, a_link(fresh=True)) == WHOLE


def test_what_a_button_gives_is_exact(bot: SteppedDispatcher) -> None:
    delivered(bot, a_link())
    bot.deliver()
    open_panel(bot)
    choose(bot, "quality", "360")
    bot.bring(ChooseForm(1, Form(max_height=720), Press("42", ME, ME, 50)))
    assert bot.task(Download).form == Form(max_height=720)


@pytest.mark.parametrize(
    "value",
    [
        *({"sound": "flac"}, {"captions": "loud"}, {"max_height": 720, "future": [1]}, {}),
        *({"subtitles": "tlh"}, {"subtitles": ["de"]}, {"language": "tlh"}, {"language": 7}),
    ],
)
def test_what_this_version_does_not_know_is_as_usual(value: dict[str, Any]) -> None:
    assert Preferences.from_json(value) in (Preferences(), Preferences(max_height=720))


def test_preferences_are_kept_as_they_are(bot: SteppedDispatcher) -> None:
    chosen = Preferences(
        720, What.MP3, True, Captions.TITLE, False, True, Sponsors.CUT, True, "de", "en"
    )
    preferences.put(bot.ledger._db, ME, chosen)
    assert preferences.of(bot.ledger._db, ME) == chosen
    assert preferences.of(bot.ledger._db, OTHER) == Preferences()


SUPERGROUP = -1001234567890
MOVED = GroupMoved(GROUP, SUPERGROUP)
OFF, ON = Preferences(has_buttons=False), Preferences(has_buttons=True)


@pytest.mark.parametrize(
    ("update", "effects"),
    [
        (said(chat=GROUP, migrate_to_chat_id=SUPERGROUP), (MOVED,)),
        (said(chat=SUPERGROUP, migrate_from_chat_id=GROUP), (MOVED,)),
        (said(chat=GROUP, migrate_to_chat_id="x"), ()),
        (said(chat=GROUP, migrate_to_chat_id=0, migrate_from_chat_id=None), ()),
    ],
)
def test_a_group_that_becomes_a_supergroup_is_followed(
    update: dict[str, Any], effects: Effects
) -> None:
    assert handle_update(update, allowed_users={USER + 1}) == effects


@pytest.mark.parametrize(("is_set", "expected"), [(Preferences(), ON), (OFF, OFF)])
def test_what_a_group_has_set_goes_along(
    bot: SteppedDispatcher, is_set: Preferences, expected: Preferences
) -> None:
    db = bot.ledger._db
    preferences.put(db, GROUP, ON)
    if is_set != Preferences():
        preferences.put(db, SUPERGROUP, is_set)
    for _ in range(2):  # Telegram tells it in both.
        bot.bring(MOVED)
        assert preferences.of(db, SUPERGROUP) == expected
        assert preferences.of(db, GROUP) == Preferences()
