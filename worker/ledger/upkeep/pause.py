"""The operator's pause, during which no download begins. A restart does not end it.

Each function is part of its caller's transaction.
"""

from worker.clocks import Wall
from worker.ledger.storage import state
from worker.ledger.storage.database import Database
from worker.protocol.notices import Topic

_NAME = "paused"


def since(db: Database) -> Wall | None:
    """When the pause began; None when there is none."""
    begun_at = state.document(db, _NAME).get("since")
    return None if begun_at is None else Wall(begun_at)


def begin(db: Database, wall: Wall) -> bool:
    """Begin the pause. Returns False if it has begun before."""
    is_new = since(db) is None
    if is_new:
        state.put_document(db, _NAME, {"since": wall})
    return is_new


def end(db: Database) -> bool:
    """End the pause. Returns False if there is none."""
    was_paused = since(db) is not None
    state.put_document(db, _NAME, {})
    return was_paused


def change(db: Database, wall: Wall, *, is_paused: bool) -> Topic:
    """Begin or end the pause. Returns what to say about it."""
    if is_paused:
        return Topic.PAUSED if begin(db, wall) else Topic.PAUSED_ALREADY
    return Topic.RESUMED if end(db) else Topic.NOT_PAUSED
