"""Which links and replies are accepted: bans, and how much one person may ask for.

Each function is part of its caller's transaction.
"""

import json
from dataclasses import dataclass

from worker.clocks import Wall
from worker.ledger.jobs import queue
from worker.ledger.jobs.jobs import Kind
from worker.ledger.requests import request_lookups
from worker.ledger.storage.database import Database
from worker.protocol import Reader, Reply
from worker.protocol.as_json import reply_to_json, to_json
from worker.protocol.effects import Ban, CancelAll, OpenRequest
from worker.protocol.notices import ADMIN_TOPICS, Notice, Refusal, Topic

REPLIES_A_MINUTE = 5
"""How many replies a chat gets in a minute; a flood is not answered message by message."""

_NOT_COUNTED = ADMIN_TOPICS | {Topic.DESCRIPTION}
"""What neither counts as one of these replies nor is left out because of them: admins have to know
what has become of a ban or of their cookies, and there are as many descriptions as answers."""

_SILENCE_S = {Refusal.BANNED: 86_400.0}
_USUAL_SILENCE_S = 60.0
"""How long the same refusal is not repeated."""

# Telegram keeps a message for a day (Bot API 10.1, Getting updates), the ledger until it is read.
_LONGEST_ON_THE_WAY_S = 2 * 86_400.0


@dataclass(frozen=True)
class Quota:
    """How many links one person may have waiting, and may send in a minute, an hour and a day."""

    waiting: int
    a_minute: int
    an_hour: int
    a_day: int

    def for_items(self) -> "Quota":
        """The part of the quota that items of lists may use; the rest is for links in messages."""
        shares = (max(1, 3 * limit // 4) for limit in (self.a_minute, self.an_hour, self.a_day))
        return Quota(max(1, 3 * self.waiting // 4), *shares)


def refusal_of(db: Database, link: OpenRequest, quota: Quota, wall: Wall) -> Refusal | None:
    """Why this link is not accepted; None when it is."""
    if is_banned(db, link.user_id):
        return Refusal.BANNED
    if request_lookups.waiting_of(db, link.user_id) >= quota.waiting:
        return Refusal.WAITING
    until = sent_at(link, wall)
    for refusal, limit, seconds in (
        (Refusal.MINUTE, quota.a_minute, 60),
        (Refusal.HOUR, quota.an_hour, 3600),
        (Refusal.DAY, quota.a_day, 86_400),
    ):
        # Rows of a clock that was set back do not count against anybody.
        if request_lookups.sent_by(db, link.user_id, Wall(until - seconds), until) >= limit:
            return refusal
    return None


def sent_at(link: OpenRequest, wall: Wall) -> Wall:
    """When a link counts as sent: now if it has no date, or an impossible one."""
    date = wall if link.sent_at is None else Wall(link.sent_at)
    return date if 0 <= wall - date <= _LONGEST_ON_THE_WAY_S else wall


def tell_refusal(db: Database, link: OpenRequest, refusal: Refusal, wall: Wall) -> None:
    """Tell a person why a link is not accepted, unless they were told so a short time ago."""
    since = wall - _SILENCE_S.get(refusal, _USUAL_SILENCE_S)
    if not db.value(
        "SELECT 1 FROM jobs WHERE kind = 'reply' AND chat_id = ? AND user_id = ?"
        " AND created_at BETWEEN ? AND ? AND payload ->> '$.notices[0].about' = ?",
        link.chat_id,
        link.user_id,
        since,
        wall,
        refusal,
    ):
        reader = Reader(link.chat_id, link.language, link.thread_id)
        _add_reply(db, Reply(reader, link.message_id, (Notice(refusal),)), link.user_id, wall)


def tell_cancelled(db: Database, effect: CancelAll, cancelled: int, wall: Wall) -> None:
    """Say how many links a person has cancelled; nothing if they may have meant another bot."""
    notice = Notice(Topic.CANCELLED_ALL, {"count": cancelled})
    if not cancelled:
        notice = Notice(Topic.NOTHING_TO_CANCEL)
    if cancelled or effect.says_nothing_found:
        reply(db, Reply(effect.reader, effect.message_id, (notice,)), wall)


def reply(db: Database, message: Reply, wall: Wall) -> None:
    """Queue a reply, unless its reader is banned or has had enough of them for now."""
    chat_id = message.reader.chat_id
    if any(notice.about in _NOT_COUNTED for notice in message.notices):
        is_wanted = not _is_for_banned(db, chat_id)
    else:
        is_wanted = may_be_told(db, chat_id, wall)
    if is_wanted:
        _add_reply(db, message, None, wall)


def may_be_told(db: Database, chat_id: int, wall: Wall) -> bool:
    """Whether a chat may be sent one more message that answers no link."""
    said: int = db.value(
        "SELECT (SELECT count(*) FROM jobs WHERE kind = 'reply' AND chat_id = :chat_id"
        "  AND created_at BETWEEN :since AND :wall"
        "  AND coalesce(payload ->> '$.notices[0].about', '')"
        "   NOT IN (SELECT value FROM json_each(:not_counted)))"
        " + (SELECT count(*) FROM panels WHERE chat_id = :chat_id"
        "  AND opened_at BETWEEN :since AND :wall)",
        chat_id=chat_id,
        since=wall - 60,
        wall=wall,
        not_counted=json.dumps(sorted(_NOT_COUNTED)),
    )
    return said < REPLIES_A_MINUTE and not _is_for_banned(db, chat_id)


def _is_for_banned(db: Database, chat_id: int) -> bool:
    # The id of a private chat is that of its person; a group's stands for its anonymous admins.
    return chat_id > 0 and is_banned(db, chat_id)


def has_said(db: Database, message: Reply, since: Wall, wall: Wall) -> bool:
    """Whether the same reply to the same message waits or runs, or was sent since then."""
    return bool(
        db.value(
            "SELECT 1 FROM jobs WHERE kind = 'reply' AND chat_id = ?"
            " AND payload ->> '$.reply_to' = ? AND json(payload -> '$.notices') = json(?)"
            " AND (state IN ('waiting', 'running')"
            "  OR state = 'done' AND finished_at BETWEEN ? AND ?)",
            message.reader.chat_id,
            message.reply_to_id,
            json.dumps([to_json(notice) for notice in message.notices]),
            since,
            wall,
        )
    )


def is_banned(db: Database, user_id: int) -> bool:
    """Whether an admin has banned this person."""
    return bool(db.value("SELECT 1 FROM banned WHERE user_id = ?", user_id))


def bans(db: Database, limit: int) -> dict[int, Wall]:
    """Who is banned, `limit` at most, each with the wall time of the ban, the latest first."""
    rows = db.execute("SELECT * FROM banned ORDER BY since DESC, user_id LIMIT ?", limit)
    return {row["user_id"]: row["since"] for row in rows}


def count_bans(db: Database) -> int:
    """How many are banned."""
    return int(db.value("SELECT COUNT(*) FROM banned"))


def ban(db: Database, effect: Ban, wall: Wall) -> bool:
    """Ban a person, or lift the ban. Returns whether that changes anything."""
    if effect.is_banned:
        done = db.execute("INSERT OR IGNORE INTO banned VALUES (?, ?)", effect.user_id, wall)
    else:
        done = db.execute("DELETE FROM banned WHERE user_id = ?", effect.user_id)
    return done.rowcount > 0


def move_ban(db: Database, user_id: int, new_id: int) -> None:
    """Move the ban of a group's anonymous admins to the supergroup, if they are banned."""
    db.execute("UPDATE OR IGNORE banned SET user_id = ? WHERE user_id = ?", new_id, user_id)


def _add_reply(db: Database, message: Reply, user_id: int | None, wall: Wall) -> None:
    payload = reply_to_json(message)
    queue.add(
        db, Kind.REPLY, wall, chat_id=message.reader.chat_id, user_id=user_id, payload=payload
    )
