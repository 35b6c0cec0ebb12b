"""Commands: each is handled, has a text, and has an answer whatever it is used with."""

from pathlib import Path

import pytest

from tests.support.ledger_kit import START
from tests.support.updates import ADMIN, GROUP, handle_all, said
from worker.ledger import Ledger
from worker.protocol import Reply
from worker.protocol.notices import Notice, Topic
from worker.telegram.admin_commands import ADMIN_COMMANDS
from worker.telegram.commands import FOR_ADMINS, FOR_EVERYBODY, LISTED, Command, nearest
from worker.telegram.handlers import (
    OTHER_COMMANDS,
    handle_update,
)
from worker.telegram.intents import INTENTS
from worker.telegram.texts import CATALOGUES, ENGLISH, Catalogue, notice

LINK = "https://a.example/x"

HOSTILE = (
    *("", " ", "x", "-1", "0", "9" * 400, "720", "٣", "\u202e\x00\ud83c", "{0}{count}", "%s"),
    *("/", "/start /help", "<b>", "a" * 4000, "1:20-1:45", f"ftp://b {LINK}", f"x {LINK} y"),
)


def test_each_command_is_handled_in_one_place() -> None:
    handled = [*INTENTS, *OTHER_COMMANDS, *ADMIN_COMMANDS]
    assert sorted(filter(None, handled)) == sorted(Command)
    assert set(ADMIN_COMMANDS) == set(FOR_ADMINS)


@pytest.mark.parametrize("argument", HOSTILE)
@pytest.mark.parametrize("command", Command)
def test_a_command_has_an_answer_whatever_follows_it(command: Command, argument: str) -> None:
    update = said(f"/{command} {argument}", user=ADMIN, chat=ADMIN)
    assert handle_update(update, admins=frozenset({ADMIN}), username=lambda: "bot")


@pytest.mark.parametrize("argument", HOSTILE)
@pytest.mark.parametrize("command", FOR_EVERYBODY)
def test_in_a_group_a_command_for_this_bot_has_an_answer(command: Command, argument: str) -> None:
    update = said(f"/{command}@bot {argument}", chat=GROUP)
    assert handle_update(update, username=lambda: "bot")


def test_what_commands_ask_for_is_recorded_and_answered(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite3")
    texts = [f"/{command} {argument}" for command in Command for argument in HOSTILE]
    # Each in a chat of its own, for a chat is answered only so often in a minute.
    updates = [
        {**said(text, chat=number, user=number), "update_id": number}
        for number, text in enumerate(texts, start=1001)
    ]
    ledger.record_updates(updates, START)
    assert handle_all(ledger) == len(texts)
    told = "SELECT count(DISTINCT chat_id) FROM jobs WHERE kind IN ('reply', 'panel', 'status')"
    assert ledger._db.value(told) == len(texts)
    ledger.close()


@pytest.mark.parametrize("command", FOR_ADMINS)
def test_an_admins_command_is_none_for_others(command: Command) -> None:
    (reply,) = handle_update(said(f"/{command} 17"), admins=frozenset({ADMIN}))
    assert isinstance(reply, Reply)
    (notice,) = reply.notices
    assert notice.about in (Topic.HINT, Topic.DID_YOU_MEAN)
    assert notice.values.get("command") not in FOR_ADMINS


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
