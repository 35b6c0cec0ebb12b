"""The function that a downloads worker runs for each job.

The worker calls `make_handler` once, before its first job. The handler runs each download in a
process of its own, forked from the warm worker. A failed download leaves no process and no file
behind.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from worker.downloads import workspace
from worker.downloads.confinement.egress_guard import check_link
from worker.downloads.limits import DownloadLimits
from worker.downloads.session import DownloadContext, Session
from worker.downloads.ytdlp import warm
from worker.downloads.ytdlp.errors import classify
from worker.processes import process_setup
from worker.protocol import Download, Media

log = logging.getLogger(__name__)

DownloadHandler = Callable[[DownloadContext, Download], Media]


def make_handler(limits: DownloadLimits) -> DownloadHandler:
    """Warm up this process, make it a subreaper, and return the handler for its jobs.

    The handler returns Media, whose files stay until the caller removes the job's directory, or
    removes that itself and raises JobError. What the context raises for a stop passes through.
    """
    process_setup.become_subreaper()
    extractors = warm.warm_up()

    def download(context: DownloadContext, task: Download) -> Media:
        check_link(task.url, limits.allowed_networks)
        directory = Path(task.directory)
        try:
            workspace.create(directory)
            return Session(context, task, limits, extractors).run()
        except BaseException as error:
            _remove(directory, task)
            if isinstance(error, OSError):
                # The machine is to blame: the disk is full, or a process cannot be made or killed.
                raise classify(error) from error
            raise

    return download


def _remove(directory: Path, task: Download) -> None:
    """Remove what a failed job has left; only log a failure, which must not hide the job's own."""
    try:
        workspace.remove(directory)
    except OSError as error:
        log.error("job %d: %s cannot be removed: %s.", task.job_id, directory, error.strerror)
