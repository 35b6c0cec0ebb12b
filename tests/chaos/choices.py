"""What became of buttons, lists and commands in a chaos run, by its chats and its ledger."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos import outcome
from tests.chaos.buttons import Button, kind_of
from tests.chaos.people import Pressed, Sent
from tests.sandbox.api import BotApi
from tests.sandbox.chats import ChatMessage
from tests.sandbox.transcript import describe
from worker.ledger import ledger_path
from worker.ledger.lists.lists import MAX_AN_HOUR

BUSY_S = 20.0
"""How long to wait for a bot that writes its ledger."""

_OPENING = (Button.SOUND, Button.QUALITY, Button.CHOICE)


@dataclass
class Choices:
    """What has come of presses, lists and commands; `wrong` has a sentence for each fault.

    An orphaned message is one that Telegram took and the bot died before it knew.
    """

    opened: int = 0
    """Links that were asked for by buttons below answers,"""
    taken: int = 0
    """what was taken of lists, and as how many items."""
    items: int = 0
    panels: int = 0
    orphaned: int = 0
    wrong: list[str] = field(default_factory=list)


def chosen_below(data_dir: Path, sent: Iterable[Sent]) -> list[Sent]:
    """The bot's own messages below which something was chosen, and how many answers that makes.

    An item of a list that came to nothing is told by the list's summary alone, unless it had a
    message by then.
    """
    links = {(one.chat, one.message_id) for one in sent}
    with closing(_open(data_dir)) as ledger:
        rows = ledger.execute(
            "SELECT chat_id, message_id, total(batch_id IS NULL OR verdict = 'media'"
            "  OR status_message_id IS NOT NULL), total(verdict = 'media' AND form GLOB 'voice*')"
            " FROM requests GROUP BY chat_id, message_id"
        ).fetchall()
    return [
        Sent(chat, message_id, int(answers), int(voices))
        for chat, message_id, answers, voices in rows
        if (chat, message_id) not in links
    ]


def let_time_pass(data_dir: Path) -> None:
    """Have the quarter of an hour be over after which open buttons are closed."""
    with closing(_open(data_dir)) as ledger, ledger:
        ledger.execute("UPDATE panels SET ends_at = unixepoch() - 1 WHERE NOT is_closed")
        ledger.execute(
            "UPDATE requests SET menu_ends_at = unixepoch() - 1 WHERE menu_ends_at IS NOT NULL"
        )
        ledger.execute(
            "UPDATE jobs SET not_before = waits_since WHERE state = 'waiting'"
            " AND kind IN ('panel edit', 'button')"
        )


def count(
    api: BotApi, data_dir: Path, pressed: Iterable[Pressed], commands: Iterable[Sent]
) -> Choices:
    """Compare what was pressed, taken and asked with the ledger and the chats."""
    choices = Choices()
    with closing(_open(data_dir)) as ledger:
        _count_batches(api, ledger, choices)
        _count_panels(api, ledger, choices)
        choices.wrong += dict.fromkeys(_ignored(ledger, pressed))
    choices.wrong += _open_pages(api)
    choices.wrong += _unanswered(api, commands)
    return choices


def _count_batches(api: BotApi, ledger: sqlite3.Connection, choices: Choices) -> None:
    """Each item of a taken list must stand once in its summary, as what it became."""
    rows = ledger.execute(
        "SELECT batches.id, batches.chat_id, summary_message_id, count(*),"
        " count(*) FILTER (WHERE verdict = 'media'),"
        " count(*) FILTER (WHERE verdict IN ('sentence', 'unreachable')),"
        " count(*) FILTER (WHERE verdict = 'cancelled' OR request_id IS NULL AND dropped)"
        " FROM batches JOIN batch_items AS item ON item.batch_id = batches.id"
        " LEFT JOIN requests ON requests.id = item.request_id GROUP BY batches.id"
    ).fetchall()
    known = {(chat, message_id) for _, chat, message_id, *_ in rows}
    shown = {
        (message.chat_id, message.message_id): message
        for messages in outcome.replies_in(api).values()
        for message in messages
        if outcome.counts_in(message) is not None
    }
    choices.orphaned += len(shown.keys() - known)
    for batch_id, chat, message_id, items, *numbers in rows:
        choices.taken += 1
        choices.items += items
        became = dict(zip(("Done", "Failed", "Cancelled"), numbers, strict=True))
        summary = shown.get((chat, message_id))
        said = outcome.counts_in(summary) if summary else None
        wanted = {word: number for word, number in became.items() if number or word == "Done"}
        if said != wanted or sum(numbers) != items:
            text = describe(summary) if summary else "no summary"
            choices.wrong.append(
                f"list {batch_id} of chat {chat} had {items} items, {became}: {text}"
            )


def _count_panels(api: BotApi, ledger: sqlite3.Connection, choices: Choices) -> None:
    """Each command must have opened one panel at most, and at the end each is closed."""
    rows = ledger.execute("SELECT chat_id, message_id, reply_to, is_closed FROM panels").fetchall()
    choices.panels = len(rows)
    known = {row[:2] for row in rows}
    if len({(chat, reply_to) for chat, _, reply_to, _ in rows}) < len(rows):
        choices.wrong.append("a command has opened two panels")
    choices.wrong += [f"the panel below {row[2]} is open" for row in rows if not row[3]]
    for message in _with_buttons(api, "panel:"):
        if (message.chat_id, message.message_id) in known:
            choices.wrong.append(f"a closed panel has buttons: {describe(message)}")
        else:
            choices.orphaned += 1


def _ignored(ledger: sqlite3.Connection, pressed: Iterable[Pressed]) -> Iterator[str]:
    """The presses that asked for something and led to nothing.

    In a long run people may take so much of lists that they are refused more.
    """
    requests = set(ledger.execute("SELECT chat_id, message_id, form FROM requests"))
    batches = set(ledger.execute("SELECT chat_id, message_id FROM batches"))
    taken = Counter(user for (user,) in ledger.execute("SELECT user_id FROM batches"))
    for press in pressed:
        # What its message says is beside the point, so any word stands for it.
        kind = kind_of("First 5", press.data)
        code = press.data.partition(".")[2]
        if kind in _OPENING and (press.chat, press.message_id, code) not in requests:
            yield f"nothing came of {press}"
        may_be_refused = taken[press.user] >= MAX_AN_HOUR
        is_taken = (press.chat, press.message_id) in batches
        if kind is Button.TAKE and not is_taken and not may_be_refused:
            yield f"nothing came of {press}"


def _open_pages(api: BotApi) -> Iterator[str]:
    """The pages of menus that still stand open."""
    for message in _with_buttons(api, "choices:"):
        if any(text == "Back" for row in message.buttons for text, _ in row):
            yield f"a page of a menu stands open: {describe(message)}"


def _unanswered(api: BotApi, commands: Iterable[Sent]) -> Iterator[str]:
    """The commands that nothing was said to."""
    replies = outcome.replies_in(api)
    for one in commands:
        if (one.chat, one.message_id) not in replies:
            yield f"message {one.message_id} in chat {one.chat}, a command, has no answer"


def _with_buttons(api: BotApi, data: str) -> Iterator[ChatMessage]:
    for messages in outcome.replies_in(api).values():
        for message in messages:
            if any(pair[1].startswith(data) for row in message.buttons for pair in row):
                yield message


def _open(data_dir: Path) -> sqlite3.Connection:
    return sqlite3.connect(ledger_path(data_dir), timeout=BUSY_S)
