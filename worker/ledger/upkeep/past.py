"""What has become of links in some time, of everybody or of one person.

Each function is part of its caller's transaction.
"""

import collections
import math
from collections.abc import Mapping
from dataclasses import dataclass

from worker.clocks import Wall
from worker.errors import Reason
from worker.ledger.requests import admission
from worker.ledger.storage.database import Database
from worker.sites import site_of_link

NO_END = Wall(math.inf)

_NAMED_SITES = 3
_NOT_OF_DOWNLOADS = frozenset(
    {Reason.DISK_FULL, Reason.UPLOAD_REFUSED, Reason.TELEGRAM_FAILS, Reason.SITE_DOWN}
)


@dataclass(frozen=True)
class PastAnswers:
    """The links that were answered in some time.

    `failed` counts those that got no media, by site and reason, the most frequent first;
    `links_own` of them lie in the link or its chat. `slowest_s` is the longest time from a link to
    its media, and `slowest_site` where that was.
    """

    links: int
    media: int
    people: int
    failed: Mapping[tuple[str, Reason], int]
    links_own: int
    slowest_s: float
    slowest_site: str


@dataclass(frozen=True)
class Person:
    """What the ledger still knows of a person.

    `sites` are those of most of their links, except for links that were forgotten.
    """

    links: int
    links_of_day: int
    media: int
    waiting: int
    last_seen: Wall | None
    sites: tuple[str, ...]
    is_banned: bool


def read(db: Database, since: Wall, until: Wall) -> PastAnswers:
    """What the links came to that were answered between two times."""
    links, media, people = db.execute(
        "SELECT count(*), total(verdict = 'media'), count(DISTINCT user_id) FROM requests"
        " WHERE answered_at BETWEEN ? AND ? AND verdict IN ('media', 'sentence')",
        since,
        until,
    ).fetchone()
    slowest = db.execute(
        "SELECT answered_at - created_at, url FROM requests"
        " WHERE answered_at BETWEEN ? AND ? AND verdict = 'media' ORDER BY 1 DESC LIMIT 1",
        since,
        until,
    ).fetchone() or (0.0, "")
    failed = failures(db, since, until)
    own = [number for (_, reason), number in failed.items() if is_links_own(reason)]
    return PastAnswers(
        links,
        int(media),
        people,
        failed,
        sum(own),
        max(0.0, slowest[0]),
        site_of_link(slowest[1]) if slowest[1] else "",
    )


def failures(db: Database, since: Wall, until: Wall = NO_END) -> Mapping[tuple[str, Reason], int]:
    """Links that were answered with a sentence, by site and reason, the most frequent first."""
    rows = db.execute(
        "SELECT url, reason, count(*) AS links FROM requests WHERE answered_at BETWEEN ? AND ?"
        " AND verdict = 'sentence' AND reason IS NOT NULL GROUP BY url, reason",
        since,
        until,
    )
    counts: collections.Counter[tuple[str, Reason]] = collections.Counter()
    for row in rows:
        counts[site_of_link(row["url"]), Reason.known(row["reason"])] += row["links"]
    return dict(counts.most_common())


@dataclass(frozen=True)
class TriedLinks:
    """Links that were answered after a download of their own, and how many of them failed.

    Failures that lie in the link or its chat, in Telegram, or in a full disk do not count as
    failed. Links that got what Telegram has already, or were not tried, are left out. `people` is
    how many people sent them, `failed_for` for how many of these at least one failed.
    """

    links: int
    failed: int
    people: int
    failed_for: int


def tried(db: Database, since: Wall, until: Wall = NO_END) -> TriedLinks:
    """The links that were tried, and answered between two times."""
    rows = db.execute(
        "SELECT user_id, verdict, reason, count(*) AS links FROM requests"
        " WHERE answered_at BETWEEN ? AND ?"
        " AND verdict IN ('media', 'sentence') AND attempts > 0 AND NOT coalesce(is_remembered, 0)"
        " GROUP BY user_id, verdict, reason",
        since,
        until,
    ).fetchall()
    failed = [
        row
        for row in rows
        if row["verdict"] == "sentence"
        and row["reason"]
        and not _is_elsewhere(Reason.known(row["reason"]))
    ]
    return TriedLinks(
        links=sum(row["links"] for row in rows),
        failed=sum(row["links"] for row in failed),
        people=len({row["user_id"] for row in rows}),
        failed_for=len({row["user_id"] for row in failed}),
    )


def _is_elsewhere(reason: Reason) -> bool:
    return is_links_own(reason) or reason in _NOT_OF_DOWNLOADS


def is_links_own(reason: Reason) -> bool:
    """Whether a failure lies in the link or its chat, and says nothing about the bot."""
    return reason.lies_in_link or reason.lies_in_chat


def about(db: Database, user_id: int, wall: Wall) -> Person:
    """What the ledger still knows of a person, at the time `wall`."""
    row = db.execute(
        "SELECT count(*), total(created_at > ?), total(verdict = 'media'),"
        " total(answered_at IS NULL), max(created_at) FROM requests WHERE user_id = ?",
        wall - 86_400,
        user_id,
    ).fetchone()
    urls = db.execute(
        "SELECT url, count(*) FROM requests WHERE user_id = ? AND NOT is_forgotten GROUP BY url",
        user_id,
    )
    sites: collections.Counter[str] = collections.Counter()
    for url, number in urls:
        sites[site_of_link(url)] += number
    return Person(
        links=row[0],
        links_of_day=int(row[1]),
        media=int(row[2]),
        waiting=int(row[3]),
        last_seen=row[4],
        sites=tuple(site for site, _ in sites.most_common(_NAMED_SITES)),
        is_banned=admission.is_banned(db, user_id),
    )
