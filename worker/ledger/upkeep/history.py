"""What has become of the links of the last month, one by one and in groups, for the operator.

Each function is part of its caller's transaction, and changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from worker.clocks import Wall
from worker.ledger.storage.database import Database
from worker.sites import names_of


class By(StrEnum):
    """What answered links are grouped by."""

    SITE = "site"
    USER = "user"
    DAY = "day"
    REASON = "reason"


@dataclass(frozen=True)
class RequestFilter:
    """Which requests are asked about: those that match every field that is not None.

    `failed`: those answered with a sentence, or not at all.
    """

    user_id: int | None = None
    site: str | None = None
    since: Wall | None = None
    failed: bool = False


@dataclass(frozen=True)
class PastRequest:
    """A link, and what it came to; `verdict` None: nothing yet, and so no figures.

    `site` is empty for a person who has asked to be forgotten. Figures are those of
    `worker.ledger.requests.answers.Answer`, and None for links that an older version has answered.
    """

    id: int
    user_id: int
    chat_id: int
    created_at: Wall
    answered_at: Wall | None
    site: str
    form: str
    verdict: str | None
    reason: str | None
    error_id: str | None
    download_id: int | None
    is_remembered: bool | None
    media_bytes: int | None
    waited_s: float | None
    downloaded_s: float | None
    uploaded_s: float | None
    attempts: int | None


@dataclass(frozen=True)
class Group:
    """Answered links that have `key` in common; `seconds` is what one took on average."""

    key: str
    links: int
    media: int
    remembered: int
    failed: int
    cancelled: int
    media_bytes: int
    seconds: float


_FAILED = "verdict IN ('sentence', 'unreachable')"
# A link up to its path, and so with its whole host. Only Python knows which site that is; a million
# links have few different hosts, so it is asked once for each.
_ORIGIN = "substr(url, 1, 8 + instr(substr(url || '/', 9), '/'))"
_WHICH = f"""
    FROM requests WHERE coalesce(user_id = :user_id, 1)
        AND (NOT :failed OR answered_at IS NOT NULL AND {_FAILED})
"""
_KEYS = {
    By.SITE: _ORIGIN,
    By.USER: "CAST(user_id AS TEXT)",
    By.DAY: "strftime('%Y-%m-%d', answered_at, 'unixepoch', 'localtime')",
    By.REASON: "coalesce(reason, verdict)",
}
_NAMES = {By.SITE: "site_of_link(key)"}
"""What a group is called, where that is not its key."""
_ORDERS = {By.DAY: "key DESC"}
_LARGEST_FIRST = "links DESC, key"


def newest(db: Database, which: RequestFilter, limit: int) -> list[PastRequest]:
    """The requests that were made last, the newest first."""
    requests, parameters = _asked(which)
    rows = db.execute(
        "SELECT id, user_id, chat_id, created_at, answered_at, site_of_link(url) AS site, form,"
        " iif(answered_at IS NULL, NULL, verdict) AS verdict, reason, error_id, download_id,"
        " is_remembered, media_bytes, waited_s, downloaded_s, uploaded_s, attempts"
        f" {requests} AND created_at >= coalesce(:since, created_at) ORDER BY id DESC LIMIT :limit",
        **parameters,
        limit=limit,
    )
    return [_read(row) for row in map(dict, rows)]


def _read(row: dict[str, Any]) -> PastRequest:
    remembered = row["is_remembered"]
    return PastRequest(**{**row, "is_remembered": None if remembered is None else bool(remembered)})


def count(db: Database, which: RequestFilter) -> int:
    """How many requests match."""
    requests, parameters = _asked(which)
    number: int = db.value(
        f"SELECT count(*) {requests} AND created_at >= coalesce(:since, created_at)", **parameters
    )
    return number


def groups(db: Database, by: By, which: RequestFilter) -> list[Group]:
    """Answered requests in groups: the newest days, or else the largest groups, first."""
    requests, parameters = _asked(which)
    rows = db.execute(
        f"SELECT {_NAMES.get(by, 'key')} AS key, sum(links) AS links, sum(media) AS media,"  # noqa: S608 - made of constants
        " sum(remembered) AS remembered, sum(failed) AS failed, sum(cancelled) AS cancelled,"
        " sum(media_bytes) AS media_bytes,"
        " coalesce(sum(seconds) / nullif(sum(timed), 0), 0.0) AS seconds"
        f" FROM (SELECT {_KEYS[by]} AS key, count(*) AS links, total(verdict = 'media') AS media,"
        " total(verdict = 'media' AND is_remembered) AS remembered,"
        f" total({_FAILED}) AS failed, total(verdict = 'cancelled') AS cancelled,"
        " total(media_bytes) AS media_bytes,"
        " total(waited_s + downloaded_s + uploaded_s) AS seconds,"
        " count(waited_s + downloaded_s + uploaded_s) AS timed"
        f" {requests} AND answered_at >= coalesce(:since, 0) GROUP BY 1)"
        f" GROUP BY 1 ORDER BY {_ORDERS.get(by, _LARGEST_FIRST)}",
        **parameters,
    )
    return [_read_group(dict(row)) for row in rows]


def _read_group(row: dict[str, Any]) -> Group:
    # SQLite's totals are no whole numbers.
    counts = {name: int(row[name]) for name in row if name not in ("key", "seconds")}
    return Group(key=row["key"], seconds=row["seconds"], **counts)


def _asked(which: RequestFilter) -> tuple[str, Mapping[str, Any]]:
    """The condition for the requests that are meant, as a part of a SELECT, and its parameters."""
    parameters = {name: getattr(which, name) for name in RequestFilter.__dataclass_fields__}
    if which.site is None:
        return _WHICH, parameters
    # Python is asked only about links in which SQLite has found a name of the site: a call costs
    # ten times as much as the search.
    names = {f"name_{number}": name for number, name in enumerate(names_of(which.site))}
    is_named = " OR ".join(f"instr(url, :{parameter})" for parameter in names)
    is_of_site = "(site_of_url(url) = :site OR site_of_link(url) = :site)"
    return f"{_WHICH} AND ({is_named}) AND {is_of_site}", {**parameters, **names}
