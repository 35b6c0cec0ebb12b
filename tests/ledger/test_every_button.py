"""Every button that people are shown, pressed in every way: each press has exactly one answer.

The buttons are those that a telegram worker draws, and what they send back is read as it comes.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.exhaustive import some_of
from tests.support.stepped_dispatcher import MakeBot, SteppedDispatcher, make_media
from tests.support.taken_lists import a_list
from tests.support.updates import pressed, said
from worker.errors import Fault, JobError, Reason
from worker.form import What
from worker.ledger import preferences
from worker.protocol import (
    AnswerButton,
    Deliver,
    Delivered,
    Download,
    EditStatus,
    GroupSent,
    Media,
    MediaKind,
    Posted,
    PostStatus,
    SendGroup,
    ShowAction,
    ShowList,
    ShowLook,
    ShowSummary,
)
from worker.protocol.choices import Chapter, Language, Quality, SiteOffer, Subtitles
from worker.protocol.effects import Forget
from worker.protocol.looks import MediaLook, SearchResult
from worker.protocol.notices import About, Cancelled, Topic
from worker.protocol.panels import ShowPanel
from worker.protocol.preferences import Preferences
from worker.telegram.buttons import Rows, look_rows, panel_rows, status_rows
from worker.telegram.choices import menu_rows
from worker.telegram.handlers import handle_update
from worker.telegram.lists import list_rows, summary_rows
from worker.telegram.texts import ENGLISH

ME, OTHER, GROUP = 7, 8, -5
NO_LIMITS = {
    f"USER_{name}": "10000"
    for name in ("LINKS_PER_MINUTE", "LINKS_PER_HOUR", "LINKS_PER_DAY", "MAX_WAITING")
}
VIDEO = "https://www.youtube.com/watch?v=abcdefghijk&list=PL590L5WQmH8dpP0RyH5pCfIaDE"
LIST, FAILING = "https://site.example/list", "https://site.example/2"
OFFER = SiteOffer(
    (Quality(1080, 90_000_000, 2), Quality(480, 9_000_000)),
    "Words of the site",
    tuple(Chapter(f"{at}", at, at + 1) for at in range(12)),
    (Language("en", is_original=True), Language("de", is_dubbed=True)),
    (Subtitles("en"), Subtitles("de", is_automatic=True)),
)


class Chat:
    """A chat in which somebody presses buttons, and workers and a Telegram that do what is asked.

    `message_id` is where `rows` were drawn last. A download waits while the chat `holds` them.
    """

    def __init__(self, bot: SteppedDispatcher, chat_id: int) -> None:
        self.bot, self.chat_id = bot, chat_id
        self.rows: Rows = ()
        self.message_id = 0
        self.holds = False
        self.answers: list[AnswerButton] = []
        self._ids = itertools.count(100)

    def say(self, text: str, user_id: int = ME) -> None:
        """Somebody says this, and all comes to rest."""
        self._bring(said(text, chat=self.chat_id, user=user_id))
        self.settle()

    def press(self, data: str, user_id: int = ME, times: int = 1) -> About | None:
        """Press a button so often at once; what is told in the end, once for each press."""
        ids = [f"press {next(self._ids)}" for _ in range(times)]
        for callback_id in ids:
            press = pressed(data, user_id, chat=self.chat_id, message_id=self.message_id)
            press["callback_query"]["id"] = callback_id
            self._bring(press)
        self.settle()
        answers = [each for each in self.answers if each.callback_id in ids]
        assert sorted(each.callback_id for each in answers) == sorted(ids)
        notice = answers[-1].notice
        return notice.about if notice else None

    def open(self, label: str) -> None:
        """Press the button that says this."""
        (data,) = [button.data for row in self.rows for button in row if button.text == label]
        self.press(data)

    def _bring(self, update: dict[str, Any]) -> None:
        self.bot.bring(*handle_update(update, username=lambda: "bot"))

    def settle(self) -> None:
        """Do all that is asked for, until nothing is."""
        idle = 0
        while idle < 3:
            idle = 0 if self._work() else idle + 1
            self.bot.step(2.0)

    def _work(self) -> bool:
        downloads = {} if self.holds else self.bot.tasks(Download)
        for job_id, task in downloads.items():
            if job_id in self.bot.downloads.stopped:
                self.bot.downloads.stop(job_id)
            elif task.url == FAILING:
                self.bot.downloads.fail(job_id, JobError(Reason.PRIVATE, Fault.PERMANENT), "")
            else:
                self.bot.downloads.finish(job_id, _found(task))
        fleeting = (EditStatus, ShowAction)
        calls = {i: t for i, t in self.bot.telegram.tasks.items() if not isinstance(t, fleeting)}
        for job_id, call in calls.items():
            self.bot.telegram.finish(job_id, self._answer(call))
        return bool(downloads or calls)

    def _answer(self, call: object) -> object:
        match call:
            case PostStatus():
                posted = next(self._ids)
                return self._drawn(status_rows(ENGLISH, call.request_id, call.stage), posted)
            case Deliver(menu=menu):
                if menu:
                    self._drawn(menu_rows(ENGLISH, menu), call.message_id)
                return Delivered("file id", call.file.facts.kind)
            case ShowLook():
                rows = look_rows(ENGLISH, call.request_id, call.look)
                self._drawn(rows, call.message_id)
                return Delivered(None)
            case ShowList():
                self._drawn(list_rows(ENGLISH, call.menu), call.message_id)
                return Delivered(None)
            case ShowSummary():
                rows = summary_rows(ENGLISH, call.batch_id, call.summary)
                return self._drawn(rows, call.message_id or next(self._ids))
            case ShowPanel():
                rows = panel_rows(ENGLISH, call.panel_id, call.view)
                return self._drawn(rows, call.message_id or next(self._ids))
            case AnswerButton():
                self.answers.append(call)
                if call.menu:
                    self._drawn(menu_rows(ENGLISH, call.menu), call.menu.message_id)
                if call.list_menu:
                    self._drawn(list_rows(ENGLISH, call.list_menu), call.list_menu.message_id)
            case SendGroup():
                return GroupSent(tuple(Delivered("id", MediaKind.AUDIO) for _ in call.files))
        return None

    def _drawn(self, rows: Rows, message_id: int) -> Posted:
        self.rows, self.message_id = rows, message_id
        return Posted(message_id)


def _found(task: Download) -> Media:
    if task.form.what is What.SEARCH:
        return Media((), look=MediaLook(results=(SearchResult("a" * 11, "A film"),)))
    if task.url == LIST or task.form.whole_list:
        return Media((), found_list=a_list(12))
    if task.form.is_look:
        return Media((), look=MediaLook("A film", qualities=OFFER.qualities))
    return replace(make_media(Path(task.directory), task.url), offer=OFFER)


def _video(chat: Chat, *labels: str) -> None:
    chat.say(VIDEO)
    for label in labels:
        chat.open(label)


def _list(chat: Chat, *labels: str) -> None:
    chat.say(LIST)
    for label in labels:
        chat.open(label)


def _taken(chat: Chat, *, is_done: bool) -> None:
    """Some items of a list were taken, of which one fails."""
    chat.say(LIST)
    chat.holds = not is_done
    chat.open("First 5")
    chat.holds = False


def _waiting(chat: Chat, text: str) -> None:
    chat.holds = True
    chat.say("https://site.example/waits")
    if text:
        chat.say(text)
    chat.holds = False


def _panel(chat: Chat, command: str, *labels: str) -> None:
    chat.say(f"/{command}@bot")
    for label in labels:
        chat.open(label)


SCENES: Mapping[str, Callable[[Chat], None]] = {
    "below a video": _video,
    "qualities": lambda chat: _video(chat, "Quality"),
    "more": lambda chat: _video(chat, "More"),
    "chapters": lambda chat: _video(chat, "More", "Chapters"),
    "languages": lambda chat: _video(chat, "More", "Language"),
    "subtitles": lambda chat: _video(chat, "More", "Subtitles"),
    "info": lambda chat: chat.say(f"/info {VIDEO}"),
    "search": lambda chat: chat.say("/search@bot bread"),
    "a list": _list,
    "a list by info": lambda chat: chat.say(f"/info {LIST}"),
    "items": lambda chat: _list(chat, "Choose"),
    "taken": lambda chat: _taken(chat, is_done=False),
    "taken, some failed": lambda chat: _taken(chat, is_done=True),
    "a link that waits": lambda chat: _waiting(chat, ""),
    "queue": lambda chat: _waiting(chat, "/queue@bot"),
    "privacy": lambda chat: _panel(chat, "privacy"),
    "forget": lambda chat: _panel(chat, "forget"),
    "settings": lambda chat: _panel(chat, "settings"),
    "settings of quality": lambda chat: _panel(chat, "settings", "Quality: best that fits"),
}
USUAL = {"more", "info", "items", "taken, some failed", "queue"}
OF_ONE_PERSON = {"queue", "privacy", "forget"}
PANELS = OF_ONE_PERSON | {"settings", "settings of quality"}


def _scene(bot: SteppedDispatcher, name: str, chat_id: int = ME) -> Chat:
    chat = Chat(bot, chat_id)
    preferences.put(bot.ledger._db, GROUP, Preferences(has_buttons=True))
    SCENES[name](chat)
    assert chat.rows, "nothing is there to be pressed"
    return chat


def _press_all(chat: Chat, times: int = 1, user_id: int = ME) -> dict[str, About | None]:
    """What is told, by the buttons; each press is answered once, and so is each link."""
    drawn, message_id, told = chat.rows, chat.message_id, {}
    for button in (button for row in drawn for button in row):
        chat.message_id = message_id
        told[button.text] = chat.press(button.data, user_id, times)
        twice = chat.bot.rows(
            "SELECT url, form FROM requests WHERE batch_id IS NULL AND message_id = ?"
            " GROUP BY url, form HAVING count(*) > 1",
            message_id,
        )
        assert not twice, f"{button.text} was done twice"
    assert chat.bot.rows("SELECT id FROM requests WHERE answered_at IS NULL") == []
    return told


@pytest.mark.parametrize("scene", some_of(SCENES, USUAL))
def test_button_that_is_pressed_twice_at_once_does_it_once(make_bot: MakeBot, scene: str) -> None:
    chat = _scene(make_bot(**NO_LIMITS), scene)
    _press_all(chat, times=2)


@pytest.mark.parametrize("scene", some_of(SCENES, USUAL))
def test_button_that_is_pressed_a_day_later_has_an_answer(make_bot: MakeBot, scene: str) -> None:
    chat = _scene(make_bot(**NO_LIMITS), scene)
    drawn, message_id = chat.rows, chat.message_id
    chat.bot.step(86_400.0)
    chat.settle()
    chat.rows, chat.message_id = drawn, message_id
    told = _press_all(chat)
    if scene in OF_ONE_PERSON:
        assert set(told.values()) == {Topic.PANEL_EXPIRED}


@pytest.mark.parametrize("scene", some_of(sorted(SCENES.keys() - (PANELS - OF_ONE_PERSON)), USUAL))
def test_button_that_somebody_else_presses_has_an_answer(make_bot: MakeBot, scene: str) -> None:
    chat = _scene(make_bot(**NO_LIMITS), scene, GROUP)
    told = set(_press_all(chat, user_id=OTHER).values())
    if scene in OF_ONE_PERSON:
        assert told == {Topic.PANEL_NOT_YOURS}
    if scene == "taken":
        assert told == {Topic.NOT_YOUR_ITEMS}
    if scene == "a link that waits":
        assert told <= {Cancelled.NOT_YOURS, Cancelled.TOO_LATE}


@pytest.mark.parametrize("scene", some_of(SCENES, USUAL))
def test_button_that_is_pressed_after_a_restart_has_an_answer(
    make_bot: MakeBot, scene: str
) -> None:
    chat = _scene(make_bot(**NO_LIMITS), scene)
    chat.bot.kill()
    chat.bot = make_bot(**NO_LIMITS)
    told = _press_all(chat)
    # A panel's buttons belong to its page, and the first one may have led to another.
    assert Topic.DEAD_BUTTON not in told.values() or scene in PANELS


@pytest.mark.parametrize("scene", some_of(SCENES, USUAL))
def test_button_whose_media_is_gone_has_an_answer(make_bot: MakeBot, scene: str) -> None:
    chat = _scene(make_bot(**NO_LIMITS), scene)
    db = chat.bot.ledger._db
    db.execute("DELETE FROM media")
    db.execute("DELETE FROM looks")
    db.execute("UPDATE jobs SET state = 'dropped' WHERE pool = 'downloads' AND state = 'done'")
    _press_all(chat)


@pytest.mark.parametrize("scene", some_of(SCENES, USUAL))
def test_button_of_what_was_forgotten_has_an_answer(make_bot: MakeBot, scene: str) -> None:
    chat = _scene(make_bot(**NO_LIMITS), scene)
    chat.bot.bring(Forget(ME, 0))
    _press_all(chat)
