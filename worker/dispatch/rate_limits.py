"""How fast Telegram lets a bot send, chat by chat. Asked before each call; never waits.

Telegram's limits (Bots FAQ, "My bot is hitting limits"): about one message a second in a chat,
20 a minute in a group, 30 a second in all; short bursts are let through. What it says itself,
`retry_after` with a 429, counts for the chat that was meant and for no other, and for its kind of
call: new messages may have to wait while those that are there can be edited.

Each chat has the moment up to which its calls are paid for (the generic cell rate algorithm,
ITU-T I.371): a call moves it on by the interval, and a chat whose moment lies further ahead than
its burst allows is closed. Times are monotonic seconds.
"""

import math
from dataclasses import dataclass
from typing import TypeVar

from worker.clocks import Monotonic
from worker.errors import TelegramBusy

Key = TypeVar("Key")


@dataclass(frozen=True)
class Rate:
    """One call every `interval_s`, and `burst` of them at once after a silence."""

    interval_s: float
    burst: int

    @property
    def credit_s(self) -> float:
        """How far ahead calls may be paid for."""
        return self.interval_s * (self.burst - 1)


IN_CHAT = Rate(1.0, burst=10)
IN_GROUP = Rate(3.0, burst=10)
IN_ALL = Rate(1 / 30, burst=30)


class RateLimits:
    """Knows which chats a call may go to. Forgets a chat once all its calls are paid for."""

    def __init__(self) -> None:
        """Begin with every chat open."""
        self._paid_until: dict[int, Monotonic] = {}
        self._all_paid_until = Monotonic(0.0)
        self._paused_until: dict[tuple[int, bool], Monotonic] = {}
        self._undecorated_until: dict[int, Monotonic] = {}

    def spend(self, chat_id: int, now: Monotonic) -> None:
        """Count a call to this chat that is on its way."""
        rate = _rate(chat_id)
        paid_until = max(self._paid_until.get(chat_id, now), now)
        self._paid_until[chat_id] = Monotonic(paid_until + rate.interval_s)
        self._all_paid_until = Monotonic(max(self._all_paid_until, now) + IN_ALL.interval_s)

    def heed(
        self, chat_id: int | None, error: BaseException, now: Monotonic, *, edits: bool
    ) -> None:
        """Keep to the pause that Telegram has asked for in its answer to a failed call, if any."""
        if chat_id is not None and isinstance(error, TelegramBusy):
            self.pause(chat_id, error.retry_after_s, now, edits=edits)

    def heed_progress_call(self, chat_id: int, error: BaseException, now: Monotonic) -> None:
        """Keep to a pause that Telegram has asked for after a call that only shows progress.

        Only such calls wait then: they must never delay an answer.
        """
        if isinstance(error, TelegramBusy):
            self._undecorated_until[chat_id] = Monotonic(now + error.retry_after_s)

    def pause(self, chat_id: int, seconds: float, now: Monotonic, *, edits: bool) -> None:
        """Close a chat for edits, or for new messages, as long as Telegram has asked for."""
        call, until = (chat_id, edits), Monotonic(now + seconds)
        self._paused_until[call] = max(self._paused_until.get(call, until), until)

    def step(self, now: Monotonic) -> None:
        """End the pauses that are over, and forget the chats whose calls are all paid for.

        To be called before the questions that are asked at the same `now`.
        """
        for (chat_id, _), until in self._paused_until.items():
            if until <= now:
                # After a pause the chat does not get a burst of calls at once.
                paid = Monotonic(until + _rate(chat_id).credit_s)
                self._paid_until[chat_id] = max(self._paid_until.get(chat_id, paid), paid)
        self._paused_until = _still_due(self._paused_until, now)
        self._paid_until = _still_due(self._paid_until, now)
        self._undecorated_until = _still_due(self._undecorated_until, now)

    def paused_chats(self, now: Monotonic, *, edits: bool) -> list[int]:
        """The chats that no edit, or no new message, may go to now."""
        paused = _still_due(self._paused_until, now)
        return [chat_id for chat_id, of_edits in paused if of_edits is edits]

    def closed_chats(self, now: Monotonic) -> list[int] | None:
        """The chats that no call at all may go to now; None when that is all of them."""
        if self._all_paid_until - now > IN_ALL.credit_s:
            return None
        return [chat for chat, until in self._paid_until.items() if not _is_open(chat, until, now)]

    def is_quiet(self, chat_id: int, now: Monotonic) -> bool:
        """Whether an unimportant call may go without delaying the next answer."""
        if self._undecorated_until.get(chat_id, 0.0) > now:
            return False
        for edits in (True, False):
            if self._paused_until.get((chat_id, edits), -1.0) >= now:
                return False
        return self._paid_until.get(chat_id, 0.0) <= now and self._all_paid_until <= now

    def next_opening(self, now: Monotonic) -> Monotonic:
        """When the next chat opens that is closed or paused; infinity when none is."""
        if self._all_paid_until - now > IN_ALL.credit_s:
            return Monotonic(self._all_paid_until - IN_ALL.credit_s)
        openings = (
            Monotonic(until - _rate(chat).credit_s)
            for chat, until in self._paid_until.items()
            if not _is_open(chat, until, now)
        )
        ends_of_pauses = (until for until in self._paused_until.values() if until > now)
        return min([*openings, *ends_of_pauses], default=Monotonic(math.inf))


def _still_due(moments: dict[Key, Monotonic], now: Monotonic) -> dict[Key, Monotonic]:
    return {key: until for key, until in moments.items() if until > now}


def _rate(chat_id: int) -> Rate:
    return IN_GROUP if chat_id < 0 else IN_CHAT  # Groups and channels have negative ids.


def _is_open(chat_id: int, paid_until: Monotonic, now: Monotonic) -> bool:
    return paid_until - now <= _rate(chat_id).credit_s
