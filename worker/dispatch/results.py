"""Whether what a worker has returned is a result of its job."""

from typing import assert_never

from worker.errors import Fault, JobError, Reason
from worker.ledger.jobs import jobs
from worker.pool.events import Event, Failed, Finished
from worker.protocol import Delivered, GroupSent, Media, Posted, SentApart
from worker.protocol.effects import Effect
from worker.protocol.site_cookies import CookiesKept


def checked(job: jobs.Job, event: Event) -> Event:
    """The event itself, or a failure in place of a result that a job of this kind never returns."""
    if not isinstance(event, Finished) or _is_result_of(job, event.result):
        return event
    returned = type(event.result).__name__
    detail = f"its worker returned {returned}, which is not a result of such a job"
    return Failed(event.job_id, JobError(Reason.INTERNAL, Fault.OPERATOR, detail), "")


def _is_result_of(job: jobs.Job, result: object) -> bool:
    """Whether `worker.protocol` knows such a result of the job's task."""
    match job:
        case jobs.UpdateJob():
            return isinstance(result, tuple) and all(isinstance(each, Effect) for each in result)
        case jobs.StatusJob() | jobs.PanelJob() | jobs.SummaryJob():
            return isinstance(result, Posted)
        case jobs.DownloadJob():
            return isinstance(result, Media) and _is_media_of(job, result)
        case jobs.GroupJob():
            return isinstance(result, GroupSent | SentApart | None)
        case jobs.DeliverJob():
            return isinstance(result, Delivered | SentApart | None)
        case jobs.CookiesJob():
            return isinstance(result, CookiesKept)
        case jobs.ExplainJob():
            return isinstance(result, SentApart | None)
        case jobs.ReplyJob() | jobs.ButtonJob() | jobs.MenusJob() | jobs.RemovalJob():
            return result is None
        case _:
            assert_never(job)


def _is_media_of(job: jobs.DownloadJob, media: Media) -> bool:
    """Whether such a job may end with this: both a look and a download may find a list."""
    is_list = media.found_list is not None and not media.files
    return is_list or (media.look is not None) == job.form.is_look
