"""Whether links do worse since an update than before it; pure.

The rule, for the links that a new yt-dlp has downloaded or failed to: the update is taken back
once at least `MIN_FAILURES` of them have failed for what is not the affair of their people, twice
the share of the day before, and so many that by this share it would come by chance once in a
thousand looks; unless they are all of one person, and others send links as well. It is kept when,
after `TRIAL_S`, at least `TRIAL_LINKS` have come and that was not so, or after `LONGEST_S` however
few there were.
"""

import math
from enum import Enum, auto

from worker.ledger.past import TriedLinks

TRIAL_LINKS = 50
TRIAL_S = 1800.0
LONGEST_S = 86_400.0
BEFORE_S = 86_400.0
"""How far back the links are counted with which those since are compared."""

MIN_FAILURES = 5
FACTOR = 2.0
CHANCE = 0.001


class TrialVerdict(Enum):
    """What is to be done about an update on trial."""

    WATCH = auto()
    KEEP = auto()
    GO_BACK = auto()


def judge(before: TriedLinks, since: TriedLinks, lasted_s: float) -> TrialVerdict:
    """Decide about an update that has been in use for so long."""
    if is_worse(before, since):
        # The links of one person may all lead to a dead server of theirs.
        if since.failed_for >= min(2, max(before.people, since.people)):
            return TrialVerdict.GO_BACK
    elif since.links >= TRIAL_LINKS and lasted_s >= TRIAL_S:
        return TrialVerdict.KEEP
    return TrialVerdict.KEEP if lasted_s >= LONGEST_S else TrialVerdict.WATCH


def is_worse(before: TriedLinks, since: TriedLinks) -> bool:
    """Whether clearly more links fail than before."""
    if since.failed < MIN_FAILURES:
        return False
    # One failure and one success more: of few links before, not even none or all say much.
    share = (before.failed + 1) / (before.links + 2)
    is_more = since.failed / since.links >= FACTOR * share
    return is_more and _chance(since.links, since.failed, share) < CHANCE


def why(before: TriedLinks, since: TriedLinks) -> str:
    """The reason for going back, in words."""
    return (
        f"{since.failed} of {since.links} links failed, {before.failed} of {before.links} in the"
        " day before"
    )


def _chance(links: int, failed: int, share: float) -> float:
    """How likely at least so many failures are, if each link fails with this probability."""
    # By logarithms: of a thousand links, the combinations are no float any more.
    return math.fsum(
        math.exp(
            math.lgamma(links + 1)
            - math.lgamma(number + 1)
            - math.lgamma(links - number + 1)
            + number * math.log(share)
            + (links - number) * math.log1p(-share)
        )
        for number in range(failed, links + 1)
    )
