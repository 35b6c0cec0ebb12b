"""Whether more links fail since an update of yt-dlp than before it; pure.

Only links that a download was tried for count. A failure counts unless it lies in the link or its
chat, in Telegram, or in a full disk. The update is taken back once

- at least `MIN_FAILURES` links have failed,
- their share is at least `FACTOR` times the share of the day before,
- so many failures would come by chance in less than `CHANCE` of all looks, and
- they are not all from one person while others send links as well.

It is kept if that has not happened after `TRIAL_S` and `TRIAL_LINKS` links, or after `LONGEST_S`
however few links there were.
"""

import math
from enum import Enum, auto

from worker.ledger.upkeep.past import TriedLinks

TRIAL_LINKS = 50
TRIAL_S = 1800.0
LONGEST_S = 86_400.0
BEFORE_S = 86_400.0
"""Links of this long before the update are compared with the later ones."""

MIN_FAILURES = 5
FACTOR = 2.0
CHANCE = 0.001


class TrialVerdict(Enum):
    """What is to be done about an update on trial."""

    WATCH = auto()
    KEEP = auto()
    GO_BACK = auto()


def judge(before: TriedLinks, since: TriedLinks, lasted_s: float) -> TrialVerdict:
    """Decide about an update that has been in use for `lasted_s` seconds."""
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
    # One failure and one success are added, since a share of 0 or 1 among few links says little.
    share = (before.failed + 1) / (before.links + 2)
    is_more = since.failed / since.links >= FACTOR * share
    return is_more and _chance(since.links, since.failed, share) < CHANCE


def why(before: TriedLinks, since: TriedLinks) -> str:
    """The figures behind a decision, in words."""
    return (
        f"{since.failed} of {since.links} links failed, {before.failed} of {before.links} in the"
        " day before"
    )


def _chance(links: int, failed: int, share: float) -> float:
    """The probability of at least `failed` failures if each link fails with probability `share`."""
    # By logarithms: for a thousand links, the number of combinations exceeds a float.
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
