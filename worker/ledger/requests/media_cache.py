"""The tables `media`, `looks` and `links`: what need not be fetched again.

That is what Telegram has already, what looks have found, and which link leads to which media.

Each function is part of its caller's transaction.
"""

import json
import logging
from dataclasses import replace

from worker import protocol
from worker.clocks import Wall
from worker.ledger.storage.database import Database
from worker.protocol import as_json
from worker.protocol.looks import LIFE_S

log = logging.getLogger(__name__)

MAX_LOOKS = 1000
"""How many looks are remembered, of 10 kB each at the most."""

# An answer with one of these notes may be better another time.
_BETTER_LATER = frozenset(
    {
        *(protocol.Note.INCOMPLETE, protocol.Note.NO_SPONSORBLOCK),
        protocol.Note.NO_SUBTITLES_INSIDE,
    }
)


def use_link(db: Database, link_key: str, wall: Wall) -> str:
    """Note that a link is used, so that it is kept. Returns the key of the media behind it.

    That is the link's own key as long as its media is not known.
    """
    found = db.value(
        "UPDATE links SET used_at = ? WHERE link_key = ? RETURNING media_key", wall, link_key
    )
    return found or link_key


def connect(db: Database, link_key: str, media_key: str, wall: Wall) -> None:
    """Note which media a link has turned out to lead to."""
    db.execute("INSERT OR REPLACE INTO links VALUES (?, ?, ?)", link_key, media_key, wall)


def knows(db: Database, media_key: str | None, wall: Wall) -> bool:
    """Whether Telegram has this media; for a look, whether there was one lately."""
    return bool(
        db.value(
            "SELECT 1 FROM media WHERE media_key = ?"
            # Looks from the future are from before the clock was set back.
            " UNION ALL SELECT 1 FROM looks WHERE media_key = ? AND looked_at BETWEEN ? AND ?",
            media_key,
            media_key,
            wall - LIFE_S,
            wall,
        )
    )


def remember(
    db: Database,
    media_key: str,
    media: protocol.Media,
    sent: tuple[protocol.Delivered, ...],
    wall: Wall,
) -> None:
    """Keep Telegram's file ids for media, with the kinds that it made of the files.

    Nothing is kept unless every file has an id, nor of an answer that may be better another time: a
    part of a post, or media without its subtitles or without what SponsorBlock knows. Media that
    was sent by its ids is renewed, but does not come back if it was forgotten meanwhile, because of
    /fresh or because it was refused in another chat. The link is left out: it is one person's.
    """
    if all(file.file_id for file in media.files):
        db.execute("UPDATE media SET remembered_at = ? WHERE media_key = ?", wall, media_key)
        return
    files = []
    for file, delivered in zip(media.files, sent, strict=True):
        if not delivered.file_id or _depends_on_recipient(file, delivered):
            return
        facts = replace(file.facts, kind=delivered.kind or file.facts.kind)
        files.append(replace(file, file_id=delivered.file_id, facts=facts, source_url=""))
    if any(file.facts.note in _BETTER_LATER for file in files):
        return
    db.execute(
        "INSERT OR REPLACE INTO media VALUES (?, ?, ?)",
        media_key,
        json.dumps(as_json.media_to_json(replace(media, files=tuple(files)))),
        wall,
    )


def _depends_on_recipient(file: protocol.MediaFile, sent: protocol.Delivered) -> bool:
    """Whether the kind of a file depends on the person whom it was sent to.

    People can forbid voice messages, and then get a file.
    """
    voice = protocol.MediaKind.VOICE
    return file.facts.kind is voice and sent.kind is not voice


def remember_look(db: Database, media_key: str, media: protocol.Media, wall: Wall) -> None:
    """Keep what a look has found, and forget those that are too old or too many."""
    look = json.dumps(as_json.media_to_json(media))
    db.execute("INSERT OR REPLACE INTO looks VALUES (?, ?, ?)", media_key, look, wall)
    db.execute(
        "DELETE FROM looks WHERE looked_at NOT BETWEEN ? AND ? OR media_key IN"
        " (SELECT media_key FROM looks ORDER BY looked_at DESC LIMIT -1 OFFSET ?)",
        wall - LIFE_S,
        wall,
        MAX_LOOKS,
    )


def forget(db: Database, media_key: str) -> None:
    """Let media be downloaded again, or looked at."""
    db.execute("DELETE FROM media WHERE media_key = ?", media_key)
    db.execute("DELETE FROM looks WHERE media_key = ?", media_key)


def media_of(db: Database, media_key: str, download_id: int | None) -> protocol.Media | None:
    """The media for a request: what Telegram has, or else what its download has put on disk.

    None if that is gone, or was written by a newer bot in a way that cannot be read: then it is
    fetched again.
    """
    found = db.value(
        "SELECT media FROM media WHERE media_key = ?"
        " UNION ALL SELECT result FROM jobs WHERE id = ? AND state = 'done'"
        " UNION ALL SELECT look FROM looks WHERE media_key = ?",
        media_key,
        download_id,
        media_key,
    )
    try:
        return as_json.media_from_json(json.loads(found)) if found else None
    except (LookupError, TypeError, ValueError) as error:
        log.error("The media %s cannot be read, so it counts as gone: %r", media_key, error)
        return None
