"""What can be measured of a bot at one moment, by its maintenance thread and by commands.

It comes from the ledger, the process table and the disk, and from what the bot's process publishes
about itself. Python's own library gives the disk and the load as psutil does, so it is asked for
them, as in `--check`, which works without psutil.
"""

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from maintenance import cookies, programs, published, runs
from maintenance.cookies import SiteCookies
from maintenance.ownership import running_bot
from maintenance.runs import Starts
from maintenance.updates import situation
from maintenance.updates.situation import Situation
from worker.clocks import Wall, wall_clock
from worker.dispatch.disk_space import free_files
from worker.downloads import program_paths
from worker.downloads.confinement.network import Network
from worker.downloads.ytdlp.packages.installed import installed_version
from worker.downloads.ytdlp.players import javascript
from worker.ledger import DOWNLOADS
from worker.ledger.upkeep.statistics import Statistics
from worker.ledger.upkeep.upkeep import Sample, Upkeep
from worker.processes import memory, process_table
from worker.processes.process_table import Identity
from worker.settings import MEBIBYTE, Settings, YtDlpUpdates

PEAK_S = 3600.0
"""The time over which the highest memory use of a worker is taken."""

NO_STARTS = Starts()


@dataclass(frozen=True)
class MeasuredWorker:
    """A worker of the running bot.

    `slot` is its number in the pool, which its successor takes over; None for one that leaves or
    waits to succeed another. `memory_bytes` is what the worker or its download uses, whichever is
    more; `cpu_share` is the use of one processor by both together, None before the first sample.
    """

    pool: str
    name: str
    pid: int
    state: str
    age_s: float
    jobs_done: int
    job_id: int | None
    memory_bytes: int
    memory_cap_bytes: int
    cpu_share: float | None = None
    slot: int | None = None

    @property
    def memory_share(self) -> float:
        return self.memory_bytes / self.memory_cap_bytes


@dataclass(frozen=True)
class MeasuredJudge:
    """The judge of the running bot; pid 0 if there is none. `trouble` is why it does not start."""

    pid: int = 0
    age_s: float = 0.0
    memory_bytes: int = 0
    trouble: str | None = None


@dataclass(frozen=True)
class RunningDownload:
    """A running yt-dlp."""

    pid: int
    job_id: int
    age_s: float
    memory_bytes: int


@dataclass(frozen=True)
class Measures:
    """All that is measured.

    `published_at` is when the running bot last published, `polled_at` when Telegram last answered
    it. `cpu_share` is of all processors, over the sampling interval that ended at `cpu_at`.
    `sites_down_until` are the sites that fail for everybody, with the time of the next try, and
    `sites_full` those at their limit, each with the key of `sites.toml` that sets it;
    `sites_named` are those that it names.
    """

    taken_at: Wall
    statistics: Statistics
    bot_pid: int | None
    bot_age_s: float
    bot_is_stopped: bool
    published_at: Wall | None
    polled_at: Wall | None
    workers: tuple[MeasuredWorker, ...]
    pool_sizes: Mapping[str, int]
    troubles: Mapping[str, str]
    downloads: tuple[RunningDownload, ...]
    zombies: int
    memory_bytes: int
    memory_peak_share: float
    disk_free_bytes: int
    disk_total_bytes: int
    disk_free_files: int | None
    """How many more files fit on the disk; None where that has no limit of its own."""
    no_room_at: Wall | None
    """When a job of the running bot last found no room, unless a download has found some since."""
    answer_bytes: int
    """The most that the files of one link's answer may take."""
    cpu_share: float | None
    cpu_at: Wall | None
    load: float
    cpus: int
    ytdlp: str | None
    ytdlp_age_days: int | None
    upgrade_trouble: str | None
    sites_trouble: str | None
    sites_down_until: Mapping[str, Wall]
    sites_full: Mapping[str, str]
    sites_named: frozenset[str]
    missing_ffmpeg: tuple[str, ...]
    js_runtime: str | None
    landlock_abi: int
    landlock_shortcoming: str
    network: Network
    """What keeps downloads from the network. This and what Landlock can do are as the running bot
    finds them, or this process if no bot runs."""

    starts: Starts = NO_STARTS
    cookies: Mapping[str, SiteCookies] = field(default_factory=dict)
    """The sites with cookies of a session, and those that refuse theirs."""

    ytdlp_in_use: str | None = None
    """The version that the running bot uses, which may be older than `ytdlp` on the disk."""
    update: Situation | None = None
    """Who has installed the yt-dlp on the disk; None if that was not measured."""
    update_refused: str | None = None
    """Why the last daily update of yt-dlp was refused, if that still matters."""
    judge: MeasuredJudge | None = None
    """None if the bot has not published it yet."""


def take(settings: Settings, ledger: Upkeep, zombies: int) -> Measures:
    """Measure now. `zombies` is how many there are, which callers find in different ways."""
    wall = wall_clock()
    identity = running_bot(settings.data_dir)
    bot = process_table.look_up(identity.pid) if identity else None
    said = published.read(ledger, published.BOT, bot)
    said_cpu = published.read(ledger, published.CPU, bot)
    pools = said.get("pools", [])
    confinement = said.get("confinement") or published.describe_confinement()
    sites_full = said.get("sites_full", {})
    disk = shutil.disk_usage(settings.data_dir)
    ytdlp = installed_version()
    update = situation.read_situation(settings.data_dir)
    today = datetime.fromtimestamp(wall, UTC).date()
    return Measures(
        taken_at=wall,
        statistics=ledger.statistics_at(wall, sites_full),
        bot_pid=bot.pid if bot else None,
        bot_age_s=bot.age_s if bot else 0.0,
        bot_is_stopped=bool(bot and bot.state in "Tt"),
        published_at=said.get("at"),
        polled_at=said.get("polled_at"),
        workers=tuple(_workers(settings, pools, published.worker_cpu_shares(said_cpu))),
        pool_sizes={pool["name"]: pool["size"] for pool in pools},
        troubles={pool["name"]: pool["trouble"] for pool in pools if pool["trouble"]},
        downloads=tuple(_downloads(ledger.sessions())),
        zombies=zombies,
        memory_bytes=_memory_of_all(bot.pid) if bot else 0,
        memory_peak_share=ledger.memory_peak(Wall(wall - PEAK_S)),
        disk_free_bytes=disk.free,
        disk_total_bytes=disk.total,
        disk_free_files=free_files(settings.data_dir),
        no_room_at=said.get("no_room_at"),
        answer_bytes=settings.answer_bytes,
        cpu_share=said_cpu.get("machine_share"),
        cpu_at=said_cpu.get("at"),
        load=os.getloadavg()[0],
        cpus=os.cpu_count() or 1,
        ytdlp=ytdlp,
        ytdlp_age_days=programs.release_age_days(ytdlp, today) if ytdlp else None,
        upgrade_trouble=said.get("upgrade_trouble"),
        sites_trouble=said.get("sites_trouble"),
        sites_down_until=said.get("sites_down", {}),
        sites_full=sites_full,
        sites_named=frozenset(said.get("sites_named", ())),
        missing_ffmpeg=tuple(program_paths.missing_ffmpeg()),
        js_runtime=javascript.installed(),
        landlock_abi=confinement["landlock_abi"],
        landlock_shortcoming=confinement["shortcoming"],
        network=Network(confinement["network"]),
        ytdlp_in_use=said.get("ytdlp_in_use"),
        starts=runs.read_starts(ledger, wall),
        cookies=cookies.read_all(settings, ledger.refused_cookies()),
        update=update,
        update_refused=_update_refused(settings, ledger, update.version),
        judge=_judge(said["judge"]) if "judge" in said else None,
    )


def _update_refused(settings: Settings, ledger: Upkeep, version: str | None) -> str | None:
    if settings.ytdlp_update is YtDlpUpdates.OFF:
        return None  # Without daily updates no later one can succeed.
    return situation.refusal(ledger.published(situation.STATE), version)


def sample_of(measures: Measures) -> Sample:
    """The part of the measures that is kept in the ledger."""
    return Sample(
        taken_at=measures.taken_at,
        disk_free_bytes=measures.disk_free_bytes,
        disk_total_bytes=measures.disk_total_bytes,
        memory_bytes=measures.memory_bytes,
        memory_share=max((worker.memory_share for worker in measures.workers), default=0.0),
    )


def _workers(
    settings: Settings, pools: Iterable[Mapping[str, Any]], cpu_shares: Mapping[Identity, float]
) -> Iterable[MeasuredWorker]:
    for pool in pools:
        is_downloads = pool["name"] == DOWNLOADS
        cap_mib = settings.download_memory_mib if is_downloads else settings.telegram_memory_mib
        for said in pool["workers"]:
            process = process_table.look_up(said["pid"])
            if process is None or process.identity.started != said["started"]:
                continue
            below = process_table.descendants(process.pid) if is_downloads else []
            yield MeasuredWorker(
                pool=pool["name"],
                name=said["name"],
                pid=process.pid,
                state="stopped" if process.state in "Tt" else said["state"],
                age_s=process.age_s,
                jobs_done=said["jobs_done"],
                job_id=said["job"],
                memory_bytes=max(
                    memory.data_bytes(process.pid),
                    sum(memory.private_bytes(child.pid) for child in below),
                ),
                memory_cap_bytes=cap_mib * MEBIBYTE,
                cpu_share=cpu_shares.get(process.identity),
                slot=said.get("slot"),
            )


def _judge(said: Mapping[str, Any]) -> MeasuredJudge:
    process = process_table.look_up(said["pid"]) if "pid" in said else None
    if process is None or process.identity.started != said["started"]:
        return MeasuredJudge(trouble=said["trouble"])
    used_bytes = memory.share_bytes(process.pid)
    return MeasuredJudge(process.pid, process.age_s, used_bytes, said["trouble"])


def _downloads(sessions: Mapping[Identity, int]) -> Iterable[RunningDownload]:
    for leader, job_id in sessions.items():
        process = process_table.look_up(leader.pid)
        if process and process.identity == leader and not process.is_defunct:
            used_bytes = memory.private_bytes(leader.pid)
            yield RunningDownload(leader.pid, job_id, process.age_s, used_bytes)


def _memory_of_all(bot_pid: int) -> int:
    pids = [bot_pid, *(process.pid for process in process_table.descendants(bot_pid))]
    return sum(map(memory.share_bytes, pids))
