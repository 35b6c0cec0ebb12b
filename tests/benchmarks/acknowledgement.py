"""How long an update stays unconfirmed when everything is busy and Telegram is slow.

From the moment at which the stand-in has an update to give, to the `getUpdates` with a higher
offset. Meanwhile every worker is busy: downloads hang on slow links, uploads are held, and each
other call is answered two seconds later. The poll itself is answered at once: what Telegram
takes for that is not the bot's.
"""

import random
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.figures import millis, percentile
from tests.benchmarks.sides import NO_QUOTA, TIMEOUT_S, WholeBot, whole_bot
from tests.sandbox.api import BotApi
from tests.sandbox.faults import Call, Fault
from tests.sandbox.site import MediaSite

UPDATES = 400
RATE = 20.0
"""Updates a second, at random moments: they do not wait for each other."""

SLOW_S = 2.0
GOAL_MS = 100

DOWNLOADS, TELEGRAMS = 2, 4
PEOPLE = range(10_000, 10_040)
_UPLOADS = TELEGRAMS - 1
"""One telegram worker is never given an upload."""

_SLOW_CALLS = ("sendMessage", "editMessageText", "sendChatAction", "answerCallbackQuery")
_HELD_S = 600.0
_SEED = 6


def run(absolute: list[str], updates: int = UPDATES) -> Iterator[str]:
    """The lines of the report."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as directory, MediaSite() as site:
        home = Path(directory)
        env = {
            **NO_QUOTA,
            "DOWNLOAD_WORKERS": str(DOWNLOADS),
            "TELEGRAM_WORKERS": str(TELEGRAMS),
            "DOWNLOAD_TIMEOUT": "600",
            "DOWNLOAD_JOB_TIMEOUT": "600",
        }
        with whole_bot(home, env) as bot:
            watch = _Confirmations(bot.api)
            quiet = _measure(watch, [_chatter(n) for n in range(updates // 2)])
            _occupy(bot, site)
            busy = _measure(watch, [_update(site, n) for n in range(updates)])
            assert len(_unanswered(bot.api, "editMessageMedia")) == _UPLOADS, "not busy any more"
    p50, p99 = (percentile(busy, percent) * 1000 for percent in (50, 99))
    yield (
        f"acknowledged with all workers busy and Telegram slow: p50 takes"
        f" {p50 / percentile(quiet, 50) / 1000:.2f} what it takes when all is quiet,"
        f" p99 {p99 / percentile(quiet, 99) / 1000:.2f}"
    )
    yield f"  p99 is {p99 / GOAL_MS:.2f} of {GOAL_MS} ms"
    absolute.append(f"acknowledged, all busy: p50 {p50:.1f} ms, p99 {p99:.1f} ms, {millis(busy)}")
    absolute.append(
        f"acknowledged, all quiet: p50 {percentile(quiet, 50) * 1000:.1f} ms,"
        f" p99 {percentile(quiet, 99) * 1000:.1f} ms, {millis(quiet)}"
    )


class _Confirmations:
    """When updates became available, and when a poll confirmed them."""

    def __init__(self, api: BotApi) -> None:
        self._api = api
        self._polls: list[tuple[float, int]] = []
        self._changed = threading.Condition()
        api.on_call = self._look

    def push(self, update: dict[str, Any]) -> tuple[float, int]:
        """Make an update available; returns the time and its id."""
        now = time.perf_counter()
        update_id = self._api.push(update)
        assert update_id is not None
        return now, update_id

    def wait(self, pushed: list[tuple[float, int]]) -> list[float]:
        """Seconds from each to its confirmation, once all are confirmed."""
        last = pushed[-1][1]
        with self._changed:
            in_time = self._changed.wait_for(
                lambda: bool(self._polls) and self._polls[-1][1] > last, TIMEOUT_S
            )
            assert in_time, "updates are not confirmed"
            polls = iter(self._polls)
        times = []
        at, offset = next(polls)
        for available, update_id in pushed:
            while offset <= update_id:
                at, offset = next(polls)
            times.append(at - available)
        return times

    def _look(self, call: Call) -> None:
        now = time.perf_counter()
        if call.method == "getUpdates":
            with self._changed:
                self._polls.append((now, int(call.params.get("offset") or 0)))
                self._changed.notify_all()


def _measure(watch: _Confirmations, updates: list[dict[str, Any]]) -> list[float]:
    dice = random.Random(_SEED)
    pushed = []
    due = time.perf_counter()
    for update in updates:
        due += dice.expovariate(RATE)
        time.sleep(max(0.0, due - time.perf_counter()))
        pushed.append(watch.push(update))
    return watch.wait(pushed)


def _occupy(bot: WholeBot, site: MediaSite) -> None:
    """Keep every worker busy, and make Telegram slow."""
    for person in PEOPLE:
        bot.api.open(person)
    bot.api.faults.add(Fault("editMessageMedia", "slow", None, seconds=_HELD_S))
    for number, chat in enumerate(bot.strangers(_UPLOADS)):
        bot.send(f"{site.url}/clip/held-{number}.mp4", chat)
    bot.api.wait_for(lambda: len(_unanswered(bot.api, "editMessageMedia")) == _UPLOADS)
    for method in _SLOW_CALLS:
        bot.api.faults.add(Fault(method, "slow", None, seconds=SLOW_S))
    paths = [f"/slow/{number}.mp4" for number in range(DOWNLOADS)]
    for path, chat in zip(paths, bot.strangers(DOWNLOADS), strict=True):
        bot.send(f"{site.url}{path}?seconds={_HELD_S}", chat)
    bot.api.wait_for(lambda: all(site.hits(path) for path in paths))


def _unanswered(api: BotApi, method: str) -> list[Call]:
    return [call for call in api.calls if call.method == method and call.status is None]


# ----------------------------------------------------------------------------- the updates


def _chatter(number: int) -> dict[str, Any]:
    """A message between people in a group, which the bot ignores."""
    return _message(number, -100_500, "what do you think?", "supergroup")


def _update(site: MediaSite, number: int) -> dict[str, Any]:
    """Of five updates three are links, one is a word, and one presses a button."""
    person = PEOPLE[number % len(PEOPLE)]
    match number % 5:
        case 3:
            return _message(number, person, "hello")
        case 4:
            user = {"id": person, "is_bot": False, "first_name": "Ada"}
            query = {"id": str(number), "from": user, "chat_instance": "1", "data": "cancel:1"}
            return {"callback_query": query}
        case _:
            return _message(number, person, f"{site.url}/clip/new-{number}.mp4")


def _message(number: int, chat: int, text: str, kind: str = "private") -> dict[str, Any]:
    return {
        "message": {
            "message_id": 1_000_000 + number,
            "from": {"id": max(chat, 1), "is_bot": False, "first_name": "Ada"},
            "chat": {"id": chat, "type": kind},
            "date": int(time.time()),
            "text": text,
            "entities": [{"type": "url", "offset": 0, "length": len(text)}]
            if text.startswith("http")
            else [],
        }
    }
