"""What a worker is told to do for a job, and how long it may take."""

from pathlib import Path

from worker import jobs
from worker.ledger import Job, Kind, Request, Verdict, download_directory
from worker.settings import Settings

UPLOAD_FLOOR_BPS = 250_000
"""The slowest upload that is waited for, in bytes per second."""

Task = jobs.TelegramTask | jobs.Download


def task_of(job: Job, downloads: Path) -> Task | None:
    """What the worker is told; None when there is no file to deliver any more."""
    request = job.request
    match job.kind:
        case Kind.UPDATE:
            return jobs.HandleUpdate(job.payload)
        case Kind.REPLY:
            return jobs.Reply(**job.payload)
        case Kind.BUTTON:
            return jobs.AnswerButton(**job.payload)
        case Kind.DOWNLOAD:
            directory = downloads / download_directory(job.id, job.attempts)
            return jobs.Download(job.id, job.attempts, job.payload["url"], str(directory))
    assert request is not None  # noqa: S101 - the other kinds all have one
    chat_id, message_id = request.chat_id, request.status_message_id
    if job.kind is Kind.STATUS:
        return jobs.PostStatus(request.id, chat_id, request.message_id)
    assert message_id is not None  # noqa: S101 - see worker.ledger.requests.settle
    if request.verdict is not Verdict.MEDIA:
        error_id = request.error_id or ""
        return jobs.Explain(request.id, chat_id, message_id, request.reason, error_id)
    if job.media and (job.file_id or _is_own(job.media, request, downloads)):
        return jobs.Deliver(request.id, chat_id, message_id, job.media, job.file_id)
    return None


def _is_own(media: jobs.MediaFile, request: Request, downloads: Path) -> bool:
    """Whether the file is there, in a directory of the download that was made for the request."""
    path = Path(media.path)
    own = path.parent
    is_its = own.name.startswith(f"{request.download}-") and own.parent == downloads
    return is_its and Path(media.thumbnail or path).parent == own and path.is_file()


def timeout_s(task: Task, settings: Settings) -> float:
    """How long the worker may take for it; an upload gets more, by its size."""
    match task:
        case jobs.Download():
            return settings.download_job_timeout_s
        case jobs.Deliver(media=media, file_id=None):
            return settings.telegram_job_timeout_s + media.size_bytes / UPLOAD_FLOOR_BPS
        case _:
            return settings.telegram_job_timeout_s
