"""Commands: each is handled, has a text, and has an answer whatever it is used with."""

import pytest

from tests.support.updates import ADMIN, said
from worker.notices import Notice, Topic
from worker.telegram.commands import FOR_ADMINS, FOR_EVERYBODY, LISTED, Command, nearest
from worker.telegram.handlers import (
    ADMIN_COMMANDS,
    OTHER_COMMANDS,
    handle_update,
)
from worker.telegram.texts import CATALOGUES, ENGLISH, Catalogue, notice
from worker.telegram.wishes import WISHES

LINK = "https://a.example/x"

HOSTILE = (
    *("", " ", "x", "-1", "0", "9" * 400, "720", "٣", "\u202e\x00\ud83c", "{0}{count}", "%s"),
    *("/", "/start /help", "<b>", "a" * 4000, "1:20-1:45", f"ftp://b {LINK}", f"x {LINK} y"),
)


def test_each_command_is_handled_in_one_place() -> None:
    handled = [*WISHES, *OTHER_COMMANDS, *ADMIN_COMMANDS]
    assert sorted(filter(None, handled)) == sorted(Command)
    assert set(ADMIN_COMMANDS) == set(FOR_ADMINS)


@pytest.mark.parametrize("argument", HOSTILE)
@pytest.mark.parametrize("command", Command)
def test_a_command_has_an_answer_whatever_follows_it(command: Command, argument: str) -> None:
    update = said(f"/{command} {argument}", user=ADMIN, chat=ADMIN)
    assert handle_update(update, admins=frozenset({ADMIN}), username=lambda: "bot")


@pytest.mark.parametrize("command", FOR_ADMINS)
def test_an_admins_command_is_none_for_others(command: Command) -> None:
    (reply,) = handle_update(said(f"/{command} 17"), admins=frozenset({ADMIN}))
    assert reply == handle_update(said("/xyzzy"))[0]


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda words: words.language)
def test_each_command_has_a_text_that_telegrams_menu_takes(catalogue: Catalogue) -> None:
    assert set(catalogue.commands) == set(Command)
    # Bot API 10.1, BotCommand.
    assert all(1 <= len(text) <= 256 for text in catalogue.commands.values())
    assert all(command.islower() and len(command) <= 32 for command in Command)


def test_the_help_names_each_command_that_is_for_everybody() -> None:
    said_help = notice(ENGLISH, Notice(Topic.HELP, {"most_links": 5}))
    named = [line[1:].split()[0] for line in said_help.splitlines() if line.startswith("/")]
    assert named == list(LISTED)
    assert set(FOR_EVERYBODY) - set(LISTED) == {Command.START}


@pytest.mark.parametrize(("name", "near"), [("vidoe", "video"), ("bann", None), ("", None)])
def test_the_nearest_command_is_never_an_admins(name: str, near: str | None) -> None:
    assert nearest(name) == near
