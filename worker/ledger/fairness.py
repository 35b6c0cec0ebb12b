"""Whose turn it is: one person's many links do not delay another person's first.

Each request gets a turn when it is made: the turn that is being served, or the one after its
person's last, whichever is later. Jobs are taken by their turns. So the first links of everybody
come before anybody's second (start-time fair queueing: Goyal, Vin and Cheng, 1996), and nothing
has to be counted when a job is taken.

A download that several people wait for has the earliest turn of theirs, and runs on the account
of the one whose turn that is. Each function is a part of somebody's transaction.
"""

from dataclasses import dataclass

from worker.ledger import state
from worker.ledger.database import Database


@dataclass(frozen=True)
class Share:
    """How many downloads may run at a time on the account of one person, and of one chat."""

    of_user: int
    of_chat: int


NO_LIMIT = Share(2**31, 2**31)


def next_turn(db: Database, user_id: int) -> int:
    """The turn of a new request of this person."""
    served = state.number(db, "turn")
    last: int | None = db.value(
        "SELECT max(turn) FROM requests WHERE user_id = ? AND answered_at IS NULL", user_id
    )
    return served if last is None else max(served, last + 1)


def charge(db: Database, download_id: int | None) -> None:
    """Give a waiting download the turn, and the account, of whoever is first among its people."""
    db.execute(
        "UPDATE jobs SET (turn, user_id, chat_id) ="
        " (SELECT turn, user_id, chat_id FROM requests WHERE download_id = jobs.id"
        "  AND answered_at IS NULL AND verdict IS NULL ORDER BY turn, id LIMIT 1)"
        " WHERE id = ? AND state = 'waiting' AND EXISTS"
        "  (SELECT 1 FROM requests WHERE download_id = jobs.id"
        "   AND answered_at IS NULL AND verdict IS NULL)",
        download_id,
    )


def serve(db: Database, turn: int) -> None:
    """Note that a download of this turn has been taken."""
    state.raise_number(db, "turn", turn)
