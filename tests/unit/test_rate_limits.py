"""Telegram's limits: which chats may be sent messages, and when."""

import pytest

from worker.clocks import Monotonic
from worker.dispatch.rate_limits import IN_ALL, IN_CHAT, IN_GROUP, Rate, RateLimits


def spend(rate_limits: RateLimits, chat: int, times: int, now: float = 0.0) -> None:
    for _ in range(times):
        rate_limits.spend(chat, Monotonic(now))


@pytest.mark.parametrize(("chat", "rate"), [(7, IN_CHAT), (-7, IN_GROUP)])
def test_chat_closes_after_a_burst_and_opens_by_its_rate(chat: int, rate: Rate) -> None:
    rate_limits = RateLimits()
    spend(rate_limits, chat, rate.burst - 1)
    assert rate_limits.closed_chats(Monotonic(0.0)) == []
    rate_limits.spend(chat, Monotonic(0.0))
    assert rate_limits.closed_chats(Monotonic(0.0)) == [chat]
    opening = rate_limits.next_opening(Monotonic(0.0))
    assert opening == rate.interval_s
    assert rate_limits.closed_chats(Monotonic(opening - 0.01)) == [chat]
    assert rate_limits.closed_chats(Monotonic(opening)) == []


@pytest.mark.parametrize(
    ("chat", "seconds", "most"), [(7, 60, 60 + IN_CHAT.burst), (-7, 60, 20 + IN_GROUP.burst)]
)
def test_no_chat_gets_more_than_telegram_lets_through(chat: int, seconds: int, most: int) -> None:
    rate_limits, calls = RateLimits(), 0
    for tenth in range(seconds * 10):
        if rate_limits.closed_chats(Monotonic(tenth / 10)) == []:
            rate_limits.spend(chat, Monotonic(tenth / 10))
            calls += 1
    assert most - IN_CHAT.burst <= calls <= most


def test_all_chats_close_when_the_bot_as_a_whole_is_too_fast() -> None:
    rate_limits = RateLimits()
    for chat in range(IN_ALL.burst):
        rate_limits.spend(chat, Monotonic(0.0))
    assert rate_limits.closed_chats(Monotonic(0.0)) is None
    opening = rate_limits.next_opening(Monotonic(0.0))
    assert rate_limits.closed_chats(Monotonic(opening)) == []


@pytest.mark.parametrize("edits", [True, False])
def test_flood_wait_closes_its_chat_to_its_kind_of_call(edits: bool) -> None:
    rate_limits = RateLimits()
    rate_limits.pause(7, 1200.0, Monotonic(0.0), edits=edits)
    rate_limits.spend(8, Monotonic(0.0))
    assert rate_limits.paused_chats(Monotonic(1199.9), edits=edits) == [7]
    assert rate_limits.paused_chats(Monotonic(1199.9), edits=not edits) == []
    assert rate_limits.next_opening(Monotonic(1199.9)) == 1200.0
    rate_limits.step(Monotonic(1200.0))
    assert rate_limits.paused_chats(Monotonic(1200.0), edits=edits) == []
    assert rate_limits.closed_chats(Monotonic(1200.0)) == []
    rate_limits.spend(7, Monotonic(1200.0))
    assert rate_limits.closed_chats(Monotonic(1200.0)) == [7], "it begins slowly"


def test_shorter_wait_does_not_end_a_longer_one() -> None:
    rate_limits = RateLimits()
    rate_limits.pause(7, 1200.0, Monotonic(0.0), edits=True)
    rate_limits.pause(7, 1.0, Monotonic(0.0), edits=True)
    rate_limits.spend(7, Monotonic(0.0))
    assert rate_limits.paused_chats(Monotonic(1199.0), edits=True) == [7]


def test_pause_that_is_over_opens_nothing_any_more() -> None:
    rate_limits = RateLimits()
    rate_limits.pause(7, 3.0, Monotonic(0.0), edits=True)
    assert rate_limits.next_opening(Monotonic(1.0)) == 3.0
    assert rate_limits.next_opening(Monotonic(10.0)) == float("inf")


def test_edits_wait_for_quiet() -> None:
    rate_limits = RateLimits()
    assert rate_limits.is_quiet(7, Monotonic(0.0))
    rate_limits.spend(7, Monotonic(0.0))
    assert not rate_limits.is_quiet(7, Monotonic(0.5))
    assert rate_limits.is_quiet(7, Monotonic(1.0))
    assert rate_limits.is_quiet(8, Monotonic(0.5))


def test_chats_that_owe_nothing_are_forgotten() -> None:
    rate_limits = RateLimits()
    for chat in range(1000):
        rate_limits.spend(chat, Monotonic(float(chat)))
    rate_limits.step(Monotonic(5000.0))
    assert rate_limits._paid_until == {}
