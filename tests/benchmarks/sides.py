"""What is compared: the plain yt-dlp command, and the whole bot on the sandbox."""

import itertools
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.sandbox.api import BotApi
from tests.sandbox.blobs import padded
from tests.sandbox.bot_process import BotProcess
from tests.sandbox.clips import SAMPLE
from tests.sandbox.world import Event

TIMEOUT_S = 120.0
SMALL_BYTES = 150 * 1024

Link = tuple[int, int]
"""A message with one link: its chat and its id there."""

# For measurements in which one person sends more than a person may.
NO_QUOTA = {
    "USER_LINKS_PER_MINUTE": "100000",
    "USER_LINKS_PER_HOUR": "100000",
    "USER_LINKS_PER_DAY": "100000",
    "USER_MAX_WAITING": "10000",
}


def make_padded(path: Path, size: int) -> None:
    """A valid MP4 of so many bytes."""
    path.write_bytes(b"".join(padded(SAMPLE.read_bytes(), size).read(0, size)))


def alternate(
    url: str, sides: Mapping[str, Callable[[str], float]], rounds: int
) -> dict[str, list[float]]:
    """Seconds of each side for `url`. They take turns, and each begins as often."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    order = list(sides)
    for number in range(rounds + 1):
        order.reverse()
        for name in order:
            # A link that is new to the bot, which would know an old one.
            took_s = sides[name](f"{url}?{name}={number}")
            if number:  # the first fills the caches of disk and server
                times[name].append(took_s)
    return times


# ------------------------------------------------------------------------ the plain command


def plain_command(directory: Path) -> list[str]:
    """The command that downloads into `directory`; a link is to be added."""
    return [
        *(sys.executable, "-m", "yt_dlp", "--ignore-config", "--quiet", "--no-warnings"),
        *("--no-cache-dir", "--merge-output-format", "mp4", "--paths", os.fspath(directory)),
    ]


def plain(url: str, home: Path) -> float:
    """Seconds of the plain command for one link."""
    with tempfile.TemporaryDirectory(dir=home) as directory:
        started = time.perf_counter()
        subprocess.run([*plain_command(Path(directory)), url], check=True, timeout=TIMEOUT_S)
        took_s = time.perf_counter() - started
        assert any(Path(directory).iterdir()), f"nothing was downloaded from {url}"
        return took_s


# --------------------------------------------------------------------------- the whole bot


class WholeBot:
    """The bot on the sandbox, with the times of each link and its media."""

    def __init__(self, api: BotApi) -> None:
        """The chats are watched from now on."""
        self.api = api
        self._chats = itertools.count(1)
        self._sent: dict[Link, float] = {}
        self._answered: dict[Link, float] = {}
        self._sentences: deque[str] = deque()
        self._changed = threading.Condition()
        api.events.subscribe(self._look)

    def strangers(self, number: int) -> list[int]:
        """Ids of new chats."""
        return list(itertools.islice(self._chats, number))

    def send(self, url: str, chat: int) -> Link:
        """A person sends a link."""
        now = time.perf_counter()
        link = chat, self.api.say(url, chat)
        self._sent[link] = now
        return link

    def press(self, chat: int, message_id: int, button: str) -> Link:
        """A person presses a button below a message; returns what the media will be a reply to."""
        link = chat, message_id
        self._sent[link] = time.perf_counter()
        self.api.press(chat, message_id, button)
        return link

    def wait(self, links: list[Link], timeout_s: float = TIMEOUT_S) -> list[float]:
        """Seconds from each of these messages to the media in its chat, once all have theirs."""

        def over() -> bool:
            return bool(self._sentences) or all(link in self._answered for link in links)

        with self._changed:
            in_time = self._changed.wait_for(over, timeout_s)
            assert not self._sentences, self._sentences[0]
            left = sum(link not in self._answered for link in links)
            assert in_time, f"{left} links have no media after {timeout_s} s"
        return [self._answered[link] - self._sent[link] for link in links]

    def fetch(self, url: str) -> float:
        """Seconds from a person's message to the media in a chat where nobody has written yet."""
        (chat,) = self.strangers(1)
        (took_s,) = self.wait([self.send(url, chat)])
        return took_s

    def _look(self, event: Event) -> None:
        message = event.message
        if message is None or not message.from_bot or message.is_under_way or not message.reply_to:
            return
        with self._changed:
            if message.media is None and not message.buttons:
                self._sentences.append(f"chat {event.chat_id}: {message.text}")
            else:
                self._answered.setdefault((event.chat_id, message.reply_to), time.perf_counter())
            self._changed.notify_all()


@contextmanager
def whole_bot(home: Path, env: Mapping[str, str] | None = None) -> Iterator[WholeBot]:
    """A bot with its data in `home`, which ends with the block; `env` adds settings."""
    settings = {"SHUTDOWN_GRACE": "1", **(env or {})}
    with (
        BotApi() as api,
        BotProcess(api, home / "bot", settings, log_path=home / "bot.log") as process,
    ):
        process.wait_until_polling()
        yield WholeBot(api)
