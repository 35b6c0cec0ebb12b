"""Which sites refuse their cookies, as a document in the table `state`.

Each function is a part of somebody's transaction.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from worker.clocks import Wall
from worker.ledger import state
from worker.ledger.database import Database
from worker.site_cookies import CookiesTried

_NAME = "cookies"


@dataclass(frozen=True)
class Refused:
    """Since when a site has refused its cookies: wall time, and that of their file then."""

    since: float
    changed_ns: int


def note(db: Database, tried: CookiesTried, wall: Wall) -> None:
    """A download was tried with a site's cookies."""
    known = refused(db)
    before = known.pop(tried.site, None)
    if tried.is_refused:
        is_same = before and before.changed_ns == tried.changed_ns
        after = before if before and is_same else Refused(wall, tried.changed_ns)
        known[tried.site] = after
    if known.get(tried.site) != before:
        state.put_document(db, _NAME, {site: asdict(each) for site, each in known.items()})


def refused(db: Database) -> dict[str, Refused]:
    """The sites that refused the cookies which they were given last."""
    document: Mapping[str, Mapping[str, int]] = state.document(db, _NAME)
    return {site: Refused(**each) for site, each in document.items()}
