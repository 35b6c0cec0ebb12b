"""Looks that are made for a menu, and the answer to each press that waits for one.

The site is asked what a menu can offer, if the ledger does not know that or learned it too long
ago. One look is made for all who wait for it. Each function is part of its caller's transaction.
"""

import sqlite3
from collections.abc import Collection

from worker import media_keys
from worker.clocks import Wall
from worker.errors import Reason
from worker.form import ABOUT
from worker.ledger.choices import choices
from worker.ledger.jobs import fairness, job_lookups, queue
from worker.ledger.jobs.jobs import Kind
from worker.ledger.records import Request
from worker.ledger.requests import admission, awaited_menus, known_failures, media_cache
from worker.ledger.requests.admission import Quota
from worker.ledger.storage.database import Database
from worker.protocol import AnswerButton, Reader, Reply
from worker.protocol.as_json import to_json
from worker.protocol.effects import Press
from worker.protocol.looks import MediaLook
from worker.protocol.notices import Notice, Refusal, Topic

SPINS_S = 30.0
"""How long a pressed button waits for its answer. After that Telegram would not show it, and it
comes as a message."""


def look_for(
    db: Database,
    request: Request,
    press: Press,
    quota: Quota,
    wall: Wall,
    full_sites: Collection[str] = (),
) -> None:
    """Have the link of an answer looked at, and the press answered then.

    `full_sites` are as in `fairness.RunningLimits`.
    """
    if awaited_menus.count_of(db, press.user_id) >= quota.waiting:
        notice = Notice(Refusal.WAITING)
        _answer(db, AnswerButton(press.callback_id, press.language, notice), wall)
        return
    key = media_cache.use_link(db, media_keys.of_link(request.url, ABOUT), wall)
    if failure := known_failures.recall(db, key, wall):
        notice = _why_not(failure.reason, failure.error_id)
        _answer(db, AnswerButton(press.callback_id, press.language, notice), wall)
        return
    job_id = job_lookups.id_under_way(db, key) or queue.add(
        db,
        Kind.LOOK,
        wall,
        media_key=key,
        chat_id=press.chat_id,
        user_id=press.user_id,
        turn=fairness.next_turn(db, press.user_id, request.url, full_sites),
        payload={"url": request.url, "form": ABOUT.code},
    )
    awaited_menus.add(db, job_id, request, press, wall)


def show(db: Database, job_id: int, look: MediaLook | None, wall: Wall) -> None:
    """Show everybody who waits for a look what it has found; `look` is None if that is a list."""
    for row in awaited_menus.take(db, job_id):
        if look and len(look.qualities) > 1:
            place = row["request_id"], row["message_id"]
            menu = choices.show_qualities(db, *place, look.qualities, wall)
            _answer(db, AnswerButton(row["callback_id"], row["language"], None, menu), wall)
        else:
            _say(db, row, Notice(Topic.NO_OTHER_QUALITY), wall)


def say_why_not(db: Database, job_id: int, reason: Reason, error_id: str, wall: Wall) -> None:
    """Tell everybody who waits for a look why it has failed."""
    for row in awaited_menus.take(db, job_id):
        _say(db, row, _why_not(reason, error_id), wall)


def _why_not(reason: Reason, error_id: str) -> Notice:
    return Notice(Topic.NOT_LOOKED_UP, {"reason": reason.value, "error_id": error_id})


def _say(db: Database, row: sqlite3.Row, notice: Notice, wall: Wall) -> None:
    if 0 <= wall - row["pressed_at"] <= SPINS_S:
        _answer(db, AnswerButton(row["callback_id"], row["language"], notice), wall)
        return
    reader = Reader(row["chat_id"], row["language"], row["thread_id"])
    admission.reply(db, Reply(reader, row["message_id"], (notice,)), wall)


def _answer(db: Database, button: AnswerButton, wall: Wall) -> None:
    queue.add(db, Kind.BUTTON, wall, payload=to_json(button))
