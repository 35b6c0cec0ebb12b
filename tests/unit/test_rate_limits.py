"""Telegram's limits: who may be spoken to, and when."""

import pytest

from worker.clocks import Monotonic
from worker.dispatch.rate_limits import IN_ALL, IN_CHAT, IN_GROUP, Rate, RateLimits


def spend(governor: RateLimits, chat: int, times: int, now: float = 0.0) -> None:
    for _ in range(times):
        governor.spend(chat, Monotonic(now))


@pytest.mark.parametrize(("chat", "rate"), [(7, IN_CHAT), (-7, IN_GROUP)])
def test_chat_closes_after_a_burst_and_opens_by_its_rate(chat: int, rate: Rate) -> None:
    governor = RateLimits()
    spend(governor, chat, rate.burst - 1)
    assert governor.closed_chats(Monotonic(0.0)) == []
    governor.spend(chat, Monotonic(0.0))
    assert governor.closed_chats(Monotonic(0.0)) == [chat]
    opening = governor.next_opening(Monotonic(0.0))
    assert opening == rate.interval_s
    assert governor.closed_chats(Monotonic(opening - 0.01)) == [chat]
    assert governor.closed_chats(Monotonic(opening)) == []


@pytest.mark.parametrize(
    ("chat", "seconds", "most"), [(7, 60, 60 + IN_CHAT.burst), (-7, 60, 20 + IN_GROUP.burst)]
)
def test_no_chat_gets_more_than_telegram_lets_through(chat: int, seconds: int, most: int) -> None:
    governor, calls = RateLimits(), 0
    for tenth in range(seconds * 10):
        if governor.closed_chats(Monotonic(tenth / 10)) == []:
            governor.spend(chat, Monotonic(tenth / 10))
            calls += 1
    assert most - IN_CHAT.burst <= calls <= most


def test_all_chats_close_when_the_bot_as_a_whole_is_too_fast() -> None:
    governor = RateLimits()
    for chat in range(IN_ALL.burst):
        governor.spend(chat, Monotonic(0.0))
    assert governor.closed_chats(Monotonic(0.0)) is None
    opening = governor.next_opening(Monotonic(0.0))
    assert governor.closed_chats(Monotonic(opening)) == []


def test_flood_wait_closes_its_chat_and_no_other() -> None:
    governor = RateLimits()
    governor.pause(7, 1200.0, Monotonic(0.0))
    governor.spend(8, Monotonic(0.0))
    assert governor.closed_chats(Monotonic(1199.9)) == [7]
    assert governor.next_opening(Monotonic(1199.9)) == 1200.0
    assert governor.closed_chats(Monotonic(1200.0)) == []


def test_shorter_wait_does_not_end_a_longer_one() -> None:
    governor = RateLimits()
    governor.pause(7, 1200.0, Monotonic(0.0))
    governor.pause(7, 1.0, Monotonic(0.0))
    governor.spend(7, Monotonic(0.0))
    assert governor.closed_chats(Monotonic(1199.0)) == [7]


def test_edits_wait_for_quiet() -> None:
    governor = RateLimits()
    assert governor.is_quiet(7, Monotonic(0.0))
    governor.spend(7, Monotonic(0.0))
    assert not governor.is_quiet(7, Monotonic(0.5))
    assert governor.is_quiet(7, Monotonic(1.0))
    assert governor.is_quiet(8, Monotonic(0.5))


def test_chats_that_owe_nothing_are_forgotten() -> None:
    governor = RateLimits()
    for chat in range(1000):
        governor.spend(chat, Monotonic(float(chat)))
    governor.closed_chats(Monotonic(5000.0))
    assert governor._paid_until == {}
