"""When an update of yt-dlp is taken back, kept or watched on: a table of counts."""

import pytest

from maintenance.updates import watch
from maintenance.updates.watch import LONGEST_S, TRIAL_S, TrialVerdict, decide
from worker.ledger.upkeep.past import TriedLinks

SOON, LATER = 60.0, TRIAL_S


def tried(links: int, failed: int, people: int = 9, failed_for: int = 9) -> TriedLinks:
    return TriedLinks(links, failed, people, failed_for)


MANY, FEW, NONE = tried(400, 8), tried(12, 0), tried(0, 0)
BAD_DAY = tried(400, 120)

CASES = [
    # before, after, lasted: what is done
    (MANY, tried(0, 0), SOON, TrialVerdict.WATCH),
    (MANY, tried(4, 4), SOON, TrialVerdict.WATCH),  # four may be anything
    (MANY, tried(5, 5), SOON, TrialVerdict.GO_BACK),
    (MANY, tried(15, 5), SOON, TrialVerdict.GO_BACK),  # each third link
    (MANY, tried(50, 17), SOON, TrialVerdict.GO_BACK),
    (MANY, tried(50, 2), SOON, TrialVerdict.WATCH),  # a rush is no reason to be done sooner
    (MANY, tried(50, 2), LATER, TrialVerdict.KEEP),
    (MANY, tried(49, 1), LATER, TrialVerdict.WATCH),
    (MANY, tried(49, 1), LONGEST_S, TrialVerdict.KEEP),
    (MANY, tried(0, 0), LONGEST_S, TrialVerdict.KEEP),  # nobody sends a link
    (MANY, tried(500, 12), LATER, TrialVerdict.KEEP),  # more links, the share of before
    (MANY, tried(500, 40), LATER, TrialVerdict.GO_BACK),
    (tried(1000, 2), tried(1100, 7), LATER, TrialVerdict.KEEP),  # of so many, more come by chance
    (tried(1000, 2), tried(20_000, 900), LATER, TrialVerdict.GO_BACK),
    (FEW, tried(6, 5), SOON, TrialVerdict.GO_BACK),
    (FEW, tried(15, 5), SOON, TrialVerdict.WATCH),  # of twelve links one might have failed as well
    (FEW, tried(40, 14), SOON, TrialVerdict.GO_BACK),
    (NONE, tried(9, 9), SOON, TrialVerdict.WATCH),  # nothing to compare with
    (NONE, tried(10, 10), SOON, TrialVerdict.GO_BACK),
    (NONE, tried(50, 20), LATER, TrialVerdict.KEEP),
    (BAD_DAY, tried(50, 17), LATER, TrialVerdict.KEEP),  # a third failed before, too
    (BAD_DAY, tried(50, 27), LATER, TrialVerdict.KEEP),  # more, and not twice as many
    (BAD_DAY, tried(50, 35), SOON, TrialVerdict.GO_BACK),
    (MANY, tried(50, 50, 1, 1), LATER, TrialVerdict.WATCH),  # one person's own dead server
    (MANY, tried(50, 50, 1, 1), LONGEST_S, TrialVerdict.KEEP),
    (NONE, tried(30, 20, 3, 1), LATER, TrialVerdict.WATCH),
    (MANY, tried(30, 20, 3, 2), SOON, TrialVerdict.GO_BACK),
    (tried(40, 1, 1, 1), tried(12, 9, 1, 1), SOON, TrialVerdict.GO_BACK),  # a bot for one
]


@pytest.mark.parametrize(("before", "after", "lasted_s", "verdict"), CASES)
def test_verdict(
    before: TriedLinks, after: TriedLinks, lasted_s: float, verdict: TrialVerdict
) -> None:
    assert decide(before, after, lasted_s) is verdict


def test_an_update_that_does_as_before_is_hardly_ever_taken_back() -> None:
    """Each look at each possible number of failures, weighed by how likely it is."""
    share = 0.05
    before = tried(400, 20)
    wrong = 0.0
    for links in range(5, watch.TRIAL_LINKS + 1):
        for failed in range(links + 1):
            if watch.is_worse(before, tried(links, failed)):
                exactly = watch._chance(links, failed, share) - watch._chance(
                    links, failed + 1, share
                )
                wrong += exactly
    # The sum over all looks is an upper bound.
    assert wrong < 0.05


def test_the_reason_can_be_read() -> None:
    said = watch.why(tried(200, 3), tried(15, 5))
    assert said == "5 of 15 links failed, 3 of 200 in the day before"
