"""The download process: confine itself, download, finish the files, report, exit.

Its exit code means nothing; the result goes through the channel.
"""

import contextlib
import math
import os
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from worker.downloads import program_paths, spans
from worker.downloads.channel import Sender
from worker.downloads.confinement.egress_guard import Guard
from worker.downloads.confinement.isolation import Confinement, isolate
from worker.downloads.limits import DownloadLimits
from worker.downloads.media import file_types, recorded, sponsors, subtitles
from worker.downloads.media.clipping import Clipped, clip
from worker.downloads.media.cutting import cut
from worker.downloads.media.preparing import Downloaded, as_file, check_whole, prepare
from worker.downloads.media.program_run import ProgramFailed
from worker.downloads.media.songs import convert_to_sound, extract_picture
from worker.downloads.pictures.post import MIN_SIDE
from worker.downloads.reports import MAX_FILES, ReadyFile, Result
from worker.downloads.ytdlp import sponsorblock
from worker.downloads.ytdlp.extractor_index import ExtractorIndex
from worker.downloads.ytdlp.failures.errors import classify
from worker.downloads.ytdlp.fetch import fetch
from worker.downloads.ytdlp.looking import look
from worker.downloads.ytdlp.posts import may_be_left_out
from worker.downloads.ytdlp.recording import record
from worker.errors import Fault, JobError, Reason
from worker.form import Form, Sponsors
from worker.processes import process_setup
from worker.protocol import Download, MediaFacts, Note, Progress, Stage
from worker.protocol.lists import MediaList

# What the site says about the whole video.
_NOT_OF_CLIPS = {"duration": None, "chapters": None}
_OF_MISSING = frozenset(
    {
        *(Note.AUDIO_ONLY, Note.INCOMPLETE, Note.MORE_IN_POST),
        *(Note.RECORDING_STOPPED, Note.RECORDING_FULL, Note.STREAM_ENDED, Note.PARTS_LEFT_OUT),
    }
)


def run(
    task: Download,
    confinement: Confinement,
    limits: DownloadLimits,
    channel_fd: int,
    extractors: ExtractorIndex,
) -> NoReturn:
    """Run the task in this forked process, report through `channel_fd`, and exit."""
    guard = None
    sender = Sender(channel_fd)
    try:
        guard = isolate(confinement, limits, sender)
        process_setup.set_title(f"yt-dlp: job {task.job_id} {urlsplit(task.url).hostname}")
        if task.form.is_look:
            found = look(task, limits, sender.report, extractors)
            if isinstance(found, MediaList):
                sender.send_result(Result((), found_list=found))
            else:
                sender.send_look(found)
        else:
            sender.send_result(_download(task, limits, sender, extractors))
    except BaseException as error:  # noqa: BLE001 - the process's outer edge
        _report(error, guard, sender)
    finally:
        # Exit handlers, buffers and threads are copies of the worker's, and not to be touched.
        os._exit(0)


def _download(
    task: Download, limits: DownloadLimits, sender: Sender, extractors: ExtractorIndex
) -> Result:
    get = record if task.form.is_recording else fetch
    fetched = get(task, limits, sender.report, extractors)
    if fetched.found_list:
        return Result((), found_list=fetched.found_list)
    directory = Path.cwd()
    sizes = [file.path.lstat().st_size for file in fetched.files]
    if not all(sizes):
        raise JobError(Reason.EMPTY_FILE, Fault.PERMANENT, "yt-dlp left an empty file")
    finishing = Progress(Stage.FINISHING, done_bytes=sum(sizes), total_bytes=sum(sizes))
    ready: list[ReadyFile] = []
    note, failures = fetched.note, list[JobError]()
    for file in fetched.files:
        sender.report(finishing)  # for each file, because each gets time of its own
        try:
            found = replace(file, path=directory / file.path.name)
            pieces = _ready(found, limits, task.form)
        except JobError as error:
            if not fetched.is_post or not may_be_left_out(error):
                raise
            failures.append(error)
            note = Note.INCOMPLETE
            continue
        if len(ready) + len(pieces) > MAX_FILES:
            # A video with parts missing is useless.
            note = Note.MORE_IN_POST
            break
        ready += pieces
    if not ready:
        raise failures[0]
    ready[0] = replace(ready[0], facts=_noted(ready[0].facts, note))
    recorded.forget()
    return Result(tuple(ready), fetched.offer)


def _noted(facts: MediaFacts, note: Note | None) -> MediaFacts:
    # A note that something is missing matters more than what the file's own note says.
    return replace(facts, note=note if note in _OF_MISSING or not facts.note else facts.note)


def _ready(file: Downloaded, limits: DownloadLimits, form: Form) -> list[ReadyFile]:
    """Make the wanted part of a file ready to be sent, in as many files as that takes."""
    check_whole(file)
    path, span, clipped = file.path, spans.of(file.info), None
    if span and file_types.of(file.path) is None and not program_paths.missing_ffmpeg():
        clipped = clip(file.path, span, file.info, limits, form)
        kept = [(clipped.starts_s, math.inf if span.end_s is None else span.end_s)]
        info = spans.with_kept({**file.info, **_NOT_OF_CLIPS}, kept)
        file = replace(file, path=clipped.path, info=info)
    file, note = _treat_sponsors(file, limits, form)
    first, *others = _finish(file, limits, form)
    if form.clip and not clipped:
        raise JobError(Reason.NOT_CUT, Fault.PERMANENT, "neither video nor sound, or no ffmpeg")
    if clipped:
        note, first = clipped.note, replace(first, facts=_starting(first.facts, clipped))
    first = replace(first, facts=_noted(first.facts, note))
    if form.has_subtitles_inside:
        return subtitles.put_into([first, *others], path, file.info, limits)
    return [first, *others]


def _treat_sponsors(
    file: Downloaded, limits: DownloadLimits, form: Form
) -> tuple[Downloaded, Note | None]:
    """Mark or cut out sponsors in a file, as is wanted. Returns it, with a note if that failed."""
    note = Note.NO_SPONSORBLOCK if sponsorblock.is_unanswered(file.info) else None
    if form.sponsors is Sponsors.CUT and not program_paths.missing_ffmpeg():
        with contextlib.suppress(ProgramFailed, ValueError):
            path, info = sponsors.cut_out(file.path, file.info, limits)
            return replace(file, path=path, info=info), note
        note = Note.NO_SPONSORBLOCK
    return (replace(file, info=sponsors.mark(file.info)) if form.sponsors else file), note


def _finish(file: Downloaded, limits: DownloadLimits, form: Form) -> list[ReadyFile]:
    if form.has_subtitles_alone:
        return [subtitles.finish(file, limits)]
    if form.as_file:
        return [as_file(file)]
    if form.names_sound and not program_paths.missing_ffmpeg():
        file = convert_to_sound(file, form, limits)
    if form.is_cover and file_types.of(file.path) is None:
        file = extract_picture(file, limits)
    if file.path.stat().st_size > limits.max_file_bytes:
        return cut(file.path, file.info, limits, form)
    return [_large_enough(file, prepare(file, limits, form))]


def _starting(facts: MediaFacts, clipped: Clipped) -> MediaFacts:
    return replace(facts, starts_s=clipped.starts_s)


def _large_enough(file: Downloaded, ready: ReadyFile) -> ReadyFile:
    """Return `ready`. Raises JobError for a picture too small to be what a page is about."""
    min_side = file.info.get(MIN_SIDE) or 0
    sides = (ready.facts.width, ready.facts.height)
    if any(side is not None and side < min_side for side in sides):
        raise JobError(Reason.UNSUPPORTED, Fault.PERMANENT, f"a picture of {sides} pixels")
    return ready


def _report(error: BaseException, guard: Guard | None, sender: Sender) -> None:
    """Report a failure, after writing its traceback to the job's log."""
    try:
        with contextlib.suppress(Exception):
            traceback.print_exception(error, file=sys.stderr)
        sender.send_failure(classify(error, guard))
    except BaseException:  # noqa: BLE001
        # Out of memory, or the worker is gone. To the worker an exit without a message is a crash.
        os._exit(1)
