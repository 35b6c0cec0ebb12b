"""The jobs that workers have."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from worker.clocks import Monotonic
from worker.dispatch.work import Work
from worker.ledger import DownloadJob, Job, RecordingJob, RequestJob
from worker.pool import Pool
from worker.protocol import Progress
from worker.sites import site_of_link


@dataclass(frozen=True)
class RunningJob:
    """One job in `pool` since monotonic `since`; `claimed` is the job as it was then.

    `is_edit`: its task changes a message that stands in the chat already.
    """

    job: Job
    claimed: Job
    pool: Pool
    since: Monotonic
    is_edit: bool = False


class RunningJobs:
    """All jobs that were claimed and have not ended yet.

    For the dispatcher's thread alone, except `work`.
    """

    def __init__(self) -> None:
        self._by_id: dict[int, RunningJob] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def add(self, job: Job, pool: Pool, now: Monotonic) -> None:
        self._by_id[job.id] = RunningJob(job, job, pool, now)

    def get(self, job_id: int) -> RunningJob | None:
        return self._by_id.get(job_id)

    def begin_edit(self, job_id: int) -> None:
        """Note that the task of a job changes a message that stands in the chat already."""
        self._by_id[job_id] = replace(self._by_id[job_id], is_edit=True)

    def begin_recording(self, job: RecordingJob) -> None:
        """Note that something of a live stream has been recorded."""
        running = self._by_id[job.id]
        self._by_id[job.id] = replace(running, job=replace(job, has_begun=True))

    def remove(self, job_id: int) -> None:
        del self._by_id[job_id]

    @property
    def jobs(self) -> list[Job]:
        return [running.job for running in self._by_id.values()]

    def work(self, progress: Mapping[int, Progress]) -> list[Work]:
        """What workers do now.

        Any thread may ask; the keys of `progress` are the ids of downloads.
        """
        # `list` is one C call: no other thread changes the jobs meanwhile.
        return [_work(each, progress.get(each.job.id)) for each in list(self._by_id.values())]

    @property
    def request_ids(self) -> set[int]:
        """The requests that something is being sent for."""
        return {job.request.id for job in self.jobs if isinstance(job, RequestJob)}

    @property
    def downloads(self) -> int:
        """How many of the jobs are downloads."""
        return sum(job.kind.is_download for job in self.jobs)

    @property
    def download_urls(self) -> list[str]:
        """The links that are being downloaded."""
        return [job.url for job in self.jobs if isinstance(job, DownloadJob)]

    @property
    def recording_ids(self) -> list[int]:
        """The jobs that record a live stream."""
        return [job.id for job in self.jobs if isinstance(job, RecordingJob)]

    @property
    def uploads(self) -> int:
        """How many of the jobs may have something to upload."""
        return sum(job.kind.is_upload for job in self.jobs)

    def stop(self, job_ids: Iterable[int], grace_s: float | None = None) -> None:
        """Stop some jobs.

        Those that listen to a stop have `grace_s` to end by themselves; None means as long as their
        pool allows. The others are killed at once.
        """
        for job_id in job_ids:
            if running := self._by_id.get(job_id):
                running.pool.stop_job(job_id, grace_s if running.job.kind.listens_to_stop else 0)

    def stop_all(self, grace_s: float) -> None:
        """Stop every job, as `stop` does."""
        self.stop(list(self._by_id), grace_s)


def _work(running: RunningJob, progress: Progress | None) -> Work:
    match running.job:
        case DownloadJob(url=url):
            site = site_of_link(url)
        case RequestJob(request=request):
            site = site_of_link(request.url)
        case _:
            site = ""
    job = running.job
    return Work(job.id, job.kind, site, job.attempts, running.since, progress)
