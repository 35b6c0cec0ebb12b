"""What a worker is told to do for a job, and how long it may take."""

from pathlib import Path

from worker import protocol
from worker.dispatch import albums
from worker.ledger import Job, Kind, Request, Verdict, download_directory
from worker.settings import Settings

UPLOAD_FLOOR_BPS = 250_000
"""The slowest upload that is waited for, in bytes per second."""

Task = protocol.TelegramTask | protocol.Download


def task_of(
    job: Job, downloads: Path, settings: Settings, site_wait_s: float | None = None
) -> Task | None:
    """What the worker is told; None when there is no file to deliver any more.

    `site_wait_s` is how long the site of the job's request is not asked, if so.
    """
    request = job.request
    match job.kind:
        case Kind.UPDATE:
            return protocol.HandleUpdate(job.payload)
        case Kind.REPLY:
            return protocol.Reply(**job.payload)
        case Kind.BUTTON:
            return protocol.AnswerButton(**job.payload)
        case Kind.DOWNLOAD:
            directory = downloads / download_directory(job.id, job.attempts)
            return protocol.Download(
                job.id,
                job.attempts,
                job.payload["url"],
                str(directory),
                job.payload.get("sound_only", False),
            )
    assert request is not None  # noqa: S101 - the other kinds all have one
    chat_id, message_id = request.chat_id, request.status_message_id
    if job.kind is Kind.STATUS:
        return protocol.PostStatus(request.id, chat_id, request.message_id)
    assert message_id is not None  # noqa: S101 - see worker.ledger.requests.settle
    if request.verdict is not Verdict.MEDIA:
        return protocol.Explain(
            request.id,
            chat_id,
            message_id,
            request.reason,
            request.error_id or "",
            site_wait_s,
            settings.max_file_mb,
        )
    if job.media is None:
        return None
    if not all(file.file_id or _is_own(file, request, downloads) for file in job.media.files):
        return None
    first, *others = job.media.files
    if job.kind is Kind.DELIVER:
        return protocol.Deliver(request.id, chat_id, message_id, first)
    group = albums.next_group(others[len(request.sent) :], settings.max_file_bytes)
    # None is left where what is remembered has become other media, of fewer files.
    return protocol.SendGroup(request.id, chat_id, request.message_id, group) if group else None


def _is_own(media: protocol.MediaFile, request: Request, downloads: Path) -> bool:
    """Whether the file is there, in a directory of the download that was made for the request."""
    path = Path(media.path)
    own = path.parent
    is_its = own.name.startswith(f"{request.download}-") and own.parent == downloads
    return is_its and Path(media.thumbnail or path).parent == own and path.is_file()


def timeout_s(task: Task, settings: Settings) -> float:
    """How long the worker may take for it; an upload gets more, by its size."""
    match task:
        case protocol.Download():
            return settings.download_job_timeout_s
        case protocol.Deliver(file=file):
            return settings.telegram_job_timeout_s + _upload_s(file)
        case protocol.SendGroup(files=files):
            return settings.telegram_job_timeout_s + sum(map(_upload_s, files))
        case _:
            return settings.telegram_job_timeout_s


def _upload_s(file: protocol.MediaFile) -> float:
    # Twice: what Telegram refuses is sent again, as a document or by halves.
    return 0.0 if file.file_id else 2 * file.size_bytes / UPLOAD_FLOOR_BPS
