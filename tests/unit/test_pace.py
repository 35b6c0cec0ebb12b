"""How much of a site may be asked for: at a time, and in an hour."""

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.clocks import Monotonic
from worker.dispatch.pace import HOUR_S, Pace
from worker.dispatch.status.line import about
from worker.settings import Site, Sites

SITE = "a.example"
LINK = f"https://www.{SITE}/v"


def pace_of(
    links_per_hour: int | None = None, downloads: int | None = None, begun: Sequence[float] = ()
) -> Pace:
    site = Site(name=SITE, links_per_hour=links_per_hour, downloads=downloads)
    return Pace(Sites({SITE: site}), [(LINK, Monotonic(at)) for at in begun])


@given(
    most=st.integers(1, 5),
    gaps=st.lists(st.sampled_from([0.0, 1.0, 600.0, 1799.0, 3600.0]), max_size=40),
)
def test_no_hour_has_more_than_its_links(most: int, gaps: list[float]) -> None:
    pace, begun = pace_of(most), []
    for now in map(Monotonic, itertools.accumulate(gaps)):
        if not pace.full((), now):
            pace.begin(LINK, now)
            begun.append(now)
    assert all(later - first >= HOUR_S for first, later in zip(begun, begun[most:], strict=False))


@given(
    most=st.integers(1, 5),
    begun=st.lists(st.integers(0, 3599), max_size=8),
    ahead=st.integers(0, 20),
)
def test_the_wait_is_that_until_it_begins(most: int, begun: list[int], ahead: int) -> None:
    """As long as all before it begin as soon as they may; after a limit was lowered as well."""
    pace, now = pace_of(most, begun=begun), Monotonic(HOUR_S)
    told = pace.wait_s(SITE, ahead, now)
    for _ in range(ahead + 1):
        began = now = Monotonic(now + pace.wait_s(SITE, 0, now))
        assert not pace.full((), now)
        pace.begin(LINK, now)
    assert told == pytest.approx(began - HOUR_S)


@pytest.mark.parametrize(
    ("running", "is_full"),
    [
        ([], False),
        ([LINK], False),
        ([LINK, f"http://{SITE}:8080/b"], True),
        ([LINK, "https://a.example.org/b"], False),
    ],
)
def test_downloads_at_a_time(running: list[str], is_full: bool) -> None:
    assert pace_of(downloads=2).full(running, Monotonic(0.0)) == (
        {SITE: "downloads"} if is_full else {}
    )


def test_what_began_before_an_hour_does_not_count() -> None:
    pace = pace_of(1, begun=[-HOUR_S, -HOUR_S - 1.0])
    assert pace.full((), Monotonic(0.0)) == {}


@pytest.mark.parametrize("running", [[], [LINK]])
def test_what_is_spent_for_an_hour_is_said_rather_than_what_runs(running: list[str]) -> None:
    pace = pace_of(1, downloads=1, begun=[0.0])
    assert pace.full(running, Monotonic(0.0)) == {SITE: "links_per_hour"}


def test_a_site_without_a_limit_is_never_full() -> None:
    pace = pace_of()
    for _ in range(1000):
        pace.begin(LINK, Monotonic(0.0))
    assert pace.full([LINK] * 1000, Monotonic(0.0)) == {}
    assert pace.wait_s(SITE, 1000, Monotonic(0.0)) == 0.0


@pytest.mark.parametrize(
    ("wait_s", "told_s"),
    [
        (0.1, 60.0),
        (470.2 + 60.0 - 470.2, 60.0),
        (61.0, 120.0),
        (600.5, 900.0),
        (3590.0, 3600.0),
        (7201.0, 9000.0),
    ],
)
def test_a_wait_is_told_roughly(wait_s: float, told_s: float) -> None:
    assert about(wait_s) == told_s
