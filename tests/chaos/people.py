"""The people of a chaos run: who sends what when, decided by the seed, and what was sent."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.sandbox.api import BotApi
from tests.sandbox.world import Event

PEOPLE = range(101, 113)
GROUP = -100_500

PAUSE_S = 1.4
"""Between two deeds, on average: about two thirds of what two downloads at a time can do."""

# How often (of all links), and the path; `{n}` makes it a link that was not sent before.
_LINKS: tuple[tuple[int, str], ...] = (
    (30, "/clip/{n}.mp4"),
    (6, "/large.mp4?mb=1&n={n}"),
    (4, "/large.mp4?mb=6&n={n}"),
    (2, "/large.mp4?mb=15&n={n}"),
    (6, "/hls/master.m3u8?n={n}"),
    (3, "/hls-aes/master.m3u8?n={n}"),
    (6, "/dash/manifest.mpd?n={n}"),
    (6, "/audio.m4a?n={n}"),
    (3, "/audio.mp3?n={n}"),
    (5, "/redirect?to=/clip/{n}.mp4"),
    (4, "/page.html?n={n}"),
    (6, "/404.mp4?n={n}"),
    (4, "/403.mp4?n={n}"),
    (2, "/429.mp4?n={n}"),
    (8, "/slow/{n}.mp4?seconds=4"),
    (4, "/slow/{n}.mp4?seconds=9"),
    (2, "/stall.mp4?n={n}"),
    (3, "/truncated.mp4?n={n}"),
    (2, "/empty.mp4?n={n}"),
    (1, "/endless.mp4?n={n}"),
    (4, "/text.html?n={n}"),
    (3, "/flaky/{n}.mp4?fails=1"),
    (2, "/large.mp4?mb=60&n={n}"),
    # The same links again and again: known to the bot already, or on their way.
    (6, "/clip/everybody.mp4"),
    (2, "/hls/master.m3u8"),
)

_WORDS = (
    *("/start", "/help", "/nonsense", "hello", "🙂" * 50, "\u202eolleh", "a" * 4096),
    *("ftp://127.0.0.1/file", "javascript:alert(1)", "http://", "http://u:p@127.0.0.1/x"),
)

# Updates that no client would cause, and messages without a word in them.
_ODD_UPDATES: tuple[dict[str, Any], ...] = (
    {"message": {}},
    {"message": {"chat": "nobody", "from": [], "message_id": "one"}},
    {"callback_query": {"id": "1", "data": "cancel:999999999999999999999"}},
    {"message": {"message_id": 1, "text": None, "entities": {"type": "url"}}},
)


@dataclass(frozen=True)
class Deed:
    """What a person does at a moment of the run, in seconds from its start."""

    at_s: float
    person: int
    chat: int
    paths: tuple[str, ...] = ()
    words: str = ""
    update: int | None = None
    """Which of the odd updates."""
    press: float | None = None
    """Which of the Cancel buttons last seen: 0 is the oldest, 1 the newest."""


def plan(seed: int, seconds: float) -> list[Deed]:
    """All deeds of a run, by time; the same for the same seed."""
    dice = random.Random(f"people {seed}")
    deeds: list[Deed] = []
    now, number = 0.0, 0
    while (now := now + dice.expovariate(1 / PAUSE_S)) < seconds:
        person = dice.choice(PEOPLE)
        chat = GROUP if dice.random() < 0.2 else person
        kind = dice.random()
        if kind < 0.12:
            deeds.append(Deed(now, person, chat, press=dice.random()))
        elif kind < 0.2:
            deeds.append(Deed(now, person, person, words=dice.choice(_WORDS)))
        elif kind < 0.22:
            deeds.append(Deed(now, person, chat, update=dice.randrange(len(_ODD_UPDATES))))
        else:
            links = 1 if kind < 0.95 else dice.randrange(2, 6)
            paths = []
            for _ in range(links):
                number += 1
                paths.append(_path(dice, f"{seed}-{number}"))
            deeds.append(Deed(now, person, chat, tuple(dict.fromkeys(paths))))
            if kind > 0.88:
                crowd = dice.sample(PEOPLE, dice.randrange(2, 6))
                again = [Deed(now + dice.uniform(0, 3), p, p, tuple(paths[:1])) for p in crowd]
                deeds += [deed for deed in again if deed.at_s < seconds]
    return sorted(deeds, key=lambda deed: deed.at_s)


def _path(dice: random.Random, name: str) -> str:
    weights = [weight for weight, _ in _LINKS]
    return dice.choices(_LINKS, weights)[0][1].format(n=name)


@dataclass(frozen=True)
class Sent:
    """A message with links that a person sent."""

    chat: int
    message_id: int
    links: int


class People(threading.Thread):
    """Carries out a plan, and remembers what was sent."""

    def __init__(self, api: BotApi, site_url: str, deeds: list[Deed]) -> None:
        """The chats are opened; nothing is said before `start`."""
        super().__init__(name="people", daemon=True)
        self.sent: list[Sent] = []
        self.presses = 0
        self._api = api
        self._site_url = site_url
        self._deeds = deeds
        self._stopped = threading.Event()
        self._buttons: deque[tuple[int, int]] = deque(maxlen=10)
        for chat in (*PEOPLE, GROUP):
            api.open(chat)
        self._unsubscribe: Callable[[], None] = api.events.subscribe(self._look)

    def run(self) -> None:
        """Run the thread until the last deed."""
        start = time.monotonic()
        for deed in self._deeds:
            if self._stopped.wait(max(0.0, start + deed.at_s - time.monotonic())):
                break
            self._do(deed)
        self._unsubscribe()

    def stop(self) -> None:
        """Stop sending."""
        self._stopped.set()
        self.join()

    def _do(self, deed: Deed) -> None:
        if deed.paths:
            text = "\n".join(self._site_url + path for path in deed.paths)
            message_id = self._api.say(text, deed.chat, deed.person)
            self.sent.append(Sent(deed.chat, message_id, len(deed.paths)))
        elif deed.words:
            self._api.say(deed.words, deed.chat, deed.person)
        elif deed.update is not None:
            self._api.push(dict(_ODD_UPDATES[deed.update]))
        elif deed.press is not None and (seen := list(self._buttons)):
            chat, message_id = seen[int(deed.press * len(seen))]
            user = deed.person if chat == GROUP else chat
            try:
                self._api.press(chat, message_id, "Cancel", user)
            except LookupError:
                return  # It has become something else meanwhile.
            self.presses += 1

    def _look(self, event: Event) -> None:
        if event.kind == "message" and event.message and event.message.is_under_way:
            self._buttons.append((event.chat_id, event.message.message_id))
