"""Whether more links fail after an update of yt-dlp than before it. Pure.

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


def decide(before: TriedLinks, after: TriedLinks, lasted_s: float) -> TrialVerdict:
    """Decide about an update that has been in use for `lasted_s` seconds."""
    if is_worse(before, after):
        # The links of one person may all lead to a dead server of theirs.
        if after.failed_for >= min(2, max(before.people, after.people)):
            return TrialVerdict.GO_BACK
    elif after.links >= TRIAL_LINKS and lasted_s >= TRIAL_S:
        return TrialVerdict.KEEP
    return TrialVerdict.KEEP if lasted_s >= LONGEST_S else TrialVerdict.WATCH


def is_worse(before: TriedLinks, after: TriedLinks) -> bool:
    """Whether clearly more links fail than before."""
    if after.failed < MIN_FAILURES:
        return False
    # One failure and one success are added, since a share of 0 or 1 among few links says little.
    share = (before.failed + 1) / (before.links + 2)
    is_more = after.failed / after.links >= FACTOR * share
    return is_more and _chance(after.links, after.failed, share) < CHANCE


def why(before: TriedLinks, after: TriedLinks) -> str:
    """The figures behind a decision, in words."""
    return (
        f"{after.failed} of {after.links} links failed, {before.failed} of {before.links} in the"
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
