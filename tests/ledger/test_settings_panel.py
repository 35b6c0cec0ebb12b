"""The panel of /settings: what it shows and sets, and who may open it."""

from dataclasses import replace
from typing import Any

import pytest

from tests.support.settings_panel import (
    LINK,
    ME,
    OTHER,
    a_link,
    choose,
    edited,
    form_of,
    open_panel,
    press,
    shown,
)
from tests.support.stepped_dispatcher import SteppedDispatcher
from tests.support.updates import GROUP, USER, pressed, said
from worker.form import SOUND, WHOLE, Form, Sponsors, What
from worker.protocol import (
    HandleUpdate,
    Reply,
)
from worker.protocol.effects import OpenPanel
from worker.protocol.notices import Label, Notice, Topic
from worker.protocol.panels import CLOSE, PanelKind
from worker.protocol.preferences import LANGUAGES, SUBTITLES, Preferences
from worker.telegram import texts
from worker.telegram.handlers import handle_update
from worker.telegram.texts import CATALOGUES


def test_a_setting_is_opened_chosen_and_kept(bot: SteppedDispatcher) -> None:
    usual = {
        "quality": (Label.BEST, False),
        "sound": (Label.USUAL_SOUND, False),
        "send": (Label.VIDEO, False),
        "captions": (Label.FULL, False),
        "description": (Label.OFF, False),
        "sponsors": (Label.OFF, False),
        "subtitles": (Label.OFF, False),
        "buttons": (Label.ON, False),
    }
    assert shown(open_panel(bot)) == {**usual, CLOSE: (Label.CLOSE, False)}
    assert press(bot, "quality") is None
    page = edited(bot)
    assert page.notices == (Notice(Topic.SETTING_QUALITY),)
    assert [code for code, (_, is_chosen) in shown(page).items() if is_chosen] == ["best"]
    assert press(bot, "720") is Topic.SETTING_KEPT
    assert shown(edited(bot))["quality"] == (Label.HEIGHT, False)
    press(bot, "quality")
    assert shown(edited(bot))["720"] == (Label.HEIGHT, True)
    assert press(bot, "main") is None
    assert shown(edited(bot))["quality"] == (Label.HEIGHT, False)


@pytest.mark.parametrize(
    ("option", "sponsors"), [("mark", Sponsors.MARK), ("cut", Sponsors.CUT), ("off", None)]
)
def test_sponsors_are_those_of_one_site(
    bot: SteppedDispatcher, option: str, sponsors: Sponsors | None
) -> None:
    open_panel(bot)
    choose(bot, "sponsors", option)
    tube = replace(a_link(), url="https://youtu.be/abcdefghijk")
    assert form_of(bot, tube) == Form(sponsors=sponsors)
    chosen = replace(Preferences(), sponsors=sponsors)
    assert Preferences.from_json(chosen.to_json()) == chosen
    assert chosen.form_of(SOUND, tube.url) == Form(What.SOUND, sponsors=sponsors)
    assert chosen.form_of(WHOLE, LINK) == WHOLE
    assert replace(chosen, as_file=True).form_of(WHOLE, tube.url) == Form(as_file=True)


def test_once_it_is_closed_the_panel_says_what_is_set(bot: SteppedDispatcher) -> None:
    open_panel(bot)
    choose(bot, "quality", "720")
    press(bot, CLOSE)
    view = edited(bot)
    assert view.rows == ()
    assert [(told.title, told.text.about) for told in view.told][:2] == [
        (Label.SETTING_QUALITY, Label.HEIGHT),
        (Label.SETTING_SOUND, Label.USUAL_SOUND),
    ]


@pytest.mark.parametrize("code", ["720", "x", "", "0", "__class__", "on", "file"])
def test_a_forged_code_sets_nothing(bot: SteppedDispatcher, code: str) -> None:
    open_panel(bot)
    assert press(bot, code) is Topic.DEAD_BUTTON
    press(bot, "quality")
    edited(bot)
    if code != "720":
        assert press(bot, code) is Topic.DEAD_BUTTON
    assert bot.rows("SELECT * FROM preferences") == []


def test_subtitles_can_be_had_in_every_language_that_has_a_name(bot: SteppedDispatcher) -> None:
    open_panel(bot)
    press(bot, "subtitles")
    first, *rows, back, close = edited(bot).rows
    assert [[button.code for button in row] for row in (first, back, close)] == [
        *(["off"], ["main"], [CLOSE]),
    ]
    assert {len(row) for row in rows} == {3, 2}
    offered = [button.code for row in rows for button in row]
    assert tuple(offered) == SUBTITLES
    for words in CATALOGUES:
        assert set(offered) == set(words.languages)
        assert texts.notice(words, rows[2][0].text) == words.languages["de"]


def test_what_is_said_can_be_chosen_once_there_is_another_language(
    bot: SteppedDispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {words.language for words in CATALOGUES} == set(LANGUAGES)
    assert "language" not in shown(open_panel(bot)), "there is nothing to choose from"
    monkeypatch.setattr("worker.protocol.preferences.LANGUAGES", ("en", "de"))
    monkeypatch.setattr("worker.ledger.panels.settings_panel.LANGUAGES", ("en", "de"))
    choose(bot, "language", "de")
    mine, others = said("hello", user=ME), said("hello", user=OTHER)
    edit = {"edited_message": mine["message"]}
    for number, (update, language) in enumerate(
        [
            *((mine, "de"), (edit, "de"), (pressed("cancel:1", user=ME), "de"), (others, None)),
            *(({"message": [ME]}, None), ({"message": {"from": {"id": 1 << 70}}}, None)),
        ]
    ):
        bot.ledger.record_updates([{**update, "update_id": 10**12 + number}], bot.wall)
        bot.step()
        assert bot.task(HandleUpdate).language == language
        bot.finish(HandleUpdate, ())


def asked(update: dict[str, Any], **more: Any) -> PanelKind | Topic | None:
    """The panel that /settings opens, or what is said instead."""
    effects = handle_update(update, username=lambda: "our_bot", **more)
    if not effects:
        return None
    (effect,) = effects
    if isinstance(effect, OpenPanel):
        return effect.kind
    assert isinstance(effect, Reply)
    about = effect.notices[0].about
    assert isinstance(about, Topic)
    return about


def test_in_private_settings_are_ones_own() -> None:
    assert asked(said("/settings")) is PanelKind.SETTINGS


def test_in_a_group_they_are_the_groups_and_for_its_admins() -> None:
    update = said("/settings@our_bot", chat=GROUP)
    assert asked(update) is Topic.SETTINGS_FOR_ADMINS
    admins = {(GROUP, USER): True}
    assert asked(update, is_chat_admin=lambda *ids: ids in admins) is PanelKind.GROUP_SETTINGS
    assert asked(update, admins={USER}) is PanelKind.GROUP_SETTINGS
    assert asked(said("/settings", chat=GROUP), admins={USER}) is None
    anonymous = said("/settings@our_bot", chat=GROUP, sender_chat={"id": GROUP})
    assert asked(anonymous) is Topic.SETTINGS_NOT_ANONYMOUS
