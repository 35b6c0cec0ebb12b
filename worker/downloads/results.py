"""Check the files that a download process claims to have made.

Runs in the downloads worker, once every process of the download has ended.
"""

import os
from dataclasses import replace
from pathlib import Path

from worker.downloads import workspace
from worker.downloads.file_names import LOG_NAME
from worker.downloads.reports import Looked, ReadyFile, Result
from worker.errors import Fault, JobError, Reason
from worker.file_titles import file_name
from worker.protocol import Download, Media, MediaFile


def media_of(result: Result | Looked, task: Download, max_file_bytes: int) -> Media:
    """The result of a task, with its files in its directory; all other files are removed.

    Raises JobError for a result of another kind of task, and for a file that is not as it was
    claimed, or larger than `max_file_bytes`.
    """
    directory = Path(task.directory)
    if task.form.is_look != isinstance(result, Looked) and not _is_list(result):
        detail = f"the download process claims to have {type(result).__name__}"
        raise JobError(Reason.CRASHED, Fault.RETRYABLE, detail)
    if isinstance(result, Looked):
        workspace.keep_only(directory, set())
        return Media((), look=result.look)
    files = tuple(_checked(file, directory, task.url, max_file_bytes) for file in result.files)
    named = {name for file in result.files for name in (file.name, file.thumbnail) if name}
    workspace.keep_only(directory, named - {LOG_NAME})
    return Media(tuple(map(_titled, files)), result.offer, result.found_list)


def _is_list(result: Result | Looked) -> bool:
    """Whether it is only a list, with which looks and downloads may end alike."""
    return isinstance(result, Result) and result.found_list is not None and not result.files


def _checked(file: ReadyFile, directory: Path, url: str, max_file_bytes: int) -> MediaFile:
    try:
        size = workspace.private_file_bytes(directory, file.name)
        if file.thumbnail:
            workspace.private_file_bytes(directory, file.thumbnail)
    except (OSError, ValueError) as error:
        detail = f"the download process named a wrong file: {type(error).__name__}"
        raise JobError(Reason.CRASHED, Fault.RETRYABLE, detail) from error
    if not size:
        raise JobError(Reason.EMPTY_FILE, Fault.PERMANENT, "the file is empty")
    if size > max_file_bytes:
        raise JobError(Reason.TOO_LARGE, Fault.PERMANENT, f"{size} bytes")
    return MediaFile(
        path=os.fspath(directory / file.name),
        size_bytes=size,
        source_url=url,
        facts=file.facts,
        thumbnail=os.fspath(directory / file.thumbnail) if file.thumbnail else None,
    )


def _titled(file: MediaFile) -> MediaFile:
    """Name a file after its title: a local Bot API server sends it under the name that it has."""
    name = file_name(file.facts.title, file.path, file.source_url)
    return replace(file, path=os.fspath(workspace.rename(Path(file.path), name)))
