"""The task that a worker gets for a job, and how long it may take."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import assert_never

from worker import protocol
from worker.dispatch import albums
from worker.dispatch.outcomes import goes_another_way
from worker.form import WHOLE, Form
from worker.ledger import (
    AnswerJob,
    ButtonJob,
    CookiesJob,
    DeliverJob,
    DownloadJob,
    ExplainJob,
    GroupJob,
    Job,
    MenusJob,
    PanelJob,
    RecordingJob,
    RemovalJob,
    ReplyJob,
    Request,
    StatusJob,
    SummaryJob,
    UpdateJob,
    Verdict,
    download_directory,
    first_menu,
)
from worker.protocol import site_cookies
from worker.protocol.lists import ListMenu
from worker.protocol.panels import ShowPanel
from worker.settings import DEFAULT_SITES, Settings, Sites

LOOK_TIMEOUT_S = 90.0
"""How long a look may take: twice as long as its site may, once without cookies and once with."""

OFFERED_MINUTES = (5, 15, 30, 60, 120, 240)
"""The lengths of a recording that people can choose, besides the longest that is allowed."""

UPLOAD_FLOOR_BPS = 250_000
"""The slowest upload that is waited for, in bytes per second."""

Task = protocol.TelegramTask | ShowPanel | site_cookies.KeepCookies | protocol.Download


def task_of(
    job: Job,
    downloads: Path,
    settings: Settings,
    site_wait_s: float | None = None,
    sites: Sites = DEFAULT_SITES,
    cookies_that_work: Mapping[str, int | None] = MappingProxyType({}),
) -> Task | None:
    """The task for a job; None when the file that was to be delivered is gone.

    `site_wait_s` is for how long the links of the job's site stay refused, if they are; for
    `cookies_that_work` see `Recorder`.
    """
    match job:
        case UpdateJob():
            return protocol.HandleUpdate(job.update, job.language)
        case ReplyJob():
            return job.reply
        case ButtonJob():
            return job.answer
        case CookiesJob():
            return job.sent
        case MenusJob() | RemovalJob():
            return job.task
        case PanelJob(panel=panel):
            return ShowPanel(panel.id, panel.reader, panel.reply_to_id, panel.message_id, job.view)
        case DownloadJob():
            directory = downloads / download_directory(job.id, job.attempts, job.kind)
            access = _access(sites, job.url, settings, cookies_that_work)
            return protocol.Download(
                job.id,
                job.url,
                str(directory),
                job.form,
                job.max_bytes,
                access,
                job.fresh,
                _record_s(job, settings),
            )
        case StatusJob(request=request):
            # An item of a list gets its status message only when there is something to upload.
            is_item = request.batch_id is not None
            first = first_stage(request.form, begun=False)
            stage = protocol.Stage.UPLOADING if is_item else first
            return protocol.PostStatus(request.id, request.reader, request.message_id, stage)
        case SummaryJob(batch=batch, summary=summary):
            reply_to_id, known_id = batch.message_id, batch.summary_message_id
            return protocol.ShowSummary(batch.id, batch.reader, reply_to_id, known_id, summary)
        case ExplainJob():
            return _explain(job, settings, site_wait_s)
        case GroupJob() | DeliverJob() if job.request.verdict is not Verdict.MEDIA:
            # It was cancelled while this job waited for another attempt.
            return _explain(job, settings, site_wait_s)
        case GroupJob() | DeliverJob():
            return _send(job, downloads, settings)
        case _:
            assert_never(job)


def is_edit(task: Task) -> bool:
    """Whether a task changes a message that stands in the chat already, and posts no other."""
    match task:
        case protocol.Deliver() | protocol.ShowLook() | protocol.ShowList() | protocol.Explain():
            return task.reply_to_id is None
        case protocol.ShowSummary() | ShowPanel():
            return task.message_id is not None
        case protocol.AnswerButton():
            return task.menu_chat_id is not None
        case protocol.RemoveStatus():
            return True
        case _:
            return False


def first_stage(form: Form, *, begun: bool = True) -> protocol.Stage:
    """The stage that people are shown of media in this form, before it has `begun` and after."""
    if form.awaits_start:
        return protocol.Stage.AWAITING_START
    if form.is_look:
        return protocol.Stage.LOOKING
    return protocol.Stage.DOWNLOADING if begun else protocol.Stage.ACCEPTED


def _record_s(job: DownloadJob, settings: Settings) -> float:
    """How many seconds of a live stream a job may record."""
    if not isinstance(job, RecordingJob) or job.is_stopped:
        return 0.0
    # The form may come from a forged button, or from before the limit was lowered.
    return 60.0 * min(job.form.record_minutes or 0, settings.live_max_minutes)


def _offer(form: Form, settings: Settings) -> protocol.LiveOffer | None:
    """What is offered to somebody who wanted a live stream in this form."""
    longest = settings.live_max_minutes
    if not longest:
        return None
    minutes = (*(each for each in OFFERED_MINUTES if each < longest), longest)
    return protocol.LiveOffer(form.code, minutes)


def _access(
    sites: Sites, url: str, settings: Settings, cookies_that_work: Mapping[str, int | None]
) -> protocol.SiteAccess:
    """How a download of this link is to ask its site."""
    site = sites.of_url(url)
    cookies = site_cookies.file_of(site.name, settings.data_dir, site.cookies)
    return protocol.SiteAccess(
        proxy=site.proxy,
        cookies_file=str(cookies) if cookies else None,
        cookies_always=site.cookies_always,
        headers=site.headers,
        options=site.options,
        hidden_files=tuple(map(str, sites.cookies_files)),
        cookies_work_ns=cookies_that_work.get(site.name),
    )


def _explain(job: AnswerJob, settings: Settings, site_wait_s: float | None) -> protocol.Explain:
    request = job.request
    return protocol.Explain(
        request.id,
        request.reader,
        job.message_id,
        request.reason,
        request.error_id or "",
        site_wait_s,
        settings.max_file_mb,
        request.message_id if goes_another_way(job) else None,
        request.languages,
        _offer(request.form, settings),
    )


def _send(job: GroupJob | DeliverJob, downloads: Path, settings: Settings) -> Task | None:
    request = job.request
    if job.media is None:
        return None
    if found := job.media.found_list:
        message_id, size = job.message_id, len(found.items)
        below_list = ListMenu(request.chat_id, message_id, request.id, size, found.is_whole)
        reply_to_id = request.message_id if goes_another_way(job) else None
        return protocol.ShowList(request.reader, message_id, found, below_list, reply_to_id)
    files = job.media.files
    # Songs that were sent with others are answered, and their files may be gone.
    unsent = files if request.batch_id is None else (*files[:1], *files[1 + len(request.sent) :])
    if not all(file.file_id or _is_own(file, request, downloads) for file in unsent):
        return None
    if look := job.media.look:
        # Telegram notifies nobody of an edit, and somebody waits for the stream to start.
        is_apart = goes_another_way(job) or request.form.awaits_start
        reply_to_id = request.message_id if is_apart else None
        offer = _offer(WHOLE, settings)
        return protocol.ShowLook(
            request.id, request.reader, job.message_id, look, reply_to_id, offer
        )
    first, *others = job.media.files
    if isinstance(job, DeliverJob):
        # No message can be turned into a voice message.
        is_apart = goes_another_way(job) or first.facts.kind is protocol.MediaKind.VOICE
        reply_to_id = request.message_id if is_apart else None
        below = first_menu(request, job.message_id, job.media)
        return protocol.Deliver(
            request.id, request.reader, job.message_id, first, reply_to_id, below, request.captions
        )
    group = albums.next_group(others[len(request.sent) :], settings.max_file_bytes)
    if not group:
        return None  # What is remembered is other media by now, with fewer files.
    return protocol.SendGroup(
        request.id, request.reader, request.message_id, group, request.captions
    )


def _is_own(media: protocol.MediaFile, request: Request, downloads: Path) -> bool:
    """Whether the file is there, in a directory of the download that was made for the request.

    The songs that come beside one of a list were made by other downloads.
    """
    path = Path(media.path)
    own = path.parent
    is_its = request.batch_id is not None or own.name.startswith(f"{request.download_id}-")
    is_its = is_its and own.parent == downloads
    if not is_its or Path(media.thumbnail or path).parent != own:
        return False
    try:
        return path.is_file()
    except OSError:  # A failing disk: what cannot be read is as good as gone.
        return False


def timeout_s(task: Task, settings: Settings) -> float:
    """How long the worker may take for it; an upload gets more, by its size."""
    match task:
        case protocol.Download(form=form):
            longest_s = settings.download_job_timeout_s
            return min(longest_s, LOOK_TIMEOUT_S) if form.is_look else longest_s + task.record_s
        case protocol.Deliver(file=file):
            return settings.telegram_job_timeout_s + _upload_s(file)
        case protocol.SendGroup(files=files):
            return settings.telegram_job_timeout_s + sum(map(_upload_s, files))
        case _:
            return settings.telegram_job_timeout_s


def _upload_s(file: protocol.MediaFile) -> float:
    # Twice: what Telegram refuses is sent again, as a document or by halves.
    return 0.0 if file.file_id else 2 * file.size_bytes / UPLOAD_FLOOR_BPS
