"""Judge what was measured of a bot: a finding for each thing."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from maintenance import disk, limits, machine, programs, runs
from maintenance.findings import (
    DAILY_S,
    HOURLY_S,
    ONCE_S,
    Finding,
    Level,
    critical,
    ok,
    warning,
)
from maintenance.measures import Measures
from maintenance.units import count, duration, local_time, percent, size
from worker.clocks import Wall
from worker.downloads.ytdlp.packages.installed import is_newer
from worker.errors import Remedy
from worker.ledger import DOWNLOADS
from worker.sites import KNOWN_NAMES, site_of

# What stands for all sites that neither the bot nor `sites.toml` names.
_OTHERS = "others"

_REFUSED_UNTIL = (
    "It is tried again daily, and this stays until a try succeeds, the release is withdrawn,"
    " or a newer yt-dlp is in use."
)
# What the operator can do for a site that turns this machine away.
_HELPS: Mapping[Remedy | None, str] = {
    Remedy.COOKIES: (
        "it asks for an account: give it cookies, or another address (worker/SITES.md)"
    ),
    Remedy.NEW_COOKIES: "it refuses the cookies that it gets: export them again",
    Remedy.ADDRESS: (
        "it refuses this machine's address: another one (DOWNLOAD_PROXY, or proxy in sites.toml)"
        " helps, and an account's cookies may"
    ),
    Remedy.PACE: (
        "it was asked too often: lower its links_per_hour in sites.toml, or give it cookies or"
        " another address (worker/SITES.md)"
    ),
    Remedy.SOFTWARE: (
        "yt-dlp lacks something for it: .venv/bin/pip install -U -r requirements.txt, and"
        " bot.py --check"
    ),
    None: (
        "it may want cookies, another address (worker/SITES.md), a newer yt-dlp or a JavaScript"
        " runtime (bot.py --check)"
    ),
}


def assess(measures: Measures) -> list[Finding]:
    """Judge the measures. The findings come in the order in which they are shown."""
    return [
        *_bot(measures),
        _starts(measures),
        *_queues(measures),
        *_pause(measures),
        _pace(measures),
        _failures(measures),
        *_workers(measures),
        *_judge(measures),
        _downloads(measures),
        _sites(measures),
        *_sites_file(measures),
        *_blocked(measures),
        *_cookies(measures),
        _refused(measures),
        _zombies(measures),
        _memory(measures),
        _disk(measures),
        _cpu(measures),
        ok("load", f"{measures.load:.2f} on {measures.cpus} processors"),
        ok("ledger", size(measures.statistics.size_bytes)),
        _ytdlp(measures),
        *_update(measures),
        *_upgrade(measures),
        _ffmpeg(measures),
        _javascript(measures),
        _landlock(measures),
        _network(measures),
    ]


def _bot(measures: Measures) -> Iterable[Finding]:
    if measures.bot_pid is None:
        yield critical("bot", "is not running")
        return
    text = f"runs as {measures.bot_pid} for {duration(measures.bot_age_s)}"
    silence_s = _age(measures, measures.published_at)
    lasted = f"for {duration(silence_s)}"
    if measures.bot_is_stopped:
        yield critical("bot", f"{text}, and is stopped (SIGSTOP)")
    elif silence_s > limits.SILENCE_S:
        yield critical("bot", f"{text}, but its maintenance thread has not reported {lasted}")
    else:
        yield ok("bot", text)
    silence_s = _age(measures, measures.polled_at)
    if silence_s > limits.SILENCE_S:
        lasted = f"for {duration(silence_s)}"
        yield critical("poll", f"is not polling: Telegram has not answered {lasted}")
    elif measures.polled_at is None:
        yield warning("poll", "has not polled yet")
    else:
        yield ok("poll", f"answered {duration(silence_s)} ago")


def _age(measures: Measures, wall: Wall | None) -> float:
    """Seconds since `wall`, or since the bot's start for None."""
    return measures.bot_age_s if wall is None else max(0.0, measures.taken_at - wall)


def _starts(measures: Measures) -> Finding:
    starts = measures.starts
    text = f"started {count(starts.recent, 'time')} in an hour"
    if starts.last_end is not None:
        text += f", last end: {starts.last_end}"
    return critical("starts", text) if runs.is_crash_loop(starts) else ok("starts", text)


def _queues(measures: Measures) -> Iterable[Finding]:
    for pool in sorted({*measures.pool_sizes, *measures.statistics.queues}):
        queue = measures.statistics.queues.get(pool)
        waiting = queue.waiting if queue else 0
        text = count(waiting, "job") + " waiting"
        if queue and queue.oldest_wait_s:
            text += f", the oldest for {duration(queue.oldest_wait_s)}"
        if pool == DOWNLOADS:
            # These wait because of the operator's settings, and not because the bot is slow.
            waiting -= sum(measures.statistics.paced.values())
            text += _paced(measures)
        make = critical if waiting > limits.QUEUE_CRITICAL else ok
        make = warning if limits.QUEUE_WARNING < waiting <= limits.QUEUE_CRITICAL else make
        yield make(f"queue {pool}", text)


def _paced(measures: Measures) -> str:
    """How many downloads wait for the pace of which site; "" if none does."""
    longest_first = list(measures.statistics.paced.items())
    named = [
        f"{links} of them for the pace of {site} ({measures.sites_full[site]})"
        for site, links in longest_first[: limits.SITES_NAMED]
    ]
    if others := sum(links for _, links in longest_first[limits.SITES_NAMED :]):
        named.append(f"{others} for that of other sites")
    return f"; {', '.join(named)}" if named else ""


def _pause(measures: Measures) -> Iterable[Finding]:
    if (since := measures.statistics.paused_since) is not None:
        text = f"paused since {local_time(since)}: no download begins; python -m maintenance resume"
        yield warning("pause", text)


def _pace(measures: Measures) -> Finding:
    running = len(measures.statistics.running)
    return ok("jobs", f"{measures.statistics.jobs_per_minute:.1f} a minute, {running} running")


def _failures(measures: Measures) -> Finding:
    failed, answers = failures(measures), measures.statistics.answers
    rate = failure_rate(measures)
    text = f"{failed} of {answers} links in the last hour, {percent(rate)}"
    if failed:
        worst_first = list(measures.statistics.failed.items())[: limits.FAILURES_NAMED]
        named = (f"{number} {reason} at {site}" for (site, reason), number in worst_first)
        text += f": {', '.join(named)}; python -m maintenance failed list"
    if failed >= limits.FAILURES_MIN and rate > limits.FAILURES_CRITICAL:
        return critical("failures", text)
    if failed >= limits.FAILURES_MIN and rate > limits.FAILURES_WARNING:
        return warning("failures", text)
    return ok("failures", text)


def failures(measures: Measures) -> int:
    """How many links of the last hour got no media for a reason that does not lie in them."""
    return sum(measures.statistics.failed.values())


def failure_rate(measures: Measures) -> float:
    """The share of failures among the links answered in the last hour."""
    answers = measures.statistics.answers
    return failures(measures) / answers if answers else 0.0


def _workers(measures: Measures) -> Iterable[Finding]:
    for pool, wanted in measures.pool_sizes.items():
        workers = [worker for worker in measures.workers if worker.pool == pool]
        busy = sum(worker.job_id is not None for worker in workers)
        text = f"{len(workers)} of {wanted}, {busy} busy"
        name = f"workers {pool}"
        if trouble := measures.troubles.get(pool):
            # The last line of a traceback says most.
            yield critical(name, f"{text}, cannot start: {trouble.strip().splitlines()[-1]}")
        elif any(worker.state == "stopped" for worker in workers):
            yield warning(name, f"{text}, some are stopped (SIGSTOP)")
        else:
            yield ok(name, text)


def _judge(measures: Measures) -> Iterable[Finding]:
    judge = measures.judge
    if judge is None:
        return
    if judge.trouble:
        yield critical("judge", f"cannot start or stay up: {judge.trouble}")
    elif not judge.pid:
        yield warning("judge", "has ended, and the next one has not been seen yet")
    else:
        age, used = duration(judge.age_s), size(judge.memory_bytes)
        yield ok("judge", f"runs as {judge.pid} for {age}, {used}")


def _downloads(measures: Measures) -> Finding:
    ages = ", ".join(duration(download.age_s) for download in measures.downloads)
    return ok("yt-dlp running", f"{len(measures.downloads)}{ages and f', for {ages}'}")


def _sites(measures: Measures) -> Finding:
    down = sorted(
        measures.sites_down_until.items(),
        key=lambda site: (not _is_known(measures, site[0]), site[1]),
    )
    if not down:
        return ok("sites", "none is down")
    tries = [
        f"{site}, {_next_try(probe_at - measures.taken_at)}"
        for site, probe_at in down[: limits.SITES_NAMED]
    ]
    if others := len(down) - len(tries):
        tries.append(f"and {others} more")
    text = f"{len(down)} down for everybody: {'; '.join(tries)}"
    return warning("sites", text, alerts_every_s=HOURLY_S)


def _sites_file(measures: Measures) -> Iterable[Finding]:
    if measures.sites_trouble:
        yield warning("sites.toml", measures.sites_trouble, alerts_every_s=DAILY_S)


def _blocked(measures: Measures) -> Iterable[Finding]:
    # All others together: one person with a server that says it on each port could raise any
    # number of alerts.
    blocked: dict[str, dict[str, int]] = {}
    for site, links in measures.statistics.blocked.items():
        remedy = measures.statistics.remedies.get(site)
        if remedy is Remedy.NEW_COOKIES and site_of(site) in measures.cookies:
            continue  # The finding on its cookies says so until they work again.
        name = site_of(site) if _is_known(measures, site) else _OTHERS
        blocked.setdefault(name, {})[site] = links
    for name, sites in blocked.items():
        worst = next(iter(sites))
        helps = _help_with_others(measures, sites) if name == _OTHERS else _help(measures, worst)
        yield _turned_away(name, sum(sites.values()), helps)


def _is_known(measures: Measures, site: str) -> bool:
    """Whether the bot or `sites.toml` names a site: a stranger cannot make more of those."""
    return site_of(site) in KNOWN_NAMES | measures.sites_named


def _turned_away(by: str, links: int, helps: str) -> Finding:
    text = (
        f"turned away {count(links, 'link')} in the last day, for reasons not their own:"
        f" {helps}; python -m maintenance failed list"
    )
    return warning(f"blocked by {by}", text, alerts_every_s=DAILY_S)


def _help(measures: Measures, site: str) -> str:
    return _HELPS[measures.statistics.remedies.get(site)]


def _help_with_others(measures: Measures, blocked: Mapping[str, int]) -> str:
    """What helps with those that turned away the most links, the first in `blocked`."""
    worst_first = list(blocked.items())
    named = [
        f"{links} at {site}, {_help(measures, site)}"
        for site, links in worst_first[: limits.SITES_NAMED]
    ]
    if more := sum(links for _, links in worst_first[limits.SITES_NAMED :]):
        named.append(f"{more} at other sites")
    return "; ".join(named)


def _cookies(measures: Measures) -> Iterable[Finding]:
    for site, cookies in sorted(measures.cookies.items()):
        text = count(cookies.count, "cookie")
        renew = f"export them again, and send them to the bot or replace {cookies.path}"
        ends_in_s = None if cookies.ends_at is None else cookies.ends_at - measures.taken_at
        if cookies.refused_since is not None:
            since_s = max(0.0, measures.taken_at - cookies.refused_since)
            text += f", refused for {duration(since_s)}: {renew}"
            yield _stale(site, text, cookies.changed_ns)
        elif ends_in_s is not None and ends_in_s <= 0:
            text += f", expired {duration(-ends_in_s)} ago: {renew}"
            yield _stale(site, text, cookies.changed_ns)
        else:
            end = "without expiry" if ends_in_s is None else f"good for {duration(ends_in_s)}"
            yield ok(f"cookies for {site}", f"{text}, {end}")


def _stale(site: str, text: str, changed_ns: int) -> Finding:
    found = warning(f"cookies for {site}", text, alerts_every_s=ONCE_S)
    return replace(found, alerts_about=changed_ns)


def _refused(measures: Measures) -> Finding:
    refused = measures.statistics.refused
    if not refused:
        return ok("telegram", "accepted every message of the last day")
    text = f"{count(refused, 'message')} given up in the last day: each attempt failed"
    return warning("telegram", f"{text}; python -m maintenance failed list")


def _next_try(wait_s: float) -> str:
    return f"tried again in {duration(wait_s)}" if wait_s > 0 else "tried with its next link"


def _zombies(measures: Measures) -> Finding:
    if not measures.zombies:
        return ok("zombies", "none")
    return critical("zombies", f"{measures.zombies}: python -m maintenance zombies")


def _memory(measures: Measures) -> Finding:
    fullest = max(measures.workers, key=lambda worker: worker.memory_share, default=None)
    text = f"{size(measures.memory_bytes)} in all"
    if fullest is None:
        return ok("memory", text)
    share = fullest.memory_share
    # Samples come every 15 s: the present use may be above all of them.
    peak = percent(max(share, measures.memory_peak_share))
    text += f"; {fullest.name} {size(fullest.memory_bytes)}, {percent(share)} (peak {peak})"
    return critical("memory", text) if share > limits.MEMORY_CRITICAL else ok("memory", text)


def _disk(measures: Measures) -> Finding:
    found = disk.assess(
        measures.disk_free_bytes,
        measures.disk_total_bytes,
        measures.disk_free_files,
        measures.answer_bytes,
        len(measures.downloads),
    )
    if found.level is not Level.OK or measures.no_room_at is None:
        return found
    ago_s = max(0.0, measures.taken_at - measures.no_room_at)
    if ago_s >= limits.NO_ROOM_S:
        return found
    text = f"{found.text}, but a job found no room {duration(ago_s)} ago"
    return critical("disk", f"{text}: the bot's user may be over its quota (quota -s, df -i)")


def _cpu(measures: Measures) -> Finding:
    # No limits: a conversion uses all processors for as long as it takes.
    if measures.cpu_share is None or measures.cpu_at is None:
        return ok("cpu", "not known: a running bot measures it every 15 s")
    text = f"{percent(measures.cpu_share)} of {count(measures.cpus, 'processor')}"
    age_s = max(0.0, measures.taken_at - measures.cpu_at)
    return ok("cpu", text if age_s < limits.SILENCE_S else f"{text}, {duration(age_s)} ago")


def _ytdlp(measures: Measures) -> Finding:
    version, age, outdated = measures.ytdlp, measures.ytdlp_age_days, measures.statistics.outdated
    if trouble := programs.ytdlp_trouble(version):
        return critical("yt-dlp", trouble)
    text = str(version) if age is None else f"{version}, {age} days old"
    if measures.ytdlp_in_use not in (None, version):
        text = f"{measures.ytdlp_in_use} in use, on disk {text}"
    if measures.update and (measures.update.is_copy or measures.update.is_over):
        text += f", installed by {measures.update.source}"
        before = measures.update.before
        text += f" after {before.version}" if before else ""
    if DOWNLOADS in measures.troubles and measures.ytdlp_in_use is None:
        # The finding on the workers raises the alert, and says what is wrong.
        return Finding("yt-dlp", Level.CRITICAL, f"none in use, on disk {text}: downloads wait")
    if outdated:
        worst_first = list(outdated.items())[: limits.FAILURES_NAMED]
        named = ", ".join(f"{number} at {site}" for site, number in worst_first)
        text += f"; {sum(outdated.values())} failures ask for an update: {named}"
        return warning("yt-dlp", text, alerts_every_s=HOURLY_S)
    if age is not None and age > limits.YTDLP_OLD_DAYS:
        return warning("yt-dlp", f"{text}: update it")
    return ok("yt-dlp", text)


def _update(measures: Measures) -> Iterable[Finding]:
    if measures.update_refused:
        text = f"{measures.update_refused} {_REFUSED_UNTIL}"
        yield warning("daily update", text, alerts_every_s=DAILY_S)
    situation = measures.update
    if situation is None:
        return
    if situation.trouble:
        text = f"{situation.trouble}, so pip's yt-dlp is used: python -m maintenance update"
        yield warning("update", text, alerts_every_s=DAILY_S)
    left = situation.choice.left if situation.choice else None
    if left and left.by_itself and not is_newer(situation.version or "", left.version):
        text = f"went back from yt-dlp {left.version} on {local_time(left.at)}: {left.why}"
        found = warning("update", f"{text}; the bot waits for a newer one", alerts_every_s=ONCE_S)
        yield replace(found, alerts_about=int(left.at))


def _upgrade(measures: Measures) -> Iterable[Finding]:
    if measures.upgrade_trouble:
        yield warning("upgrade", measures.upgrade_trouble, alerts_every_s=HOURLY_S)


def _ffmpeg(measures: Measures) -> Finding:
    if measures.missing_ffmpeg:
        text = programs.ffmpeg_trouble(measures.missing_ffmpeg)
        return warning("ffmpeg", text, alerts_every_s=HOURLY_S)
    return ok("ffmpeg", "ffmpeg and ffprobe found")


def _javascript(measures: Measures) -> Finding:
    if measures.js_runtime is None:
        return warning("javascript", "no runtime found; bot.py --check says what to do")
    return ok("javascript", f"{measures.js_runtime} found")


def _landlock(measures: Measures) -> Finding:
    abi, shortcoming = measures.landlock_abi, measures.landlock_shortcoming
    finding = machine.confinement("landlock", abi, shortcoming)
    # Nobody replaces a kernel that is a little too old, and `--check` warned of it.
    return replace(finding, level=Level.OK) if abi else finding


def _network(measures: Measures) -> Finding:
    # Little can be done about this either, and `--check` warned of it.
    return replace(machine.network("network", measures.network), level=Level.OK)
