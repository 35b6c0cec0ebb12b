"""What only the bot's process knows about itself, published in the ledger for commands.

Times in the ledger are wall times. What an earlier run of the bot published is ignored.
"""

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from maintenance.cpu import CpuUse
from worker.clocks import Monotonic, Wall, monotonic
from worker.dispatch.work import Work
from worker.downloads.confinement import isolation, landlock, network
from worker.ledger.upkeep.upkeep import Upkeep
from worker.processes import process_table
from worker.processes.process_table import Identity, Process

if TYPE_CHECKING:  # Commands do not need what it imports.
    from worker.dispatch.dispatcher import Dispatcher
    from worker.downloads.judge.keeper import JudgeKeeper
    from worker.pool.worker import WorkerState

BOT = "bot"
CPU = "cpu"
WORK = "work"
"""The names under which the documents are kept in the ledger."""


def describe_bot(dispatcher: "Dispatcher") -> dict[str, Any]:
    """The bot's process, its pools and their workers, as a document for the ledger."""
    return {
        **_me(),
        "upgrade_trouble": dispatcher.ytdlp.trouble,
        "ytdlp_in_use": dispatcher.ytdlp.in_use,
        "sites_full": dict(dispatcher.sites_full),
        "no_room_at": dispatcher.no_room_at,
        "confinement": describe_confinement(),
        "judge": _describe_judge(dispatcher.judge),
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


def describe_confinement() -> dict[str, Any]:
    """What confines the downloads that this process starts.

    Another process may be allowed more or less: in a container, under systemd, as another user.
    """
    return {
        "landlock_abi": landlock.abi(),
        "shortcoming": isolation.shortcoming(),
        "network": network.active(),
    }


def describe_cpu(use: CpuUse, wall: Wall) -> dict[str, Any]:
    """The use of the processors until `wall`, as a document for the ledger."""
    workers = [[worker.pid, worker.started, share] for worker, share in use.workers.items()]
    return {**_me(), "at": wall, "machine_share": use.machine_share, "workers": workers}


def describe_work(work: Iterable[Work], wall: Wall, now: Monotonic) -> dict[str, Any]:
    """What workers do at wall time `wall`, which is monotonic `now`, as a document."""
    return {**_me(), "at": wall, "jobs": [_describe_job(each, wall - now) for each in work]}


def _describe_job(work: Work, clocks_apart_s: float) -> dict[str, Any]:
    progress = work.progress
    far = (
        {}
        if progress is None
        else {
            "stage": progress.stage,
            "done_bytes": progress.done_bytes,
            "total_bytes": progress.total_bytes,
            "speed_bps": progress.speed_bps,
            "eta_s": progress.eta_s,
        }
    )
    return {
        "job": work.job_id,
        "kind": work.kind,
        "site": work.site,
        "attempt": work.attempt,
        "since": work.since + clocks_apart_s,
        **far,
    }


def read(ledger: Upkeep, name: str, bot: Process | None) -> dict[str, Any]:
    """The document that the running `bot` published last; empty if there is none."""
    document = ledger.published(name)
    publisher = Identity(document.get("pid", 0), document.get("started", 0))
    return document if bot and bot.identity == publisher else {}


def worker_cpu_shares(document: Mapping[str, Any]) -> dict[Identity, float]:
    """The use of the processors by each worker, from the document of `describe_cpu`."""
    return {Identity(pid, started): share for pid, started, share in document.get("workers", [])}


def _me() -> dict[str, int]:
    me = process_table.identify(os.getpid())
    assert me is not None  # noqa: S101 - this process
    return {"pid": me.pid, "started": me.started}


def _describe_judge(judge: "JudgeKeeper") -> dict[str, Any]:
    found = [process for pid in judge.pids if (process := process_table.identify(pid))]
    where = {"pid": found[0].pid, "started": found[0].started} if found else {}
    return {"trouble": judge.trouble or judge.instability(monotonic()), **where}


def _describe_worker(worker: "WorkerState") -> dict[str, Any]:
    identity = process_table.identify(worker.pid)
    return {
        "name": worker.name,
        "slot": worker.slot,
        "pid": worker.pid,
        "started": identity.started if identity else 0,
        "state": worker.state,
        "jobs_done": worker.jobs_done,
        "job": worker.job_id,
    }
