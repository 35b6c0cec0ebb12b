"""The panel of /settings as a person sees and presses it; others are pressed alike."""

from typing import Any

from tests.support.stepped_dispatcher import SteppedDispatcher
from worker import media_keys
from worker.form import WHOLE, Form
from worker.protocol import (
    AnswerButton,
    Download,
    Posted,
    Reader,
)
from worker.protocol.effects import OpenPanel, OpenRequest, Press, PressPanel
from worker.protocol.notices import About, Topic
from worker.protocol.panels import PanelKind, ShowPanel, View

ME, OTHER, PANEL = 7, 8, 90
LINK = "https://site.example/v"


def open_panel(bot: SteppedDispatcher, chat_id: int = ME) -> View:
    kind = PanelKind.SETTINGS if chat_id > 0 else PanelKind.GROUP_SETTINGS
    bot.bring(OpenPanel(Reader(chat_id), ME, 1, kind))
    view = bot.task(ShowPanel).view
    bot.finish(ShowPanel, Posted(PANEL))
    return view


def press(
    bot: SteppedDispatcher, code: str, chat_id: int = ME, panel_id: int = 1, message_id: int = PANEL
) -> About | None:
    """What who presses is told at once."""
    bot.bring(PressPanel(panel_id, code, Press("42", ME, chat_id, message_id)))
    notice = bot.task(AnswerButton).notice
    bot.finish(AnswerButton)
    return notice.about if notice else None


def edited(bot: SteppedDispatcher) -> View:
    view = bot.task(ShowPanel).view
    bot.finish(ShowPanel, Posted(PANEL))
    return view


def choose(bot: SteppedDispatcher, setting: str, option: str, chat_id: int = ME) -> None:
    """A person opens a setting and chooses an option."""
    assert press(bot, setting, chat_id) is None
    edited(bot)
    assert press(bot, option, chat_id) is Topic.SETTING_KEPT
    edited(bot)


def shown(view: View) -> dict[str, tuple[About, bool]]:
    """What each button says, by its code, and whether it is marked."""
    return {each.code: (each.text.about, each.is_chosen) for row in view.rows for each in row}


def form_of(bot: SteppedDispatcher, link: OpenRequest) -> Form:
    """The form in which a link is fetched."""
    bot.bring(link)
    return bot.task(Download).form


def a_link(form: Form = WHOLE, **more: Any) -> OpenRequest:
    return OpenRequest(ME, ME, 1, LINK, media_keys.of_link(LINK, form), form=form, **more)
