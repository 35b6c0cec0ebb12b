"""Whose turn it is: one person's many links do not delay another person's first.

Each request gets a turn when it is made: the turn that is being served, or the one after its
person's last, whichever is later. Jobs are taken by their turns. So the first links of everybody
come before anybody's second (start-time fair queueing: Goyal, Vin and Cheng, 1996), and nothing
has to be counted when a job is taken.

While a site may not be asked for more, the downloads of others go on, and their turns with them. A
new link of that site would then come after all that wait for it already, so for such a link the
lowest turn that waits for the site counts as the one being served.

A download that several people wait for has the earliest turn of theirs, and runs on the account of
the person whose turn that is. Each function is part of its caller's transaction.
"""

from collections.abc import Collection
from dataclasses import dataclass

from worker.ledger.storage import state
from worker.ledger.storage.database import Database
from worker.sites import site_of_url


@dataclass(frozen=True)
class RunningLimits:
    """How many downloads may run at a time on the account of one person, and of one chat.

    No further download of `full_sites` may begin.
    """

    of_user: int
    of_chat: int
    full_sites: frozenset[str] = frozenset()


NO_LIMIT = RunningLimits(2**31, 2**31)


def next_turn(db: Database, user_id: int, url: str = "", full_sites: Collection[str] = ()) -> int:
    """The turn of a new request of this person for a link.

    `full_sites` are as in `RunningLimits`.
    """
    served = state.number(db, "turn")
    if (site := site_of_url(url)) in full_sites:
        served = min(served, _lowest_turn(db, site, served))
    last: int | None = db.value(
        "SELECT max(turn) FROM requests WHERE user_id = ? AND answered_at IS NULL", user_id
    )
    return served if last is None else max(served, last + 1)


def _lowest_turn(db: Database, site: str, otherwise: int) -> int:
    """The lowest turn of the downloads that wait for a site.

    Downloads that wait for a stream to start, or for other recordings to end, do not count: they
    may wait for hours.
    """
    lowest: int = db.value(
        "SELECT coalesce(min(turn), ?) FROM jobs WHERE pool = 'downloads' AND state = 'waiting'"
        " AND kind != 'recording' AND payload ->> '$.form' != 'start'"
        " AND site_of_url(payload ->> '$.url') = ?",
        otherwise,
        site,
    )
    return lowest


def charge(db: Database, download_id: int | None) -> None:
    """Give a waiting download the turn and the account of the first person who waits for it."""
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
