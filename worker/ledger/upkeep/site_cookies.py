"""What downloads have shown of the cookies of sites, as a document in the table `state`.

One link says little: its owner may turn everybody away. Cookies count as refused when
`REFUSALS_IN_A_ROW` different links in a row did not get in with them, or when the site has ended
their session.

Each function is part of its caller's transaction.
"""

import hashlib
from dataclasses import asdict, dataclass, replace

from worker.clocks import Wall
from worker.ledger.storage import state
from worker.ledger.storage.database import Database
from worker.protocol.site_cookies import CookiesTried

REFUSALS_IN_A_ROW = 3

_NAME = "cookies"


@dataclass(frozen=True)
class RefusedCookies:
    """Since when a site has refused its cookies, and the time of their file then."""

    since: Wall
    changed_ns: int


@dataclass(frozen=True)
class _History:
    """What the cookies of a file have done; `links` are digests of those refused in a row.

    `since` is when the first of these was refused.
    """

    since: Wall
    changed_ns: int
    links: tuple[str, ...] = ()
    has_worked: bool = False

    @property
    def is_refused(self) -> bool:
        return len(self.links) >= REFUSALS_IN_A_ROW


def note(db: Database, tried: CookiesTried, url: str, wall: Wall) -> bool:
    """Note how a link fared with a site's cookies. Returns whether they work, as far as known."""
    known = _histories(db)
    before = known.get(tried.site)
    history = before
    if history is None or history.changed_ns != tried.changed_ns:
        history = _History(wall, tried.changed_ns)
    if tried.is_refused:
        # A session that is over weighs as much as all of them.
        history = _refused_once_more(history, url, wall, REFUSALS_IN_A_ROW if tried.is_over else 1)
    else:
        history = _History(wall if history.links else history.since, tried.changed_ns, (), True)
    if history != before:
        known[tried.site] = history
        state.put_document(db, _NAME, {site: asdict(each) for site, each in known.items()})
    return history.has_worked and not history.is_refused


def _refused_once_more(history: _History, url: str, wall: Wall, weight: int) -> _History:
    link = hashlib.sha256(url.encode(errors="surrogatepass")).hexdigest()[:16]
    if history.is_refused or (link in history.links and weight == 1):
        return history
    since = history.since if history.links else wall
    links = (*history.links, *[link] * weight)
    return _History(since, history.changed_ns, links, history.has_worked)


def refused(db: Database) -> dict[str, RefusedCookies]:
    """The sites that refuse the cookies that they were given last."""
    return {
        site: RefusedCookies(each.since, each.changed_ns)
        for site, each in _histories(db).items()
        if each.is_refused
    }


def _histories(db: Database) -> dict[str, _History]:
    found = state.records(_History, state.document(db, _NAME))
    return {site: replace(each, links=tuple(each.links)) for site, each in found.items()}
