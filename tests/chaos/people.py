"""The people of a chaos run: who sends what when, decided by the seed, and what was sent."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from tests.chaos.buttons import Button, SeenButtons
from tests.sandbox.api import BotApi

PEOPLE = range(101, 113)
GROUP = -100_500
BOT = "sandbox_bot"

PAUSE_S = 1.1
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
    (10, "/qualities/{n}/master.m3u8"),
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

_LISTS = ("/feed.xml?items=8&missing=3&n={n}", "/feed.xml?items=12&missing=2,5&n={n}")

# How often, what is asked of a link, and the link's path.
_INTENTS: tuple[tuple[int, str, str], ...] = (
    (4, "/info", "/qualities/{n}/master.m3u8"),
    (2, "/info", "/clip/{n}.mp4"),
    (1, "/info", "/404.mp4?n={n}"),
    (4, "/clip 0:01-0:02", "/clip/{n}.mp4"),
    (2, "/clip 0:01-0:02", "/hls/master.m3u8?n={n}"),
    (1, "/clip 0:50-0:55", "/clip/{n}.mp4"),
    (2, "/audio mp3", "/clip/{n}.mp4"),
)

# One that ends by itself after ten seconds, and one after forty.
_LIVE = ("/live/{n}.m3u8?pace=20", "/live/{n}.m3u8?pace=5")

_ENDS: tuple[tuple[int, Button | None], ...] = (
    (4, Button.STOP),
    (2, Button.CANCEL),
    (3, None),
)
"""How often, and by which button a recording is ended; None for none."""

COMMANDS = {"/queue": 3, "/cancel": 1}
"""Those without a link, and how often."""

_PRESSES: dict[Button, int] = {
    Button.CANCEL: 9,
    Button.SOUND: 4,
    Button.QUALITIES: 4,
    Button.QUALITY: 3,
    Button.MORE: 4,
    Button.CHOICE: 4,
    Button.BACK: 1,
    Button.TAKE: 5,
    Button.REST: 3,
    Button.AGAIN: 3,
    Button.PANEL: 2,
}
"""What is pressed, and how often."""

_THEN: dict[Button, tuple[tuple[Button, float], ...]] = {
    Button.QUALITIES: ((Button.QUALITY, 2.0),),
    Button.MORE: ((Button.CHOICE, 2.0),),
    Button.TAKE: ((Button.REST, 4.0), (Button.AGAIN, 20.0)),
}
"""What may be pressed next, and after how many seconds, on average."""

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
    intent: str = ""
    """The command before the link."""
    words: str = ""
    update: int | None = None
    """Which of the odd updates."""
    presses: tuple[Button, ...] = ()
    """What is pressed: the first of them that there is."""
    share: float = 0.0
    """Which of such buttons last seen: 0 is the oldest, just below 1 the newest."""
    times: int = 1
    """How often it is pressed, at once."""


def plan(seed: int, seconds: float) -> list[Deed]:
    """All deeds of a run, by time; the same for the same seed."""
    dice = random.Random(f"people {seed}")
    deeds: list[Deed] = []
    now, number = 0.0, 0
    while (now := now + dice.expovariate(1 / PAUSE_S)) < seconds:
        person = dice.choice(PEOPLE)
        chat = GROUP if dice.random() < 0.2 else person
        kind = dice.random()
        if kind < 0.3:
            deeds += _presses(dice, Deed(now, person, chat))
        elif kind < 0.35:
            deeds.append(Deed(now, person, person, words=dice.choice(_WORDS)))
        elif kind < 0.37:
            deeds.append(Deed(now, person, chat, update=dice.randrange(len(_ODD_UPDATES))))
        elif kind < 0.41:
            command = dice.choices(list(COMMANDS), list(COMMANDS.values()))[0]
            deeds.append(Deed(now, person, chat, words=command))
        elif kind < 0.43:
            number += 1
            deeds += _recording(dice, Deed(now, person, chat), f"{seed}-{number}")
        elif kind < 0.56:
            number += 1
            deeds.append(_intent(dice, Deed(now, person, chat), f"{seed}-{number}"))
        else:
            links = 1 if kind < 0.95 else dice.randrange(2, 6)
            paths = []
            for _ in range(links):
                number += 1
                paths.append(_path(dice, f"{seed}-{number}"))
            deeds.append(Deed(now, person, chat, tuple(dict.fromkeys(paths))))
            if kind > 0.88:
                crowd = dice.sample(PEOPLE, dice.randrange(2, 6))
                deeds += [Deed(now + dice.uniform(0, 3), p, p, tuple(paths[:1])) for p in crowd]
    in_time = (deed for deed in deeds if deed.at_s < seconds)
    return sorted(in_time, key=lambda deed: deed.at_s)


def _presses(dice: random.Random, deed: Deed) -> Iterator[Deed]:
    """A press, and what may follow on it."""
    order = {button: dice.random() ** (1 / weight) for button, weight in _PRESSES.items()}
    buttons = tuple(sorted(order, key=order.__getitem__, reverse=True))
    if buttons[0] is Button.CANCEL:
        buttons = buttons[:1]
    else:  # There is nearly always one to cancel with.
        buttons = tuple(button for button in buttons if button is not Button.CANCEL)
    times = 2 if dice.random() < 0.25 else 1
    yield replace(deed, presses=buttons, share=dice.random(), times=times)
    for button, pause_s in _THEN.get(buttons[0], ()):
        if dice.random() < 0.6:
            at_s = deed.at_s + dice.expovariate(1 / pause_s)
            yield replace(deed, at_s=at_s, presses=(button,), share=dice.uniform(0.7, 1))


def _intent(dice: random.Random, deed: Deed, name: str) -> Deed:
    """A list to take something of, or a link and what is wanted of it."""
    if dice.random() < 0.5:
        return replace(deed, paths=(dice.choice(_LISTS).format(n=name),))
    weights = [weight for weight, _, _ in _INTENTS]
    _, intent, path = dice.choices(_INTENTS, weights)[0]
    return replace(deed, paths=(path.format(n=name),), intent=intent)


def _recording(dice: random.Random, deed: Deed, name: str) -> Iterator[Deed]:
    """The link of a live stream, a press on what is offered for it, and how that is ended."""
    yield replace(deed, paths=(dice.choice(_LIVE).format(n=name),))
    record = replace(deed, at_s=deed.at_s + dice.uniform(4, 15), share=dice.uniform(0.8, 1))
    yield replace(record, presses=(Button.RECORD,), times=2 if dice.random() < 0.25 else 1)
    ends = dice.choices(_ENDS, [weight for weight, _ in _ENDS])[0][1]
    if ends:
        yield replace(record, at_s=record.at_s + dice.uniform(4, 15), presses=(ends,))


def _path(dice: random.Random, name: str) -> str:
    weights = [weight for weight, _ in _LINKS]
    return dice.choices(_LINKS, weights)[0][1].format(n=name)


@dataclass(frozen=True)
class Sent:
    """A message with links that a person sent."""

    chat: int
    message_id: int
    links: int
    voices: int = 1
    """How many of its answers may be voice messages; one more is one that came again."""


@dataclass(frozen=True)
class Pressed:
    """A button that a person pressed, by its message and its data."""

    chat: int
    message_id: int
    data: str
    user: int


class People(threading.Thread):
    """Carries out a plan, and remembers what was sent."""

    def __init__(self, api: BotApi, site_url: str, deeds: list[Deed]) -> None:
        """The chats are opened; nothing is said before `start`."""
        super().__init__(name="people", daemon=True)
        self.sent: list[Sent] = []
        self.commands: list[Sent] = []
        self.pressed: list[Pressed] = []
        self.presses: Counter[str] = Counter()
        self._api = api
        self._site_url = site_url
        self._deeds = deeds
        self._stopped = threading.Event()
        self._seen = SeenButtons()
        for chat in (*PEOPLE, GROUP):
            api.open(chat)
        self._unsubscribe: Callable[[], None] = api.events.subscribe(self._seen.look)

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
            links = "\n".join(self._site_url + path for path in deed.paths)
            text = f"{deed.intent} {links}" if deed.intent else links
            message_id = self._api.say(text, deed.chat, deed.person)
            self.sent.append(Sent(deed.chat, message_id, len(deed.paths)))
        elif deed.words:
            is_command = deed.words in COMMANDS
            # In a group one without a name may be meant for another bot.
            name = f"@{BOT}" if is_command and deed.chat == GROUP else ""
            message_id = self._api.say(deed.words + name, deed.chat, deed.person)
            if is_command:
                self.commands.append(Sent(deed.chat, message_id, 0))
        elif deed.update is not None:
            self._api.push(dict(_ODD_UPDATES[deed.update]))
        for button in deed.presses:
            if found := self._seen.find(button, deed.share):
                for _ in range(deed.times):
                    self._press(deed, button, *found)
                return

    def _press(self, deed: Deed, button: Button, chat: int, message_id: int, data: str) -> None:
        user = deed.person if chat == GROUP else chat
        try:
            self._api.press(chat, message_id, data, user)
        except LookupError:
            return  # It has become something else meanwhile.
        self.presses[button.value] += 1
        self.pressed.append(Pressed(chat, message_id, data, user))
