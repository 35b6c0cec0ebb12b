"""The panel of /settings: a page of all settings, and one for each with its options."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from worker.clocks import Wall
from worker.form import Sponsors, What
from worker.ledger import preferences
from worker.ledger.records import Pressed
from worker.ledger.storage.database import Database
from worker.protocol.effects import Press
from worker.protocol.notices import Label, Notice, Topic
from worker.protocol.panels import Panel, PanelButton, PanelKind, View
from worker.protocol.preferences import LANGUAGES, SUBTITLES, Captions, Preferences

_MAIN = "main"


@dataclass(frozen=True)
class Option:
    """What a button of a setting says, and which fields of `Preferences` it sets to what."""

    text: Notice
    changes: Mapping[str, Any]

    def is_chosen(self, chosen: Preferences) -> bool:
        """Whether all is set as this option sets it."""
        return all(getattr(chosen, name) == value for name, value in self.changes.items())


@dataclass(frozen=True)
class Setting:
    """What a setting is called, why one would change it, and its options by their codes.

    The first option has a row of its own; the others are `in_a_row` to a row.
    """

    title: Label
    explained: Topic
    options: Mapping[str, Option]
    in_a_row: int = 1

    def option_of(self, chosen: Preferences) -> Option:
        """The option that is chosen; the first one if none is."""
        options = list(self.options.values())
        return next((each for each in options if each.is_chosen(chosen)), options[0])


def _quality(label: Label, height: int | None = None, *, asks_first: bool = False) -> Option:
    values = {"height": height} if height else {}
    return Option(Notice(label, values), {"max_height": height, "asks_first": asks_first})


def _languages(field: str, first: Label, tags: Iterable[str]) -> Mapping[str, Option]:
    named = {tag: Option(Notice(Label.LANGUAGE_NAME, {"tag": tag}), {field: tag}) for tag in tags}
    return {"off": Option(Notice(first), {field: None}), **named}


_BUTTONS = Setting(
    Label.SETTING_BUTTONS,
    Topic.SETTING_BUTTONS,
    {
        "on": Option(Notice(Label.ON), {"has_buttons": True}),
        "off": Option(Notice(Label.OFF), {"has_buttons": False}),
    },
)

_OF_PEOPLE: Mapping[str, Setting] = {
    "quality": Setting(
        Label.SETTING_QUALITY,
        Topic.SETTING_QUALITY,
        {
            "best": _quality(Label.BEST),
            **{str(lines): _quality(Label.HEIGHT, lines) for lines in (1080, 720, 480, 360)},
            "ask": _quality(Label.ASK_FIRST, asks_first=True),
        },
    ),
    "sound": Setting(
        Label.SETTING_SOUND,
        Topic.SETTING_SOUND,
        {
            "usual": Option(Notice(Label.USUAL_SOUND), {"sound": What.SOUND}),
            "m4a": Option(Notice(Label.M4A), {"sound": What.M4A}),
            "mp3-192": Option(Notice(Label.MP3, {"bit_rate": 192}), {"sound": What.MP3}),
            "mp3-320": Option(Notice(Label.MP3, {"bit_rate": 320}), {"sound": What.MP3_BEST}),
            "voice": Option(Notice(Label.VOICE), {"sound": What.VOICE}),
        },
    ),
    "send": Setting(
        Label.SETTING_SEND,
        Topic.SETTING_SEND,
        {
            "video": Option(Notice(Label.VIDEO), {"as_file": False}),
            "file": Option(Notice(Label.FILE), {"as_file": True}),
        },
    ),
    "captions": Setting(
        Label.SETTING_CAPTIONS,
        Topic.SETTING_CAPTIONS,
        {
            "full": Option(Notice(Label.FULL), {"captions": Captions.FULL}),
            "title": Option(Notice(Label.TITLE), {"captions": Captions.TITLE}),
            "none": Option(Notice(Label.NONE), {"captions": Captions.NONE}),
        },
    ),
    "description": Setting(
        Label.SETTING_DESCRIPTION,
        Topic.SETTING_DESCRIPTION,
        {
            "off": Option(Notice(Label.OFF), {"describes": False}),
            "on": Option(Notice(Label.SECOND_MESSAGE), {"describes": True}),
        },
    ),
    "sponsors": Setting(
        Label.SETTING_SPONSORS,
        Topic.SETTING_SPONSORS,
        {
            "off": Option(Notice(Label.OFF), {"sponsors": None}),
            "mark": Option(Notice(Label.MARK_SPONSORS), {"sponsors": Sponsors.MARK}),
            "cut": Option(Notice(Label.CUT_SPONSORS), {"sponsors": Sponsors.CUT}),
        },
    ),
    "subtitles": Setting(
        Label.SETTING_SUBTITLES,
        Topic.SETTING_SUBTITLES,
        _languages("subtitles", Label.OFF, SUBTITLES),
        in_a_row=3,
    ),
    "buttons": _BUTTONS,
}
_OF_GROUPS: Mapping[str, Setting] = {"buttons": _BUTTONS}


def view(db: Database, panel: Panel, _wall: Wall) -> View:
    """The page that is open; once the panel is closed, what is set."""
    is_of_group = panel.kind is PanelKind.GROUP_SETTINGS
    chosen, settings = _chosen(db, panel), _settings_of(panel)
    setting = settings.get(panel.state.get("page", _MAIN))
    if setting is None or panel.is_closed:
        title = Topic.GROUP_SETTINGS_TITLE if is_of_group else Topic.SETTINGS_TITLE
        rows = tuple(
            (PanelButton(each.option_of(chosen).text, code, each.title),)
            for code, each in settings.items()
        )
        return View((Notice(title),), rows)
    current = setting.option_of(chosen)
    first, *others = (
        PanelButton(option.text, code, is_chosen=option is current)
        for code, option in setting.options.items()
    )
    each = setting.in_a_row
    below = (tuple(others[at : at + each]) for at in range(0, len(others), each))
    back = (PanelButton(Notice(Label.BACK), _MAIN),)
    return View((Notice(setting.explained),), ((first,), *below, back))


def press(db: Database, panel: Panel, _press: Press, code: str) -> Pressed | None:
    """Open a page, or choose an option of the one that is open and go back."""
    settings = _settings_of(panel)
    page = panel.state.get("page", _MAIN)
    if code == _MAIN or (page == _MAIN and code in settings):
        return Pressed(state={"page": code})
    setting = settings.get(page)
    option = setting.options.get(code) if setting else None
    if option is None:
        return None
    owner_id = _owner_of(panel)
    chosen = replace(preferences.of(db, owner_id), **option.changes)
    preferences.put(db, owner_id, chosen)
    return Pressed(Notice(Topic.SETTING_KEPT), {"page": _MAIN})


def _settings_of(panel: Panel) -> Mapping[str, Setting]:
    if panel.kind is PanelKind.GROUP_SETTINGS:
        return _OF_GROUPS
    # With one language there is nothing to choose.
    return {**_OF_PEOPLE, "language": _language()} if len(LANGUAGES) > 1 else _OF_PEOPLE


def _language() -> Setting:
    options = _languages("language", Label.AS_IN_TELEGRAM, LANGUAGES)
    return Setting(Label.SETTING_LANGUAGE, Topic.SETTING_LANGUAGE, options)


def _owner_of(panel: Panel) -> int:
    """Whose settings they are: the person's who asked for the panel, or the group's."""
    is_of_group = panel.kind is PanelKind.GROUP_SETTINGS
    return panel.reader.chat_id if is_of_group else panel.user_id


def _chosen(db: Database, panel: Panel) -> Preferences:
    """What is set, and the default for the rest."""
    chosen = preferences.of(db, _owner_of(panel))
    is_private = panel.kind is not PanelKind.GROUP_SETTINGS
    return replace(chosen, has_buttons=chosen.wants_buttons(is_private=is_private))
