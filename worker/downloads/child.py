"""The download process: what the forked child of a worker does until it ends.

It never returns. Its exit code says nothing; what it has to say goes through the channel.
"""

import contextlib
import os
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from worker.downloads import cookies, workspace
from worker.downloads.channel import Finished, Sender
from worker.downloads.errors import classify
from worker.downloads.finishing import finish
from worker.downloads.guard import Guard
from worker.downloads.isolation import Confinement, isolate
from worker.downloads.rules import Rules
from worker.downloads.ytdlp import COOKIES_NAME, NOTE_KEY, fetch
from worker.jobs import Fault, JobError, Progress, Reason, Stage


def run(
    url: str, confinement: Confinement, rules: Rules, channel_fd: int, extractors: Iterable[Any]
) -> NoReturn:
    """Download `url` and report through `channel_fd`. The process ends here, whatever happens."""
    guard = None
    sender = Sender(channel_fd)
    try:
        if rules.cookies_file:
            # yt-dlp writes its jar back, so each job has a copy of its own.
            cookies.hand_over(url, Path(rules.cookies_file), confinement.directory / COOKIES_NAME)
        channel_fd, guard = isolate(confinement, rules, channel_fd)
        sender = Sender(channel_fd)
        sender.finished(_download(url, rules, sender, extractors))
    except BaseException as error:  # noqa: BLE001 - the process's outer edge
        _report(error, guard, sender)
    finally:
        # No exit handler, no flush, no thread to join: they are copies of the worker's.
        os._exit(0)


def _download(url: str, rules: Rules, sender: Sender, extractors: Iterable[Any]) -> Finished:
    path, info = fetch(url, rules, sender.progress, extractors)
    directory = Path.cwd()
    size = workspace.own_file(directory, path.name)
    if not size:
        raise JobError(Reason.EMPTY_FILE, Fault.PERMANENT, "yt-dlp left an empty file")
    sender.progress(Progress(Stage.FINISHING, done_bytes=size, total_bytes=size))
    made = finish(directory / path.name, info, rules)
    return Finished(
        name=made.path.name,
        kind=made.kind,
        title=_words(info, "title"),
        width=made.width,
        height=made.height,
        duration_s=made.duration_s,
        thumbnail=made.thumbnail.name if made.thumbnail else None,
        uploader=_words(info, "uploader", "channel", "creator") or None,
        extractor=_words(info, "extractor_key", "extractor"),
        media_id=_words(info, "id"),
        note=made.note or info.get(NOTE_KEY),
    )


def _words(info: dict[str, Any], *names: str) -> str:
    for name in names:
        if info.get(name):
            return str(info[name])[:1000]
    return ""


def _report(error: BaseException, guard: Guard | None, sender: Sender) -> None:
    """Say what went wrong. The traceback is in the job's log before the worker hears of it."""
    try:
        with contextlib.suppress(Exception):
            traceback.print_exception(error, file=sys.stderr)
        sender.failed(classify(error, guard))
    except BaseException:  # noqa: BLE001
        # Out of memory, or the worker is gone: an end without a word says as much.
        os._exit(1)
