"""The panel of /settings: a page of all settings, and one for each with its options."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from worker.clocks import Wall
from worker.effects import Press
from worker.form import What
from worker.ledger import preferences
from worker.ledger.database import Database
from worker.ledger.records import Pressed
from worker.notices import Label, Notice, Topic
from worker.panels import Panel, PanelButton, PanelKind, View
from worker.preferences import Captions, Preferences

_MAIN = "main"


@dataclass(frozen=True)
class Option:
    """A value of a setting, by the code of its button, and what that button says."""

    value: Any
    text: Notice


@dataclass(frozen=True)
class Setting:
    """A field of `Preferences`: what it is called, why one would change it, and its options."""

    field: str
    title: Label
    explained: Topic
    options: Mapping[str, Option]

    def option_of(self, value: object) -> Option:
        """The option with this value; the first one where no other has it."""
        options = list(self.options.values())
        return next((each for each in options if each.value == value), options[0])


def _height(lines: int) -> Option:
    return Option(lines, Notice(Label.HEIGHT, {"height": lines}))


_BUTTONS = Setting(
    "has_buttons",
    Label.SETTING_BUTTONS,
    Topic.SETTING_BUTTONS,
    {"on": Option(True, Notice(Label.ON)), "off": Option(False, Notice(Label.OFF))},
)

_OF_PEOPLE: Mapping[str, Setting] = {
    "quality": Setting(
        "max_height",
        Label.SETTING_QUALITY,
        Topic.SETTING_QUALITY,
        {
            "best": Option(None, Notice(Label.BEST)),
            **{str(lines): _height(lines) for lines in (1080, 720, 480, 360)},
        },
    ),
    "sound": Setting(
        "sound",
        Label.SETTING_SOUND,
        Topic.SETTING_SOUND,
        {
            "usual": Option(What.SOUND, Notice(Label.USUAL_SOUND)),
            "m4a": Option(What.M4A, Notice(Label.M4A)),
            "mp3-192": Option(What.MP3, Notice(Label.MP3, {"bit_rate": 192})),
            "mp3-320": Option(What.MP3_BEST, Notice(Label.MP3, {"bit_rate": 320})),
            "voice": Option(What.VOICE, Notice(Label.VOICE)),
        },
    ),
    "send": Setting(
        "as_file",
        Label.SETTING_SEND,
        Topic.SETTING_SEND,
        {"video": Option(False, Notice(Label.VIDEO)), "file": Option(True, Notice(Label.FILE))},
    ),
    "captions": Setting(
        "captions",
        Label.SETTING_CAPTIONS,
        Topic.SETTING_CAPTIONS,
        {
            "full": Option(Captions.FULL, Notice(Label.FULL)),
            "title": Option(Captions.TITLE, Notice(Label.TITLE)),
            "none": Option(Captions.NONE, Notice(Label.NONE)),
        },
    ),
    "buttons": _BUTTONS,
}
_OF_GROUPS: Mapping[str, Setting] = {"buttons": _BUTTONS}


def view(db: Database, panel: Panel, _wall: Wall) -> View:
    """The page that is open."""
    is_of_group = panel.kind is PanelKind.GROUP_SETTINGS
    chosen = preferences.of(db, _owner_of(panel))
    setting = _settings_of(panel).get(panel.state.get("page", _MAIN))
    if setting is None or panel.is_closed:
        title = Topic.GROUP_SETTINGS_TITLE if is_of_group else Topic.SETTINGS_TITLE
        rows = tuple(
            (PanelButton(_current(each, chosen, panel).text, code, each.title),)
            for code, each in _settings_of(panel).items()
        )
        return View((Notice(title),), rows)
    current = _current(setting, chosen, panel)
    rows = tuple(
        (PanelButton(option.text, code, is_chosen=option == current),)
        for code, option in setting.options.items()
    )
    back = (PanelButton(Notice(Label.BACK), _MAIN),)
    return View((Notice(setting.explained),), (*rows, back))


def press(db: Database, panel: Panel, _press: Press, code: str) -> Pressed | None:
    """Open a page, or choose an option of the one that is open and go back."""
    settings = _settings_of(panel)
    page = panel.state.get("page", _MAIN)
    if code == _MAIN or (page == _MAIN and code in settings):
        return Pressed(state={"page": code})
    setting = settings.get(page)
    option = setting.options.get(code) if setting else None
    if setting is None or option is None:
        return None
    owner_id = _owner_of(panel)
    chosen = preferences.of(db, owner_id)
    preferences.put(db, owner_id, replace(chosen, **{setting.field: option.value}))
    return Pressed(Notice(Topic.SETTING_KEPT), {"page": _MAIN})


def _settings_of(panel: Panel) -> Mapping[str, Setting]:
    return _OF_GROUPS if panel.kind is PanelKind.GROUP_SETTINGS else _OF_PEOPLE


def _owner_of(panel: Panel) -> int:
    """Whose settings they are: the person's who asked for the panel, or the group's."""
    is_of_group = panel.kind is PanelKind.GROUP_SETTINGS
    return panel.reader.chat_id if is_of_group else panel.user_id


def _current(setting: Setting, chosen: Preferences, panel: Panel) -> Option:
    if setting is _BUTTONS:
        is_private = panel.kind is not PanelKind.GROUP_SETTINGS
        return setting.option_of(chosen.wants_buttons(is_private=is_private))
    return setting.option_of(getattr(chosen, setting.field))
