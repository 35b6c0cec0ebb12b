"""Circuits: when a site's links are refused, and how the site is tried again."""

from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.clocks import Monotonic, Wall
from worker.dispatch import circuit_breaker
from worker.dispatch.circuit_breaker import (
    COOL_DOWN_S,
    FAILURES_TO_OPEN,
    LONGEST_COOL_DOWN_S,
    MAX_SITES,
    SPEAKS_OF_SITE,
    WINDOW_S,
    CircuitBreaker,
)
from worker.errors import Fault, JobError, Reason, Remedy
from worker.form import START
from worker.ledger import DownloadJob, LookJob, RecordingJob
from worker.pool.events import Event, Failed, Finished, Lost, Stopped, StopReason

SITE, OTHER_SITE = "site.example", "other.example"

WELL: Event = Finished(1, None)
CANCELLED: Event = Stopped(1, StopReason.STOPPED)
LOST: Event = Lost(1, -9)

_ids = count(1)


def failed(reason: Reason) -> Event:
    return Failed(1, JobError(reason, Fault.RETRYABLE), "")


DOWN = failed(Reason.SITE_ERROR)
GONE = failed(Reason.NOT_FOUND)


def a_download(user: int = 1, link: str = "a", site: str = SITE) -> DownloadJob:
    url = f"https://{site}/{link}"
    return DownloadJob(
        id=next(_ids), attempts=1, created_at=Wall(0), user_id=user, media_key=url, url=url
    )


def is_refused(known: CircuitBreaker, site: str = SITE) -> bool:
    return site in known.sites_down


def opened(now: float = 0.0) -> CircuitBreaker:
    """Circuits of which one has just opened."""
    known = CircuitBreaker()
    for number in range(FAILURES_TO_OPEN):
        known.learn(a_download(user=number, link=str(number)), DOWN, Monotonic(now))
    assert known.sites_down == {SITE: now + COOL_DOWN_S}
    return known


# ------------------------------------------------------------------------------ it opens

ANNA, BEN = 1, 2

# Who fails at which link, and how; and what comes of that.
ANNAS = [(ANNA, "a", DOWN), (ANNA, "b", DOWN), (ANNA, "c", DOWN)]
BENS = [(BEN, "d", DOWN), (BEN, "e", DOWN)]
HISTORIES: list[tuple[str, Sequence[tuple[int, str, Event]], bool]] = [
    ("two people's links", [*ANNAS, *BENS], True),
    ("one too few", [*ANNAS, *BENS[1:]], False),
    ("one of them again and again", [*ANNAS, *BENS[1:] * 9], False),
    (
        "one of two people's",
        [(BEN, "g", GONE), *((ANNA, link, DOWN) for link in "abcdefgh")],
        False,
    ),
    ("the only person's", [(ANNA, link, DOWN) for link in "abcde"], True),
    ("a success in between", [*ANNAS, (BEN, "w", WELL), *BENS], False),
    ("a dead link in between", [*ANNAS, (BEN, "g", GONE), *BENS], True),
]


@pytest.mark.parametrize(
    ("history", "is_down"),
    [pytest.param(history, is_down, id=name) for name, history, is_down in HISTORIES],
)
def test_circuit_opens_when_a_site_fails_for_everybody(
    history: Sequence[tuple[int, str, Event]], is_down: bool
) -> None:
    known = CircuitBreaker()
    for user, link, event in history:
        known.learn(a_download(user, link), event, Monotonic(0.0))
    assert is_refused(known) is is_down
    assert known.admit(a_download(), Monotonic(0.0)) is not is_down


@pytest.mark.parametrize("reason", Reason)
def test_circuit_opens_for_what_speaks_of_the_site_alone(reason: Reason) -> None:
    known = CircuitBreaker()
    for number in range(FAILURES_TO_OPEN):
        known.learn(a_download(number, str(number)), failed(reason), Monotonic(0.0))
    assert is_refused(known) is (reason in SPEAKS_OF_SITE)


@pytest.mark.parametrize("remedy", [None, *Remedy])
def test_old_cookies_alone_close_no_site(remedy: Remedy | None) -> None:
    known = CircuitBreaker()
    blocked = JobError(Reason.BLOCKED_HERE, Fault.OPERATOR, remedy=remedy)
    for number in range(FAILURES_TO_OPEN):
        known.learn(a_download(number, str(number)), Failed(1, blocked, ""), Monotonic(0.0))
    assert is_refused(known) is (remedy is not Remedy.NEW_COOKIES)


@pytest.mark.parametrize("event", [CANCELLED, LOST, Stopped(1, StopReason.TIMED_OUT), GONE])
def test_what_speaks_of_no_site_opens_nothing(event: Event) -> None:
    known = CircuitBreaker()
    for number in range(FAILURES_TO_OPEN):
        known.learn(a_download(number, str(number)), event, Monotonic(0.0))
    assert not known.sites_down


def test_failures_that_lie_far_apart_open_nothing() -> None:
    known = CircuitBreaker()
    for number in range(FAILURES_TO_OPEN * 3):
        known.learn(
            a_download(number, str(number)),
            DOWN,
            Monotonic(number * WINDOW_S / (FAILURES_TO_OPEN - 1.1)),
        )
    assert not known.sites_down


def test_one_sites_failures_say_nothing_of_another() -> None:
    known = CircuitBreaker()
    for number in range(FAILURES_TO_OPEN - 1):
        for site in (SITE, OTHER_SITE):
            known.learn(a_download(number, str(number), site), DOWN, Monotonic(0.0))
    assert not known.sites_down
    known.learn(a_download(), DOWN, Monotonic(0.0))
    assert list(known.sites_down) == [SITE]
    assert known.admit(a_download(site=OTHER_SITE), Monotonic(0.0))


def test_links_of_one_site_meet_whatever_name_they_go_by() -> None:
    known = CircuitBreaker()
    names = ("youtu.be", "www.youtube.com", "m.youtube.com", "youtube.com", "music.youtube.com")
    for number, name in enumerate(names):
        known.learn(a_download(number, str(number), name), DOWN, Monotonic(0.0))
    assert list(known.sites_down) == ["youtube.com"]


def test_tenants_of_one_provider_do_not_meet() -> None:
    known = CircuitBreaker()
    for number in range(FAILURES_TO_OPEN):
        site = f"tenant-{number}.github.io"
        known.learn(a_download(number, str(number), site), DOWN, Monotonic(0.0))
    assert not known.sites_down


# ---------------------------------------------------------------- it is tried, and closes


def test_one_probe_goes_after_the_cool_down_and_its_success_closes() -> None:
    known = opened()
    assert not known.admit(a_download(), Monotonic(COOL_DOWN_S - 0.1))
    probe = a_download()
    assert known.admit(probe, Monotonic(COOL_DOWN_S))
    assert not known.admit(a_download(), Monotonic(COOL_DOWN_S))
    known.learn(probe, WELL, Monotonic(COOL_DOWN_S + 1))
    assert not known.sites_down
    assert known.admit(a_download(), Monotonic(COOL_DOWN_S + 1))
    # All is forgotten: it takes as many failures as the first time.
    known.learn(a_download(), DOWN, Monotonic(COOL_DOWN_S + 2))
    assert not known.sites_down


def test_success_of_what_began_before_closes_as_well() -> None:
    known = opened()
    known.learn(a_download(), WELL, Monotonic(1.0))
    assert not known.sites_down


def test_each_failed_probe_doubles_the_cool_down_up_to_a_bound() -> None:
    known, now = opened(), 0.0
    waits = []
    for _ in range(8):
        now = known.sites_down[SITE]
        probe = a_download()
        assert known.admit(probe, Monotonic(now))
        known.learn(probe, DOWN, Monotonic(now))
        waits.append(known.sites_down[SITE] - now)
    assert waits[:4] == [120, 240, 480, 960]
    assert set(waits[4:]) == {LONGEST_COOL_DOWN_S}


def test_failure_of_what_began_before_prolongs_nothing() -> None:
    known = opened()
    known.learn(a_download(), DOWN, Monotonic(30.0))
    assert known.sites_down == {SITE: COOL_DOWN_S}


@pytest.mark.parametrize("event", [CANCELLED, LOST, GONE])
def test_probe_that_tells_nothing_makes_way_for_the_next(event: Event) -> None:
    known, probe = opened(), a_download()
    assert known.admit(probe, Monotonic(COOL_DOWN_S))
    known.learn(probe, event, Monotonic(COOL_DOWN_S + 1))
    assert is_refused(known)
    assert known.admit(a_download(), Monotonic(COOL_DOWN_S + 1))


def test_probe_that_is_never_heard_of_makes_way_after_a_while() -> None:
    known = opened()
    assert known.admit(a_download(), Monotonic(COOL_DOWN_S))
    assert not known.admit(a_download(), Monotonic(2 * COOL_DOWN_S - 0.1))
    assert known.admit(a_download(), Monotonic(2 * COOL_DOWN_S))


# --------------------------------------------------------------------------- who waits


def test_who_waits_for_the_site_is_refused_until_it_is_tried_again() -> None:
    known, now = opened(), Monotonic(COOL_DOWN_S - 0.1)
    waiting = a_download(site=f"www.{SITE}")
    assert known.refuses_any(now)
    assert known.refuses(waiting, now)
    assert not known.refuses(a_download(site=OTHER_SITE), now)
    assert not CircuitBreaker().refuses(waiting, now)
    later = Monotonic(COOL_DOWN_S)
    assert not known.refuses_any(later)
    assert not known.refuses(waiting, later), "one of them is the probe"


@pytest.mark.parametrize("is_recorded", [False, True])
def test_what_will_not_ask_the_site_soon_is_not_refused(is_recorded: bool) -> None:
    known, url = opened(), f"https://{SITE}/live"
    facts: dict[str, Any] = {
        "id": 1,
        "attempts": 1,
        "created_at": 0.0,
        "media_key": url,
        "url": url,
    }
    waiting = RecordingJob(**facts, has_begun=True) if is_recorded else LookJob(**facts, form=START)
    assert not known.refuses(waiting, Monotonic(0.0))


def test_site_that_nobody_asks_for_any_more_is_forgotten() -> None:
    known = opened()
    known.forget_old(Monotonic(COOL_DOWN_S + LONGEST_COOL_DOWN_S))
    assert is_refused(known)
    known.forget_old(Monotonic(COOL_DOWN_S + LONGEST_COOL_DOWN_S + 0.1))
    assert not is_refused(known)


# ------------------------------------------------------------------------------ bounds


def test_many_made_up_hosts_push_no_open_circuit_out() -> None:
    known = opened()
    for number in range(3 * MAX_SITES):
        known.learn(a_download(site=f"h{number}.example"), DOWN, Monotonic(1.0))
    assert len(known._sites) == MAX_SITES
    assert is_refused(known)


@pytest.mark.negative
def test_without_a_bound_made_up_hosts_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circuit_breaker, "MAX_SITES", 1 << 60)
    known = CircuitBreaker()
    for number in range(3 * MAX_SITES):
        known.learn(a_download(site=f"h{number}.example"), DOWN, Monotonic(1.0))
    assert len(known._sites) == 3 * MAX_SITES


OUTCOMES = [WELL, DOWN, failed(Reason.NETWORK), failed(Reason.STALLED), GONE, CANCELLED, LOST]
STEPS = st.lists(
    st.tuples(
        st.floats(0, 2 * COOL_DOWN_S),  # after so long
        st.integers(1, 3),  # this person
        st.sampled_from("abcdefg"),  # sends this link
        st.sampled_from([DOWN] * 30 + OUTCOMES),  # and this comes of it, mostly the first
    ),
    min_size=20,
    max_size=60,
)


@given(STEPS)
def test_whatever_happens_a_site_is_tried_again_in_time(
    steps: list[tuple[float, int, str, Event]],
) -> None:
    known, now = CircuitBreaker(), 0.0
    streak, seen = dict[str, int](), set[int]()
    for after_s, user, link, event in steps:
        now += after_s
        was_down = is_refused(known)
        job = a_download(user, link)
        if not known.admit(job, Monotonic(now)):
            # Refused for a bounded time, after which the very next one may go.
            assert now < known.sites_down[SITE] <= now + LONGEST_COOL_DOWN_S
            continue
        known.learn(job, event, Monotonic(now))
        seen.add(user)
        if event is WELL:
            streak = {}
        elif isinstance(event, Failed) and event is not GONE:
            streak.pop(link, None)
            streak[link] = user
        if is_refused(known) and not was_down:
            assert len(streak) >= FAILURES_TO_OPEN
            assert len(set([*streak.values()][-FAILURES_TO_OPEN:])) >= min(2, len(seen))
        if event is WELL:
            assert not is_refused(known)


@given(st.lists(st.tuples(st.floats(0, WINDOW_S), st.sampled_from("abcdefgh")), max_size=50))
def test_one_persons_bad_links_never_shut_a_site_that_serves_others(
    links: list[tuple[float, str]],
) -> None:
    known, now = CircuitBreaker(), 0.0
    known.learn(a_download(ANNA), WELL, Monotonic(now))
    for after_s, link in links:
        now += after_s
        known.learn(a_download(BEN, link), DOWN, Monotonic(now))
        assert not known.sites_down
        assert known.admit(a_download(ANNA), Monotonic(now))
