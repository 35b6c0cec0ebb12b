"""Results of a chaos run: what chats, processes and disk show at its end."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.injector import name_of
from tests.chaos.people import Sent
from tests.sandbox.api import BotApi
from tests.sandbox.chats import ChatMessage
from tests.sandbox.transcript import describe
from worker.ledger import ledger_path
from worker.processes import process_table

_AT_REST = {"fork server", "telegram", "downloads", "judge"}
"""What runs below the main process while there is nothing to do."""


@dataclass
class Answers:
    """How the links were answered; `lost` and `doubled` describe the messages concerned.

    An orphaned status message is one that Telegram took and the bot died before it knew; such
    a "Got it" stands beside the real answer and never becomes one.
    """

    links: int = 0
    final: int = 0
    media: int = 0
    orphaned: int = 0
    beside: int = 0
    """Parts of a cut video beside the first, which is the answer,"""
    repeated: int = 0
    """and those of them that came again, because nobody knew what had become of them.

    So may a voice message: it is the one answer that is no edit of an earlier message.
    """
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    """Final answers that became other ones afterwards; their buttons may."""


def count_answers(api: BotApi, sent: Iterable[Sent]) -> Answers:
    """Compare what was sent with what the chats show."""
    answers = Answers()
    replies = replies_in(api)
    for one in sent:
        found = [
            message
            for message in replies.get((one.chat, one.message_id), [])
            if counts_in(message) is None
        ]
        beside = [message for message in found if _is_beside(message)]
        final = [message for message in found if not message.is_under_way and message not in beside]
        voices = [message for message in final if message.media and message.media.kind == "voice"]
        again = voices[one.voices :]
        final = [message for message in final if message not in again]
        answers.links += one.links
        answers.final += len(final)
        answers.media += sum(message.media is not None for message in final)
        answers.orphaned += len(found) - len(final) - len(beside) - len(again)
        answers.beside += len(beside)
        answers.repeated += len(beside) - len({message.caption for message in beside})
        answers.repeated += len(again)
        answers.lost += [_about(api, one, found) for _ in range(one.links - len(final))]
        answers.doubled += [_about(api, one, found) for _ in range(len(final) - one.links)]
        answers.changed += [_about(api, one, [m]) for m in final if _has_changed(m)]
    return answers


def replies_in(api: BotApi) -> dict[tuple[int, int], list[ChatMessage]]:
    """The bot's messages that stand in the chats, by the chat and the message that they answer."""
    replies: dict[tuple[int, int], list[ChatMessage]] = {}
    for chat in api.chat_ids:
        for message in api.chat(chat):
            if message.from_bot and not message.deleted and message.reply_to is not None:
                replies.setdefault((chat, message.reply_to), []).append(message)
    return replies


def counts_in(message: ChatMessage) -> dict[str, int] | None:
    """What the summary of a taken list counts, such as Done; None for any other message."""
    line = re.search(r"\n(Done: \d+.*)", message.text or "")
    if line is None:
        return None
    return {word: int(number) for word, number in re.findall(r"(\w+): (\d+)", line[1])}


def _is_beside(message: ChatMessage) -> bool:
    """Whether it is a part of a cut video, and not the first."""
    part = re.search(r"part (\d+) of \d+", message.caption or "")
    return part is not None and int(part[1]) > 1


def _has_changed(message: ChatMessage) -> bool:
    """Whether it was final, and visibly changed afterwards."""
    return any(
        not state.is_under_way and _without_buttons(state) != _without_buttons(message)
        for state in message.history
    )


def _without_buttons(message: ChatMessage) -> tuple[object, ...]:
    media = message.media and (message.media.kind, message.media.file_unique_id)
    return message.text, message.caption, message.entities, media


def _about(api: BotApi, sent: Sent, found: list[ChatMessage]) -> str:
    asked = [m for m in api.chat(sent.chat) if m.message_id == sent.message_id]
    lines = [describe(message) for message in asked]
    for message in found:
        lines += [f"    {describe(state)}" for state in [*message.history, message]]
    return f"chat {sent.chat}: " + "\n".join(lines)


def strays(data_dir: Path, main_pid: int | None) -> list[str]:
    """Processes of the bot that should not be there while it has nothing to do.

    `main_pid` None: it does not run, so nothing should.
    """
    tag = process_table.instance_tag(data_dir)
    found = {p.pid: p for p in process_table.tagged(tag)}
    expected: set[int] = set()
    if main_pid is not None:
        below = process_table.descendants(main_pid)
        found |= {p.pid: p for p in below}
        expected = {p.pid for p in below if name_of(p) in _AT_REST}
    return [
        f"{p.pid} ({p.name})"
        for p in found.values()
        if p.pid not in expected and p.pid != main_pid and not p.is_defunct
    ]


def zombies(main_pid: int) -> list[str]:
    """Defunct processes below the main one. An ending child may be one for a moment."""
    return [f"{p.pid} ({p.name})" for p in process_table.descendants(main_pid) if p.is_defunct]


def missing_workers(main_pid: int, wanted: Mapping[str, int]) -> list[str]:
    """Which processes below the main one are fewer than wanted."""
    there = Counter(name_of(p) for p in process_table.descendants(main_pid) if not p.is_defunct)
    return [
        f"{there[name]} of {number} {name} processes"
        for name, number in wanted.items()
        if there[name] < number
    ]


def directories(data_dir: Path, *temporary: Path) -> list[str]:
    """What lies in the directory of downloads, and in those for temporary files."""
    folders = (data_dir / "downloads", *temporary)
    return [str(path) for folder in folders if folder.is_dir() for path in folder.iterdir()]


def open_work(data_dir: Path) -> list[str]:
    """Unfinished work, as the ledger lists it.

    None is what closes the buttons that people have opened, a quarter of an hour later, unless a
    minute has passed since then.
    """
    return _ask(
        data_dir,
        "SELECT 'job ' || id || ' ' || kind || ' ' || state || ', attempt ' || attempts"
        " FROM jobs WHERE state IN ('waiting', 'running') AND NOT (state = 'waiting'"
        "  AND kind IN ('panel edit', 'button') AND not_before > created_at + 30"
        "  AND not_before > unixepoch() - 60)"
        " UNION ALL SELECT 'batch ' || id || ' of chat ' || chat_id"
        " FROM batches WHERE ended_at IS NULL"
        " UNION ALL SELECT 'press that waits for job ' || job_id FROM awaited_menus"
        " UNION ALL SELECT 'request ' || id || ' of chat ' || chat_id"
        " FROM requests WHERE answered_at IS NULL",
    )


def broken_jobs(data_dir: Path) -> list[str]:
    """The jobs that failed by more than what is behind a link, a line each."""
    return _ask(
        data_dir,
        "SELECT 'job ' || id || ' ' || kind || ' of request ' || ifnull(request_id, '-')"
        " || ': ' || ifnull(detail, '') FROM jobs"
        " WHERE state = 'failed'"
        " AND (kind NOT IN ('download', 'look', 'recording') OR fault = 'operator')",
    )


def _ask(data_dir: Path, sql: str) -> list[str]:
    """The rows of one text column, asked of the ledger's file from outside."""
    ledger = sqlite3.connect(ledger_path(data_dir), timeout=10)
    try:
        return [row[0] for row in ledger.execute(sql)]
    finally:
        ledger.close()
