"""Whether links do worse since an update than before it; pure.

The rule, for the links that a new yt-dlp has downloaded or failed to: the update is taken back
once at least `MIN_FAILURES` of them have failed for what is not the affair of their people, twice
the share of the day before, and so many that by this share it would come by chance once in a
thousand looks. It is kept when, after `TRIAL_S`, at least `TRIAL_LINKS` have come and that was not
so, or after `LONGEST_S` however few there were.
"""

import math
from dataclasses import dataclass
from enum import Enum, auto

TRIAL_LINKS = 50
TRIAL_S = 1800.0
LONGEST_S = 86_400.0
BEFORE_S = 86_400.0
"""How far back the links are counted with which those since are compared."""

MIN_FAILURES = 5
FACTOR = 2.0
CHANCE = 0.001


@dataclass(frozen=True)
class Count:
    """Links that were tried, and how many of them failed for what is not their people's affair."""

    links: int
    failed: int


class TrialVerdict(Enum):
    """What is to be done about an update on trial."""

    WATCH = auto()
    KEEP = auto()
    GO_BACK = auto()


def judge(before: Count, since: Count, lasted_s: float) -> TrialVerdict:
    """Decide about an update that has been in use for so long."""
    if is_worse(before, since):
        return TrialVerdict.GO_BACK
    is_enough = since.links >= TRIAL_LINKS and lasted_s >= TRIAL_S
    return TrialVerdict.KEEP if is_enough or lasted_s >= LONGEST_S else TrialVerdict.WATCH


def is_worse(before: Count, since: Count) -> bool:
    """Whether clearly more links fail than before."""
    if since.failed < MIN_FAILURES:
        return False
    # One failure and one success more: of few links before, not even none or all say much.
    share = (before.failed + 1) / (before.links + 2)
    is_more = since.failed / since.links >= FACTOR * share
    return is_more and _chance(since.links, since.failed, share) < CHANCE


def why(before: Count, since: Count) -> str:
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
