"""The menus of commands: told to Telegram at a start, when they have changed, and quietly."""

from dataclasses import replace

import pytest

from tests.support.stepped_dispatcher import MakeBot, SteppedDispatcher
from worker.dispatch.outcomes import MAX_REFUSED_S
from worker.errors import Fault, JobError, Reason, TelegramUnreachable
from worker.ledger.upkeep.upkeep import Upkeep
from worker.protocol import SetMenus
from worker.telegram import command_menus
from worker.telegram.commands import FOR_ADMINS, LISTED
from worker.telegram.texts import ENGLISH

BOT_ID = "123456"


def want(bot: SteppedDispatcher, fingerprint: str = "a", admins: tuple[int, ...] = (5,)) -> None:
    """A bot starts whose menus have that fingerprint."""
    with Upkeep(bot.settings.data_dir / "ledger.sqlite3") as upkeep:
        upkeep.want_menus(fingerprint, admins, bot.wall)
    bot.step()


def test_each_scope_has_the_commands_that_it_is_for() -> None:
    private, groups, admins_own = command_menus.menus({5})
    assert [name for name, _ in private.commands] == list(LISTED)
    assert groups.commands == private.commands
    assert [name for name, _ in admins_own.commands] == [*LISTED, *FOR_ADMINS]
    assert (admins_own.scope, admins_own.chat_id) == ("chat", 5)
    assert len(admins_own.commands) <= 100  # Bot API 10.1, setMyCommands


def test_another_language_has_menus_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    others = (replace(ENGLISH, language="de"), replace(ENGLISH, language="pt-br"))
    monkeypatch.setattr(command_menus, "CATALOGUES", (ENGLISH, *others))
    assert [menu.language for menu in command_menus.menus(())] == [None, None, "de", "de"]


def test_menus_are_told_once_and_again_when_they_change(bot: SteppedDispatcher) -> None:
    want(bot)
    assert bot.task(SetMenus) == SetMenus("a", (5,), ())
    bot.finish(SetMenus)
    want(bot)
    assert not bot.tasks(SetMenus)
    want(bot, "b", (6,))
    assert bot.task(SetMenus) == SetMenus("b", (6,), (5,))


def test_a_start_takes_back_what_the_last_one_still_wanted(bot: SteppedDispatcher) -> None:
    want(bot)
    bot.fail(SetMenus, TelegramUnreachable("no answer"))
    want(bot, "b")
    assert bot.task(SetMenus).fingerprint == "b"
    bot.finish(SetMenus)
    want(bot, "b")
    assert bot.states("menus") == ["dropped", "done"]


def test_a_refusal_is_no_failure_and_the_next_start_tries_again(bot: SteppedDispatcher) -> None:
    want(bot)
    bot.fail(SetMenus, JobError(Reason.INTERNAL, Fault.PERMANENT, "BOT_COMMAND_INVALID"))
    assert bot.states("menus") == ["dropped"]
    want(bot)
    assert bot.tasks(SetMenus)


def test_silence_is_waited_for_and_trouble_with_this_call_alone_ends(
    bot: SteppedDispatcher,
) -> None:
    want(bot)
    bot.dispatcher.reachability.note_answer(bot.now)
    waited_s = 0.0
    while bot.tasks(SetMenus) and waited_s < 3 * MAX_REFUSED_S:
        bot.fail(SetMenus, TelegramUnreachable("no answer"))
        for _ in range(30):
            bot.step(20.0)
            waited_s += 20.0
            bot.dispatcher.reachability.note_answer(bot.now)
    assert bot.states("menus") == ["dropped"]


def test_links_go_before_menus(bot: SteppedDispatcher) -> None:
    with Upkeep(bot.settings.data_dir / "ledger.sqlite3") as upkeep:
        upkeep.want_menus("a", (), bot.wall)
    bot.dispatcher.reachability.note_answer(bot.now)
    bot.ledger.record_updates([{"update_id": 1}], bot.wall)
    bot.step()
    menus, update = max(bot.telegram.tasks), min(bot.telegram.tasks)
    assert list(bot.telegram.tasks) == [menus, update]


def test_the_fingerprint_is_that_of_what_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    before = command_menus.fingerprint(BOT_ID, {5})
    assert before == command_menus.fingerprint(BOT_ID, {5})
    assert before != command_menus.fingerprint(BOT_ID, {6})
    changed = replace(ENGLISH, commands={**ENGLISH.commands, LISTED[0]: "Something else"})
    monkeypatch.setattr(command_menus, "CATALOGUES", (changed,))
    monkeypatch.setattr(command_menus, "ENGLISH", changed)
    assert command_menus.fingerprint(BOT_ID, {5}) != before


def test_another_bot_with_the_same_ledger_is_told_its_menus(make_bot: MakeBot) -> None:
    for bot_id in (BOT_ID, "654321"):
        bot = make_bot(BOT_TOKEN=f"{bot_id}:{'a' * 35}")
        assert bot.settings.bot_id == bot_id
        want(bot, command_menus.fingerprint(bot.settings.bot_id, ()))
        bot.finish(SetMenus)
        bot.close()
    assert bot.states("menus") == ["done", "done"]
