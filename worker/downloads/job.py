"""The function that a downloads worker runs for each job.

The worker calls `make_handler` once, before its first job. What it gets back runs each download
in a process of its own, forked from the warm worker, and leaves neither process nor file behind
when that fails.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from worker.downloads import workspace
from worker.downloads.confinement.egress_guard import check_link
from worker.downloads.limits import DownloadLimits
from worker.downloads.session import ReportChannel, Session
from worker.downloads.ytdlp import warm
from worker.downloads.ytdlp.errors import classify
from worker.processes import process_setup
from worker.protocol import Download, Media

log = logging.getLogger(__name__)

DownloadHandler = Callable[[ReportChannel, Download], Media]


def make_handler(rules: DownloadLimits) -> DownloadHandler:
    """Warm this process up and make it the reaper of all that its downloads start.

    The handler returns Media whose files and thumbnails stay until their owner removes the
    directory, or raises JobError and has removed it. What the context raises passes through.
    """
    process_setup.become_subreaper()
    extractors = warm.warm_up()

    def download(context: ReportChannel, task: Download) -> Media:
        check_link(task.url, rules.allowed_networks)
        directory = Path(task.directory)
        try:
            workspace.create(directory)
            return Session(context, task, rules, extractors).run()
        except BaseException as error:
            _remove(directory, task)
            if isinstance(error, OSError):
                # This machine's: a full disk, no process to be had, one that will not die.
                raise classify(error) from error
            raise

    return download


def _remove(directory: Path, task: Download) -> None:
    """Remove what a failed job has left; the failure itself is the better news to pass on."""
    try:
        workspace.remove(directory)
    except OSError as error:
        log.error("job %d: %s cannot be removed: %s.", task.job_id, directory, error.strerror)
