"""When an update of yt-dlp is taken back, kept or watched on: a table of counts."""

import pytest

from maintenance.updates import watch
from maintenance.updates.watch import LONGEST_S, TRIAL_S, Count, TrialVerdict, judge

SOON, LATER = 60.0, TRIAL_S
MANY, FEW, NONE = Count(400, 8), Count(12, 0), Count(0, 0)
BAD_DAY = Count(400, 120)

CASES = [
    # before, since, lasted: what is done
    (MANY, Count(0, 0), SOON, TrialVerdict.WATCH),
    (MANY, Count(4, 4), SOON, TrialVerdict.WATCH),  # four may be anything
    (MANY, Count(5, 5), SOON, TrialVerdict.GO_BACK),
    (MANY, Count(15, 5), SOON, TrialVerdict.GO_BACK),  # each third link
    (MANY, Count(50, 17), SOON, TrialVerdict.GO_BACK),
    (MANY, Count(50, 2), SOON, TrialVerdict.WATCH),  # a rush is no reason to be done sooner
    (MANY, Count(50, 2), LATER, TrialVerdict.KEEP),
    (MANY, Count(49, 1), LATER, TrialVerdict.WATCH),
    (MANY, Count(49, 1), LONGEST_S, TrialVerdict.KEEP),
    (MANY, Count(0, 0), LONGEST_S, TrialVerdict.KEEP),  # nobody sends a link
    (MANY, Count(500, 12), LATER, TrialVerdict.KEEP),  # more links, the share of before
    (MANY, Count(500, 40), LATER, TrialVerdict.GO_BACK),
    (Count(1000, 2), Count(1100, 7), LATER, TrialVerdict.KEEP),  # of so many, more come by chance
    (Count(1000, 2), Count(20_000, 900), LATER, TrialVerdict.GO_BACK),
    (FEW, Count(6, 5), SOON, TrialVerdict.GO_BACK),
    (FEW, Count(15, 5), SOON, TrialVerdict.WATCH),  # of twelve links one might have failed as well
    (FEW, Count(40, 14), SOON, TrialVerdict.GO_BACK),
    (NONE, Count(9, 9), SOON, TrialVerdict.WATCH),  # nothing to compare with
    (NONE, Count(10, 10), SOON, TrialVerdict.GO_BACK),
    (NONE, Count(50, 20), LATER, TrialVerdict.KEEP),
    (BAD_DAY, Count(50, 17), LATER, TrialVerdict.KEEP),  # a third failed before, too
    (BAD_DAY, Count(50, 27), LATER, TrialVerdict.KEEP),  # more, and not twice as many
    (BAD_DAY, Count(50, 35), SOON, TrialVerdict.GO_BACK),
]


@pytest.mark.parametrize(("before", "since", "lasted_s", "verdict"), CASES)
def test_verdict(before: Count, since: Count, lasted_s: float, verdict: TrialVerdict) -> None:
    assert judge(before, since, lasted_s) is verdict


def test_an_update_that_does_as_before_is_hardly_ever_taken_back() -> None:
    """Each look at each possible number of failures, weighed by how likely it is."""
    share = 0.05
    before = Count(400, 20)
    wrong = 0.0
    for links in range(5, watch.TRIAL_LINKS + 1):
        for failed in range(links + 1):
            if watch.is_worse(before, Count(links, failed)):
                exactly = watch._chance(links, failed, share) - watch._chance(
                    links, failed + 1, share
                )
                wrong += exactly
    # The sum over all looks is an upper bound.
    assert wrong < 0.05


def test_the_reason_can_be_read() -> None:
    said = watch.why(Count(200, 3), Count(15, 5))
    assert said == "5 of 15 links failed, 3 of 200 in the day before"
