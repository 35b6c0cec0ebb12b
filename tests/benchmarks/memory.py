"""Memory and descriptors of the whole bot: at rest, and after many links against after few.

The whole bot should grow by less than 2 %, and its descriptors not at all. Its main process takes
a megabyte or two in its first thousand links, of which a part are SQLite's page caches (2 MB at
most for each connection), and next to nothing after that: a run gave 31.0 MB after 200 links, 32.2
after 1 000, 32.3 after 2 000 and 32.7 after 3 000.
"""

import itertools
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.benchmarks.file_server import serve
from tests.benchmarks.usage import tree_pss_bytes
from tests.sandbox.api import BotApi
from tests.sandbox.bot_process import BotProcess
from tests.sandbox.clips import SAMPLE

FEW, MANY = 200, 2_000
CHATS = 50
AT_ONCE = 30
"""Links that wait for their media at a time; of each chat at most one."""

TIMEOUT_S = 120.0
READINGS = 5
QUIET_S = 2.0

SETTINGS = {
    "USER_LINKS_PER_MINUTE": "100000",
    "USER_LINKS_PER_HOUR": "100000",
    "USER_LINKS_PER_DAY": "100000",
}


def run() -> Iterator[str]:
    """The lines of the report."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as home:
        files = Path(home, "files")
        files.mkdir()
        (files / "clip.mp4").write_bytes(SAMPLE.read_bytes())
        log = Path(home, "bot.log")
        with (
            serve(files) as server,
            BotApi() as api,
            BotProcess(api, Path(home, "data"), SETTINGS, log_path=log) as bot,
        ):
            bot.wait_until_polling()
            yield from _measure(_People(api, f"{server}/clip.mp4"), bot)
            bot.terminate()
            bot.wait(30)


def _measure(people: "_People", bot: BotProcess) -> Iterator[str]:
    people.send(CHATS)  # whoever is needed has been started, and has worked
    total, main, descriptors = _reading(bot.pid)
    yield f"at rest: the whole bot {_mb(total)} (PSS), of which its main process {_mb(main)}"
    people.send(FEW - CHATS)
    few = _reading(bot.pid)
    people.send(MANY - FEW)
    many = _reading(bot.pid)
    yield f"after {MANY} links against after {FEW}:"
    for name, before, after in zip(("the whole bot", "its main process"), few, many, strict=False):
        growth = 100 * (after / before - 1)
        yield f"  {name} {growth:+.1f} % ({_mb(before)} to {_mb(after)})"
    yield f"  descriptors of its main process {few[2]} to {many[2]} ({descriptors} at first)"


def _reading(pid: int) -> tuple[int, int, int]:
    """At rest: bytes of the whole tree, bytes of the main process, its descriptors; the least
    of a few, for a worker that is being replaced is there twice.
    """
    main = psutil.Process(pid)
    readings = []
    for _ in range(READINGS):
        time.sleep(QUIET_S)
        readings.append(
            (
                tree_pss_bytes(main),
                main.memory_full_info().pss,
                len(os.listdir(f"/proc/{pid}/fd")),
            )
        )
    return min(readings)


class _People:
    """So many chats that send links, each the next one when it has the media of the last."""

    def __init__(self, api: BotApi, url: str) -> None:
        self._api = api
        self._url = url
        self._numbers = itertools.count()

    def send(self, links: int) -> None:
        """Send so many, and wait for all their media."""
        waiting: dict[int, int] = {}
        for number in itertools.islice(self._numbers, links):
            chat = 1 + number % CHATS
            self._api.wait_for(
                lambda chat=chat: self._forget_done(waiting) < AT_ONCE and chat not in waiting,  # type: ignore[misc]
                TIMEOUT_S,
            )
            waiting[chat] = self._media(chat) + 1
            self._api.say(f"{self._url}?{number}", chat)
        self._api.wait_for(lambda: not self._forget_done(waiting), TIMEOUT_S)

    def _forget_done(self, waiting: dict[int, int]) -> int:
        for chat in [chat for chat, number in waiting.items() if self._media(chat) >= number]:
            del waiting[chat]
        return len(waiting)

    def _media(self, chat: int) -> int:
        return sum(message.media is not None for message in self._api.chat(chat))


def _mb(size: int) -> str:
    return f"{size / 1e6:.0f} MB"
