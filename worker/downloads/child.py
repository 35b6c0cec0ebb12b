"""The download process: what the forked child of a worker does until it ends.

It never returns. Its exit code says nothing; what it has to say goes through the channel.
"""

import contextlib
import os
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from worker.downloads import workspace
from worker.downloads.channel import MOST_FILES, ReadyFile, Result, Sender
from worker.downloads.confinement import cookies
from worker.downloads.confinement.egress_guard import Guard
from worker.downloads.confinement.isolation import Confinement, isolate
from worker.downloads.limits import DownloadLimits
from worker.downloads.media.cutting import cut
from worker.downloads.media.finishing import finish
from worker.downloads.ytdlp.errors import classify
from worker.downloads.ytdlp.extractor_index import ExtractorIndex
from worker.downloads.ytdlp.fetch import COOKIES_NAME, fetch
from worker.errors import Fault, JobError, Reason
from worker.processes import process_setup
from worker.protocol import Download, Progress, Stage


def run(
    task: Download,
    confinement: Confinement,
    rules: DownloadLimits,
    channel_fd: int,
    extractors: ExtractorIndex,
) -> NoReturn:
    """Do the task and report through `channel_fd`. The process ends here, whatever happens."""
    guard = None
    sender = Sender(channel_fd)
    try:
        if rules.cookies_file:
            # yt-dlp writes its jar back, so each job has a copy of its own.
            cookies.copy_in_child(
                task.url, Path(rules.cookies_file), confinement.directory / COOKIES_NAME
            )
        guard = isolate(confinement, rules, sender)
        process_setup.set_title(f"yt-dlp: job {task.job_id} {urlsplit(task.url).hostname}")
        sender.finished(_download(task, rules, sender, extractors))
    except BaseException as error:  # noqa: BLE001 - the process's outer edge
        _report(error, guard, sender)
    finally:
        # No exit handler, no flush, no thread to join: they are copies of the worker's.
        os._exit(0)


def _download(
    task: Download, rules: DownloadLimits, sender: Sender, extractors: ExtractorIndex
) -> Result:
    fetched = fetch(task, rules, sender.report, extractors)
    directory = Path.cwd()
    sizes = [workspace.own_file(directory, path.name) for path, _ in fetched.files]
    if not all(sizes):
        raise JobError(Reason.EMPTY_FILE, Fault.PERMANENT, "yt-dlp left an empty file")
    sender.report(Progress(Stage.FINISHING, done_bytes=sum(sizes), total_bytes=sum(sizes)))
    ready: list[ReadyFile] = []
    for size, (path, info) in zip(sizes, fetched.files, strict=True):
        if size > rules.max_file_bytes:
            pieces = cut(directory / path.name, info, rules)
        else:
            drawing = None if ready else fetched.drawing
            pieces = [
                finish(directory / path.name, info, rules, drawing, sound_only=task.form.sound_only)
            ]
        if len(ready) + len(pieces) > MOST_FILES:
            # A post has no more places; a video of which some parts were missing would be none.
            break
        ready += pieces
    first = ready[0]
    ready[0] = replace(first, facts=replace(first.facts, note=first.facts.note or fetched.note))
    return Result(tuple(ready))


def _report(error: BaseException, guard: Guard | None, sender: Sender) -> None:
    """Say what went wrong. The traceback is in the job's log before the worker hears of it."""
    try:
        with contextlib.suppress(Exception):
            traceback.print_exception(error, file=sys.stderr)
        sender.failed(classify(error, guard))
    except BaseException:  # noqa: BLE001
        # Out of memory, or the worker is gone: an end without a word says as much.
        os._exit(1)
