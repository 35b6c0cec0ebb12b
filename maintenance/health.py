"""Whether a bot is well: a verdict for each thing that was measured, and the worst of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from maintenance.measures import Measures
from maintenance.programs import is_too_old
from maintenance.report import count, duration, size

QUEUE_WARNING = 100
QUEUE_CRITICAL = 200
FAILURES_WARNING = 0.05
FAILURES_CRITICAL = 0.10
FEWEST_FAILURES = 3
"""Fewer say nothing about the bot: one dead link among two is no failure rate of a half."""

MEMORY_CRITICAL = 0.80
DISK_CRITICAL = 0.10
SILENCE_S = 90.0
"""A poll takes 25 s and is published every 15 s."""

OLD_YTDLP_DAYS = 180


class Level(IntEnum):
    """A verdict; the value is a command's exit code."""

    OK = 0
    WARNING = 1
    CRITICAL = 2

    @property
    def word(self) -> str:
        """As it is written."""
        return self.name.lower()


@dataclass(frozen=True)
class Item:
    """One thing, how it is, and whether the admins are to be told."""

    name: str
    level: Level
    text: str
    alerts: bool


def assess(measures: Measures) -> list[Item]:
    """The verdicts, in the order in which people want to read them."""
    return [
        *_bot(measures),
        *_queues(measures),
        _pace(measures),
        _failures(measures),
        *_workers(measures),
        _downloads(measures),
        _sites(measures),
        _zombies(measures),
        _memory(measures),
        _disk(measures),
        _ok("load", f"{measures.load:.2f} on {measures.cpus} processors"),
        _ok("ledger", size(measures.figures.size_bytes)),
        _ytdlp(measures),
        *_upgrade(measures),
        _ffmpeg(measures),
        _javascript(measures),
        _landlock(measures),
    ]


def worst(items: Iterable[Item]) -> Level:
    """The verdict on all of it."""
    return max((item.level for item in items), default=Level.OK)


def _ok(name: str, text: str) -> Item:
    return Item(name, Level.OK, text, alerts=False)


def _warning(name: str, text: str, *, alerts: bool = False) -> Item:
    return Item(name, Level.WARNING, text, alerts)


def _critical(name: str, text: str) -> Item:
    return Item(name, Level.CRITICAL, text, alerts=True)


def _bot(measures: Measures) -> Iterable[Item]:
    if measures.bot_pid is None:
        yield _critical("bot", "is not running")
        return
    text = f"runs as {measures.bot_pid} for {duration(measures.bot_age_s)}"
    silence_s = _age(measures, measures.published_at)
    if measures.bot_is_stopped:
        yield _critical("bot", f"{text}, and is stopped (SIGSTOP)")
    elif silence_s > SILENCE_S:
        yield _critical("bot", f"{text}, but its maintenance does not say how it is")
    else:
        yield _ok("bot", text)
    silence_s = _age(measures, measures.polled_at)
    if silence_s > SILENCE_S:
        yield _critical("poll", f"is not polling: Telegram has not answered {_since(silence_s)}")
    elif measures.polled_at is None:
        yield _warning("poll", "has not polled yet")
    else:
        yield _ok("poll", f"answered {duration(silence_s)} ago")


def _age(measures: Measures, wall: float | None) -> float:
    """Seconds since a moment; since the bot's start when it has not come yet."""
    return measures.bot_age_s if wall is None else max(0.0, measures.taken_at - wall)


def _since(silence_s: float) -> str:
    return f"for {duration(silence_s)}"


def _queues(measures: Measures) -> Iterable[Item]:
    for pool in sorted({*measures.pool_sizes, *measures.figures.queues}):
        queue = measures.figures.queues.get(pool)
        waiting = queue.waiting if queue else 0
        text = count(waiting, "job") + " waiting"
        if queue and queue.oldest_wait_s:
            text += f", the oldest for {duration(queue.oldest_wait_s)}"
        make = _critical if waiting > QUEUE_CRITICAL else _ok
        make = _warning if QUEUE_WARNING < waiting <= QUEUE_CRITICAL else make
        yield make(f"queue {pool}", text)


def _pace(measures: Measures) -> Item:
    running = len(measures.figures.running)
    return _ok("jobs", f"{measures.figures.jobs_per_minute:.1f} a minute, {running} running")


def _failures(measures: Measures) -> Item:
    failed, answers = measures.figures.failed, measures.figures.answers
    rate = failure_rate(measures)
    text = f"{failed} of {answers} links in the last hour, {100 * rate:.0f} %"
    if failed >= FEWEST_FAILURES and rate > FAILURES_CRITICAL:
        return _critical("failures", text)
    if failed >= FEWEST_FAILURES and rate > FAILURES_WARNING:
        return _warning("failures", text)
    return _ok("failures", text)


def failure_rate(measures: Measures) -> float:
    """Of the links that were answered in the last hour, the share without media."""
    figures = measures.figures
    return figures.failed / figures.answers if figures.answers else 0.0


def _workers(measures: Measures) -> Iterable[Item]:
    for pool, wanted in measures.pool_sizes.items():
        workers = [worker for worker in measures.workers if worker.pool == pool]
        busy = sum(worker.job is not None for worker in workers)
        text = f"{len(workers)} of {wanted}, {busy} busy"
        name = f"workers {pool}"
        if trouble := measures.troubles.get(pool):
            # A traceback's last line says most.
            yield _critical(name, f"{text}, cannot start: {trouble.strip().splitlines()[-1]}")
        elif any(worker.state == "stopped" for worker in workers):
            yield _warning(name, f"{text}, some are stopped (SIGSTOP)")
        else:
            yield _ok(name, text)


def _downloads(measures: Measures) -> Item:
    ages = ", ".join(duration(download.age_s) for download in measures.downloads)
    return _ok("yt-dlp running", f"{len(measures.downloads)}{ages and f', for {ages}'}")


def _sites(measures: Measures) -> Item:
    down = sorted(measures.sites_down.items(), key=lambda site: site[1])
    if not down:
        return _ok("sites", "none fails for everybody")
    tries = [f"{site}, {_next_try(probe_at - measures.taken_at)}" for site, probe_at in down]
    return _warning("sites", f"{len(down)} down for everybody: {'; '.join(tries)}")


def _next_try(wait_s: float) -> str:
    return f"tried again in {duration(wait_s)}" if wait_s > 0 else "tried with its next link"


def _zombies(measures: Measures) -> Item:
    if not measures.zombies:
        return _ok("zombies", "none")
    return _critical("zombies", f"{measures.zombies}: python -m maintenance zombies")


def _memory(measures: Measures) -> Item:
    nearest = max(measures.workers, key=lambda worker: worker.memory_share, default=None)
    text = f"{size(measures.memory_bytes)} in all"
    if nearest is None:
        return _ok("memory", text)
    # Samples come every 15 s: what is measured now may be more than all of them.
    peak = 100 * max(nearest.memory_share, measures.memory_peak_share)
    share = 100 * nearest.memory_share
    text += f"; {nearest.name} {size(nearest.memory_bytes)}, {share:.0f} % (peak {peak:.0f} %)"
    is_high = nearest.memory_share > MEMORY_CRITICAL
    return _critical("memory", text) if is_high else _ok("memory", text)


def _disk(measures: Measures) -> Item:
    share = measures.disk_free_bytes / measures.disk_total_bytes
    text = f"{size(measures.disk_free_bytes)} free, {100 * share:.0f} %"
    return _critical("disk", text) if share < DISK_CRITICAL else _ok("disk", text)


def _ytdlp(measures: Measures) -> Item:
    version, age, outdated = measures.ytdlp, measures.ytdlp_age_days, measures.figures.outdated
    if version is None:
        return _critical("yt-dlp", "is not installed: pip install -r requirements.txt")
    text = version if age is None else f"{version}, {age} days old"
    if is_too_old(version):
        return _critical("yt-dlp", f"{text}, without security fixes: update it")
    if outdated:
        return _warning("yt-dlp", f"{text}; {outdated} failures ask for an update", alerts=True)
    if age is not None and age > OLD_YTDLP_DAYS:
        return _warning("yt-dlp", f"{text}: update it")
    return _ok("yt-dlp", text)


def _upgrade(measures: Measures) -> Iterable[Item]:
    if measures.upgrade_trouble:
        yield _warning("upgrade", measures.upgrade_trouble, alerts=True)


def _ffmpeg(measures: Measures) -> Item:
    if measures.has_ffmpeg:
        return _ok("ffmpeg", "there, and ffprobe")
    return _warning("ffmpeg", "or ffprobe is missing: apt install ffmpeg", alerts=True)


def _javascript(measures: Measures) -> Item:
    if measures.js_runtime is None:
        return _ok("javascript", "none found: some sites offer fewer formats")
    # To ask for its version is to start it, which takes longer than all the rest.
    return _ok("javascript", f"{measures.js_runtime}; bot.py --check says if it is new enough")


def _landlock(measures: Measures) -> Item:
    if not measures.landlock_abi:
        return _warning("landlock", measures.landlock_shortcoming)
    # No operator can do much about a kernel that is a little older.
    text = measures.landlock_shortcoming or "a download is confined to its own directory"
    return _ok("landlock", f"active, {text}")
