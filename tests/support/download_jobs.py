"""A downloads worker for pools under test: what runs in yt-dlp's place is named by the link."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support import pool_jobs, process_scenes
from worker.downloads import child
from worker.downloads.job import make_handler
from worker.downloads.limits import DownloadLimits
from worker.downloads.ytdlp import warm
from worker.pool.worker_main import JobContext
from worker.protocol import Download, Progress, Stage

MEBIBYTE = 1024 * 1024


def set_up(rules: DownloadLimits) -> Callable[[JobContext, Any], Any]:
    """The real handler for downloads, and `pool_jobs` for everything else."""
    vars(warm)["warm_up"] = dict  # Nothing here needs yt-dlp.
    vars(child)["fetch"] = play
    download = make_handler(rules)

    def run(context: JobContext, task: pool_jobs.Task) -> Any:
        match task:
            case [Download() as wanted]:
                return download(context, wanted)
        return pool_jobs.run(context, task)

    return run


def play(
    task: Download, _rules: DownloadLimits, report: Callable[[Progress], None], _extractors: Any
) -> None:
    """Do what the link says, tell that it is done, and stay."""
    name = task.url.rpartition("/")[2]
    scene = globals().get(name) or vars(process_scenes)[name]
    scene()
    report(Progress(Stage.DOWNLOADING))
    while True:
        signal.pause()


def nothing() -> None:
    """No byte ever comes."""


def stopped() -> None:
    """A child for the test to stop: a download can send no signal itself."""
    process_scenes.fork(lambda: None)


def ignore_sigterm() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def leave_a_holder_of_the_pipe() -> None:
    process_scenes.deaf()
    os._exit(3)


def take_memory() -> None:
    bytearray(600 * MEBIBYTE)


def take_memory_in_parts() -> None:
    """No process is over the cap, all together are."""

    def hold() -> None:
        vars(process_scenes)["held"] = b"x" * (150 * MEBIBYTE)

    for _ in range(3):
        process_scenes.fork(hold)


def write_a_large_file() -> None:
    Path("large").write_bytes(bytes(60 * MEBIBYTE))
