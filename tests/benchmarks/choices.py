"""How soon a menu of qualities is there, and what one of them costs after that.

The menu is what `/info` answers with: each round has a link that the bot has not seen. It is
compared with `yt-dlp -J`, which tells the same of the same page. What is chosen then is fetched
without reading the page again.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.figures import millis, ratio
from tests.benchmarks.sides import TIMEOUT_S, WholeBot, whole_bot
from tests.sandbox.site import MediaSite

ROUNDS = 10
GOAL = 1.2
PAGE = "/qualities/master.m3u8"


def run(absolute: list[str], rounds: int = ROUNDS) -> Iterator[str]:
    """The lines of the report."""
    menus, told, chosen, again = [], [], [], []
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-") as directory,
        MediaSite() as site,
        whole_bot(Path(directory)) as bot,
    ):
        for number in range(rounds + 1):
            url = f"{site.url}{PAGE}?{number}"
            told_s = _tell(f"{url}-told")
            link = _ask(bot, url)
            (menu_s,) = bot.wait([link])
            before = site.hits(PAGE)
            (chosen_s,) = bot.wait([_choose(bot, link)])
            if number:  # the first fills the caches
                told.append(told_s)
                menus.append(menu_s)
                chosen.append(chosen_s)
                again.append(site.hits(PAGE) - before)
    share = statistics.median(menus) / statistics.median(told) / GOAL
    yield f"a menu of qualities takes {ratio(menus, told)} what yt-dlp -J does"
    yield f"  {share:.2f} of the {GOAL} that it may"
    yield f"  requests for the page when one is chosen: {sum(again)} in {rounds} rounds"
    absolute.append(f"a menu {millis(menus)}, yt-dlp -J {millis(told)}")
    absolute.append(f"from a press to the video {millis(chosen)}")


def _tell(url: str) -> float:
    """Seconds of yt-dlp's own command for a page."""
    command = [sys.executable, "-m", "yt_dlp", "--ignore-config", "--no-warnings", "-J", url]
    started = time.perf_counter()
    subprocess.run(command, check=True, timeout=TIMEOUT_S, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def _ask(bot: WholeBot, url: str) -> tuple[int, int]:
    (chat,) = bot.strangers(1)
    return bot.send(f"/info {url}", chat)


def _choose(bot: WholeBot, link: tuple[int, int]) -> tuple[int, int]:
    """Press the last quality below an answer; returns what its video will be a reply to."""
    chat, _ = link
    answer = bot.api.chat(chat)[-1]
    return bot.press(chat, answer.message_id, answer.buttons[-1][0][0])
