"""What there is to know of a bot at one moment: from its ledger, from /proc, from the disk.

The bot's process publishes what it alone knows into the ledger; all else is looked up by
whoever asks, the thread and the command alike.
"""

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from maintenance import programs
from maintenance.cpu import CpuUse
from maintenance.ownership import running_bot
from worker.clocks import Wall, wall_clock
from worker.downloads.confinement import isolation, landlock
from worker.ledger import DOWNLOADS
from worker.ledger.statistics import Statistics
from worker.ledger.upkeep import Sample, Upkeep
from worker.processes import memory, process_table
from worker.processes.process_table import Identity, Process
from worker.settings import Settings

PUBLISHED = "bot"
PUBLISHED_CPU = "cpu"
PEAK_S = 3600.0


class WorkerLike(Protocol):
    """A worker, as a pool tells of it."""

    name: str
    pid: int
    state: str
    jobs_done: int
    job_id: int | None


@dataclass(frozen=True)
class MeasuredWorker:
    """A worker of the running bot. `memory_bytes` is its own or its download's, if that is more."""

    pool: str
    name: str
    pid: int
    state: str
    age_s: float
    jobs_done: int
    job: int | None
    memory_bytes: int
    memory_cap_bytes: int
    cpu_share: float | None = None
    """Of one processor, its download's included; None until it is sampled."""

    @property
    def memory_share(self) -> float:
        """Of its cap."""
        return self.memory_bytes / self.memory_cap_bytes


@dataclass(frozen=True)
class RunningDownload:
    """A running yt-dlp."""

    pid: int
    job: int
    age_s: float
    memory_bytes: int


@dataclass(frozen=True)
class Measures:
    """See the module. `published_at` and `polled_at` are wall times of the running bot.

    `cpu_share` is of all processors, over the sampling interval that ended at wall time `cpu_at`.
    `sites_down` are those that fail for everybody, with the wall time of the next try.
    """

    taken_at: Wall
    figures: Statistics
    bot_pid: int | None
    bot_age_s: float
    bot_is_stopped: bool
    published_at: float | None
    polled_at: float | None
    workers: tuple[MeasuredWorker, ...]
    pool_sizes: Mapping[str, int]
    troubles: Mapping[str, str]
    downloads: tuple[RunningDownload, ...]
    zombies: int
    memory_bytes: int
    memory_peak_share: float
    disk_free_bytes: int
    disk_total_bytes: int
    cpu_share: float | None
    cpu_at: float | None
    load: float
    cpus: int
    ytdlp: str | None
    ytdlp_age_days: int | None
    upgrade_trouble: str | None
    sites_down: Mapping[str, float]
    missing_ffmpeg: tuple[str, ...]
    js_runtime: str | None
    landlock_abi: int
    landlock_shortcoming: str


class DispatcherView(Protocol):
    """What the bot's dispatcher shows of itself; `pools` are `worker.pool.Pool`s."""

    @property
    def pools(self) -> Iterable[Any]:
        """The pools."""

    @property
    def pids(self) -> Iterable[int]:
        """The processes that it has started."""

    @property
    def upgrade_trouble(self) -> str | None:
        """Why what is on disk is not what runs."""

    @property
    def sites_down(self) -> Mapping[str, float]:
        """The sites that fail for everybody, and when each is tried again, in monotonic time."""


def describe_bot(dispatcher: DispatcherView) -> dict[str, Any]:
    """What the bot's process publishes of itself."""
    return {
        **_me(),
        "upgrade_trouble": dispatcher.upgrade_trouble,
        "pools": [
            {
                "name": pool.spec.name,
                "size": pool.spec.size,
                "trouble": pool.trouble,
                "workers": [_describe_worker(worker) for worker in pool.workers],
            }
            for pool in dispatcher.pools
        ],
    }


def _describe_worker(worker: WorkerLike) -> dict[str, Any]:
    identity = process_table.identify(worker.pid)
    return {
        "name": worker.name,
        "pid": worker.pid,
        "started": identity.started if identity else 0,
        "state": worker.state,
        "jobs_done": worker.jobs_done,
        "job": worker.job_id,
    }


def take(settings: Settings, ledger: Upkeep, zombies: int) -> Measures:
    """Measure now. `zombies` is how many there are, for they are counted elsewhere."""
    wall = wall_clock()
    identity = running_bot(settings.data_dir)
    bot = process_table.look_up(identity.pid) if identity else None
    said, said_cpu = (
        _if_said_by(bot, ledger.published(name)) for name in (PUBLISHED, PUBLISHED_CPU)
    )
    pools = said.get("pools", [])
    disk = shutil.disk_usage(settings.data_dir)
    ytdlp = programs.installed_ytdlp()
    today = datetime.fromtimestamp(wall, UTC).date()
    return Measures(
        taken_at=wall,
        figures=ledger.figures(wall),
        bot_pid=bot.pid if bot else None,
        bot_age_s=bot.age_s if bot else 0.0,
        bot_is_stopped=bool(bot and bot.state in "Tt"),
        published_at=said.get("at"),
        polled_at=said.get("polled_at"),
        workers=tuple(_workers(settings, pools, _worker_shares(said_cpu))),
        pool_sizes={pool["name"]: pool["size"] for pool in pools},
        troubles={pool["name"]: pool["trouble"] for pool in pools if pool["trouble"]},
        downloads=tuple(_downloads(ledger.sessions())),
        zombies=zombies,
        memory_bytes=_memory_of_all(bot.pid) if bot else 0,
        memory_peak_share=ledger.memory_peak(wall - PEAK_S),
        disk_free_bytes=disk.free,
        disk_total_bytes=disk.total,
        cpu_share=said_cpu.get("machine_share"),
        cpu_at=said_cpu.get("at"),
        load=os.getloadavg()[0],
        cpus=os.cpu_count() or 1,
        ytdlp=ytdlp,
        upgrade_trouble=said.get("upgrade_trouble"),
        sites_down=said.get("sites_down", {}),
        ytdlp_age_days=programs.release_age_days(ytdlp, today) if ytdlp else None,
        missing_ffmpeg=tuple(programs.missing_ffmpeg()),
        js_runtime=programs.js_runtime(),
        landlock_abi=landlock.abi(),
        landlock_shortcoming=isolation.shortcoming(),
    )


def sample_of(measures: Measures) -> Sample:
    """What is kept of them for a while."""
    return Sample(
        taken_at=measures.taken_at,
        disk_free_bytes=measures.disk_free_bytes,
        disk_total_bytes=measures.disk_total_bytes,
        memory_bytes=measures.memory_bytes,
        memory_share=max((worker.memory_share for worker in measures.workers), default=0.0),
    )


def describe_cpu(use: CpuUse, wall: float) -> dict[str, Any]:
    """What the bot's process publishes of a look at the processors."""
    workers = [[worker.pid, worker.started, share] for worker, share in use.workers.items()]
    return {**_me(), "at": wall, "machine_share": use.machine_share, "workers": workers}


def _me() -> dict[str, int]:
    me = process_table.identify(os.getpid())
    assert me is not None  # noqa: S101 - it is us
    return {"pid": me.pid, "started": me.started}


def _if_said_by(bot: Process | None, said: dict[str, Any]) -> dict[str, Any]:
    """What was published, unless by an earlier bot: that is of no use now."""
    is_its = bot and (said.get("pid"), said.get("started")) == (bot.pid, bot.identity.started)
    return said if is_its else {}


def _worker_shares(said: Mapping[str, Any]) -> dict[Identity, float]:
    return {Identity(pid, started): share for pid, started, share in said.get("workers", [])}


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
                job=said["job"],
                memory_bytes=max(
                    memory.data_bytes(process.pid),
                    sum(memory.private_bytes(child.pid) for child in below),
                ),
                memory_cap_bytes=cap_mib * 1024 * 1024,
                cpu_share=cpu_shares.get(process.identity),
            )


def _downloads(sessions: Mapping[Identity, int]) -> Iterable[RunningDownload]:
    for leader, job in sessions.items():
        process = process_table.look_up(leader.pid)
        if process and process.identity == leader and not process.is_defunct:
            used = memory.private_bytes(leader.pid)
            yield RunningDownload(leader.pid, job, process.age_s, used)


def _memory_of_all(bot: int) -> int:
    pids = [bot, *(process.pid for process in process_table.descendants(bot))]
    return sum(map(memory.share_bytes, pids))
