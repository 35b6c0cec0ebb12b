"""Memory and descriptors of the whole bot: at rest, and after many links against after few.

The whole bot should grow by less than 2 %, and its descriptors not at all: a run gave 1.5 %, from
158 MB, where no other bot ran (a library's page that others map counts only in part). Its main
process grew by 1 or 2 of its 32 MB. Little of that is in use: in a run of 2 000 links the blocks
that Python has in use grew by 0.7 % from 200 on, SQLite held half a megabyte all along, and the
rest was room that the allocators keep between what is in use.
"""

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

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
LOOKS = 5
LINKS_BETWEEN = 20
"""Five times so many give each telegram worker the jobs after which it is replaced. A new one
has copied 5 MB less of the fork server's memory than an old one, so a single look would tell
how old the workers happen to be."""

QUIET_S = 2.0

SETTINGS = {
    "USER_LINKS_PER_MINUTE": "100000",
    "USER_LINKS_PER_HOUR": "100000",
    "USER_LINKS_PER_DAY": "100000",
}


def rest() -> Iterator[str]:
    """The lines of the report on memory at rest, which takes a minute."""
    with _bot() as (people, bot):
        yield f"before the first link: the whole bot {_mb(_tree(bot))} (PSS), of which"
        yield from _parts(bot)
        people.send_up_to(CHATS)  # whoever is needed has been started, and has worked
        time.sleep(QUIET_S)
        yield f"after {CHATS} links: {_mb(_tree(bot))}, of which"
        yield from _parts(bot)


def growth() -> Iterator[str]:
    """The lines of the report on what many links leave behind."""
    with _bot() as (people, bot):
        people.send_up_to(FEW)
        few = _reading(people, bot.pid)
        people.send_up_to(MANY)
        many = _reading(people, bot.pid)
        yield f"after {MANY} links against after {FEW}:"
        for name, before, after in zip(
            ("the whole bot", "its main process"), few, many, strict=False
        ):
            yield f"  {name} {100 * (after / before - 1):+.1f} % ({_mb(before)} to {_mb(after)})"
        yield f"  descriptors of its main process {few[2]} to {many[2]}"


@contextlib.contextmanager
def _bot() -> Iterator[tuple["_People", BotProcess]]:
    """A bot whose processes are all there and quiet, and people that send it links."""
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
            api.wait_for(lambda: {"downloads", "judge", "telegram"} <= _by_name(bot).keys())
            time.sleep(QUIET_S)
            yield _People(api, f"{server}/clip.mp4"), bot
            bot.terminate()
            bot.wait(30)


def _tree(bot: BotProcess) -> int:
    return tree_pss_bytes(psutil.Process(bot.pid))


def _by_name(bot: BotProcess) -> dict[str, list[psutil.Process]]:
    """The processes below the main one, by the first words of their names."""
    found: dict[str, list[psutil.Process]] = {}
    for process in psutil.Process(bot.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            found.setdefault(process.name().rstrip("-0123456789"), []).append(process)
    return found


def _parts(bot: BotProcess) -> Iterator[str]:
    """What each kind of process has, and what of that is its own."""
    for name, processes in {"main": [psutil.Process(bot.pid)], **_by_name(bot)}.items():
        found = [process.memory_full_info() for process in processes]
        pss, own = sum(one.pss for one in found), sum(one.uss for one in found)
        yield f"  {len(found)} {name}: {_mb(pss)}, its own {_mb(own)}"


def _reading(people: "_People", pid: int) -> tuple[float, float, int]:
    """At rest: bytes of the whole tree and of the main process, the means of a few looks with
    some links between them, and the most descriptors of the main process.
    """
    main = psutil.Process(pid)
    trees, mains, descriptors = [], [], []
    for _ in range(LOOKS):
        people.send(LINKS_BETWEEN)
        time.sleep(QUIET_S)
        trees.append(tree_pss_bytes(main))
        mains.append(main.memory_full_info().pss)
        descriptors.append(len(os.listdir(f"/proc/{pid}/fd")))
    return mean(trees), mean(mains), max(descriptors)


class _People:
    """Chats that send links, each its next one once it has the media of its last."""

    def __init__(self, api: BotApi, url: str) -> None:
        self._api = api
        self._url = url
        self._sent = 0

    def send_up_to(self, links: int) -> None:
        """Send links until there were so many in all."""
        self.send(links - self._sent)

    def send(self, links: int) -> None:
        """Send so many links, and wait for all their media."""
        waiting: dict[int, int] = {}
        for number in range(self._sent, self._sent + links):
            chat = 1 + number % CHATS
            self._api.wait_for(
                lambda chat=chat: self._forget_done(waiting) < AT_ONCE and chat not in waiting,  # type: ignore[misc]
                TIMEOUT_S,
            )
            waiting[chat] = self._media(chat) + 1
            self._api.say(f"{self._url}?{number}", chat)
        self._sent += links
        self._api.wait_for(lambda: not self._forget_done(waiting), TIMEOUT_S)

    def _forget_done(self, waiting: dict[int, int]) -> int:
        for chat in [chat for chat, number in waiting.items() if self._media(chat) >= number]:
            del waiting[chat]
        return len(waiting)

    def _media(self, chat: int) -> int:
        return sum(message.media is not None for message in self._api.chat(chat))


def _mb(size: float) -> str:
    return f"{size / 1e6:.0f} MB"
