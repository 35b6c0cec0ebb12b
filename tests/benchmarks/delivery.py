"""How long people wait: for a new link, a repeated one, in a crowd, beside one who sends many.

Each measurement has a bot of its own with the default settings, but where one person sends more
than a person may, `USER_MAX_WAITING` and the three `USER_LINKS_PER_…` are out of reach.

Telegram takes about 30 calls a second from a bot, and about one a second in a chat after the
first ten; the bot keeps to that, and a link takes two calls. What this alone would take is told
beside the figures.
"""

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks import acknowledgement, choices
from tests.benchmarks.figures import millis, ratio, summary
from tests.benchmarks.file_server import serve
from tests.benchmarks.sides import (
    NO_QUOTA,
    SMALL_BYTES,
    TIMEOUT_S,
    WholeBot,
    alternate,
    make_padded,
    plain,
    whole_bot,
)
from tests.sandbox.site import MediaSite
from worker.dispatch.rate_limits import IN_ALL, IN_CHAT, Rate

ROUNDS = 20
REPEATS = 50
REPEAT_GOAL_S = 0.2
CROWD, CROWDS = 50, 5
MODEST, LINKS_OF_MODEST, LINKS_OF_GREEDY = 19, 7, 67

CALLS_A_LINK = 2
DEFAULT_WORKERS = 2

_PAUSE_S = 0.1
"""Between repeats, so that they stay far below what Telegram takes."""

_QUIET_S = IN_ALL.interval_s * IN_ALL.burst
"""After this long a silence, the bot may make as many calls at once as ever."""


def run() -> Iterator[str]:
    """The lines of the report."""
    absolute: list[str] = []
    yield from first_and_repeat(ROUNDS, REPEATS, absolute)
    yield from crowd(CROWD, CROWDS, absolute)
    yield from fairness(MODEST, LINKS_OF_MODEST, LINKS_OF_GREEDY, absolute)
    yield from acknowledgement.run(absolute)
    yield from choices.run(absolute)
    yield "absolute, on this machine:"
    yield from absolute


def first_and_repeat(rounds: int, repeats: int, absolute: list[str]) -> Iterator[str]:
    """A small file by the plain command, by the bot, and by the bot once more."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as directory:
        home = Path(directory)
        (home / "files").mkdir()
        make_padded(home / "files" / "small.mp4", SMALL_BYTES)
        with serve(home / "files") as server, whole_bot(home) as bot:
            url = f"{server}/small.mp4"
            sides = {"plain": lambda url: plain(url, home), "bot": bot.fetch}
            times = alternate(url, sides, rounds)
            again = _repeats(bot, url, repeats)
    first = statistics.median(times["bot"])
    yield f"150 KB: link to media takes {ratio(times['bot'], times['plain'])} the plain command"
    yield f"the same link again takes {statistics.median(again) / first:.2f} what the first does"
    yield f"  the slowest of {repeats} is {max(again) / REPEAT_GOAL_S:.2f} of {REPEAT_GOAL_S} s"
    for name, values in (*times.items(), ("repeat by file_id", again)):
        absolute.append(f"150 KB: {name} {millis(values)}")


def _repeats(bot: WholeBot, url: str, number: int) -> list[float]:
    bot.fetch(url)
    times = []
    for _ in range(number):
        time.sleep(_PAUSE_S)
        times.append(bot.fetch(url))
    return times


def crowd(people: int, crowds: int, absolute: list[str]) -> Iterator[str]:
    """Many people send the same new link at once; a new link for each crowd."""
    alone, first, last = [], [], []
    fetches = set()
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-") as directory,
        MediaSite() as site,
        whole_bot(Path(directory)) as bot,
    ):
        for number in range(crowds):
            alone.append(bot.fetch(f"{site.url}/clip/alone-{number}.mp4"))
            path = f"/clip/shared-{number}.mp4"
            links = [bot.send(site.url + path, chat) for chat in bot.strangers(people)]
            waited = bot.wait(links)
            first.append(min(waited))
            last.append(max(waited))
            # One fetch is more than one request: yt-dlp looks at a page before it downloads.
            fetches.add(site.hits(path) / site.hits(f"/clip/alone-{number}.mp4"))
            time.sleep(_QUIET_S)
    least_s = _least_s(IN_ALL, people)
    counted = " or ".join(f"{value:g}" for value in sorted(fetches))
    yield f"{people} people with one link at once: fetches at the site: {counted}"
    yield f"  the first waits {ratio(first, alone)} what one person alone does"
    yield f"  the last waits {ratio(last, [least_s] * crowds)} what Telegram's rate alone takes"
    absolute.append(f"{people} people: first answer {summary(first, 's')}")
    absolute.append(f"{people} people: last answer {summary(last, 's')}")
    absolute.append(f"{people} people: least by Telegram's rate {least_s:.2f} s")


def fairness(modest: int, links: int, greedy_links: int, absolute: list[str]) -> Iterator[str]:
    """One person sends many links, and right after that others send a few each."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as directory:
        home = Path(directory)
        (home / "files").mkdir()
        make_padded(home / "files" / "small.mp4", SMALL_BYTES)
        with serve(home / "files") as server, whole_bot(home, NO_QUOTA) as bot:
            url = f"{server}/small.mp4"
            alone_s = statistics.median([bot.fetch(f"{url}?alone={n}") for n in range(5)])
            time.sleep(_QUIET_S)
            greedy, *others = bot.strangers(1 + modest)
            of_greedy = [bot.send(f"{url}?greedy={n}", greedy) for n in range(greedy_links)]
            of_others = [
                [bot.send(f"{url}?{chat}={n}", chat) for chat in others] for n in range(links)
            ]
            sent = [link for turn in of_others for link in turn]
            firsts = bot.wait(of_others[0])
            waited = bot.wait(sent)
            of_greedy_s = bot.wait(of_greedy, 2 * TIMEOUT_S)
    last_s = max(of_greedy_s)
    everybodys_firsts_s = alone_s * (1 + modest) / DEFAULT_WORKERS
    yield (
        f"{len(sent) + greedy_links} links of {1 + modest} people, {greedy_links} of them of one:"
        " all answered"
    )
    yield (
        f"  the others' first links wait {statistics.median(firsts) / last_s:.3f} what the"
        f" greedy one's last does, the worst {max(firsts) / last_s:.3f}"
    )
    yield (
        f"  the worst waits {max(firsts) / everybodys_firsts_s:.2f} what everybody's first links"
        f" take one after the other, {DEFAULT_WORKERS} at a time"
    )
    absolute.append(f"{modest} modest people: first links {summary(firsts, 's')}")
    absolute.append(f"{modest} modest people: all links {summary(waited, 's')}")
    absolute.append(f"a greedy one: first link {of_greedy_s[0]:.2f} s, last {last_s:.1f} s")
    absolute.append(
        f"a greedy one: least by Telegram's rate in a chat {_least_s(IN_CHAT, greedy_links):.1f} s"
    )


def _least_s(rate: Rate, links: int) -> float:
    """How long the calls for so many links take if only Telegram's rate limits them."""
    return (CALLS_A_LINK * links - rate.burst) * rate.interval_s
