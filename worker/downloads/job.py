"""The function that a downloads worker runs for each job.

The worker calls `make_handler` once, before its first job. The handler runs each download in a
process of its own, forked from the warm worker, and in another one with the operator's cookies
if that may help. A failed download leaves no process and no file behind, except what has been
recorded of a live stream: a later attempt makes a file of that.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from worker.clocks import wall_clock
from worker.downloads import extraction_store, workspace
from worker.downloads.confinement.egress_guard import check_link
from worker.downloads.cookies import account, lent_cookies, returned_cookies
from worker.downloads.file_names import COOKIES_NAME
from worker.downloads.limits import DownloadLimits
from worker.downloads.readable_links import is_in_private_chat
from worker.downloads.session import DownloadContext, Session
from worker.downloads.ytdlp import warm
from worker.downloads.ytdlp.extractor_index import ExtractorIndex
from worker.downloads.ytdlp.failures.errors import classify, describe
from worker.errors import SHORTAGES, Fault, JobError, Reason
from worker.processes import process_setup
from worker.protocol import Download, Media
from worker.protocol.site_cookies import CookiesTried

log = logging.getLogger(__name__)

# How a download from an expired address may fail if the site does not say so.
_MAY_BE_OVER = frozenset({Reason.BROKEN_FILE, Reason.EMPTY_FILE, Reason.UNSUPPORTED})

DownloadHandler = Callable[[DownloadContext, Download], Media]


def make_handler(limits: DownloadLimits) -> DownloadHandler:
    """Warm up this process, make it a subreaper, and return the handler for its jobs.

    The handler returns Media, whose files stay until the caller removes the job's directory, or
    removes that itself and raises JobError. What the context raises for a stop passes through.
    """
    process_setup.become_subreaper()
    return _DownloadRunner(limits, warm.warm_up()).download


@dataclass(frozen=True)
class _DownloadRunner:
    """Runs the downloads of one worker, each with up to three tries."""

    limits: DownloadLimits
    extractors: ExtractorIndex

    def download(self, context: DownloadContext, task: Download) -> Media:
        """Download without cookies first, unless the site wants them always, and then with them."""
        check_link(task.url, self.limits.allowed_networks)
        if is_in_private_chat(task.url):
            raise JobError(Reason.PRIVATE, Fault.PERMANENT, "a chat of Telegram for its members")
        rules = self.limits.for_site(task.access)
        rules = rules.for_look() if task.form.is_look else rules
        jar = rules.cookies_file
        if jar is None:
            return self._without_cookies(context, task, rules)
        if task.access.cookies_always:
            return self._once(context, task, rules, jar)
        try:
            return self._without_cookies(context, task, rules)
        except JobError as error:
            if not account.may_help(error):
                raise
            before = error
        # Only the main process knows the secrets that a site's own words may repeat.
        log.info(
            "job %d: failed without cookies (%s), tried again with them.",
            task.job_id,
            before.reason,
        )
        return self._once(context, task, rules, jar, before)

    def _without_cookies(
        self, context: DownloadContext, task: Download, rules: DownloadLimits
    ) -> Media:
        """Download; once more from the start if what was found earlier may have expired."""
        try:
            return self._once(context, task, rules)
        except JobError as error:
            if not _forget_extraction(rules, task) or error.reason not in _MAY_BE_OVER:
                raise
        return self._once(context, replace(task, fresh=True), rules)

    def _once(
        self,
        context: DownloadContext,
        task: Download,
        rules: DownloadLimits,
        jar: str | None = None,
        before: JobError | None = None,
    ) -> Media:
        """Download, with the site's cookies if `jar` has any; if not, raise `before` if given."""
        directory = Path(task.directory)
        try:
            if task.form.is_recording:
                workspace.prepare_for_recording(directory)
            else:
                workspace.create(directory)
            lent = jar and lent_cookies.copy_in_child(task.url, Path(jar), directory / COOKIES_NAME)
            if before and not lent:
                raise before
            if not lent and rules.extractions and _may_use_extraction(task):
                _prepare_extraction(Path(rules.extractions), task)
            session = Session(context, task, rules, self.extractors, lent or None)
            if not lent:
                return session.run()
            they_work = task.access.cookies_work_ns == lent.changed_ns
            return _run_with(lent, directory, session, context, they_work=they_work)
        except BaseException as error:
            if not task.form.is_recording:
                _remove(directory, task)
            if isinstance(error, OSError):
                raise _of_machine(error) from error
            raise


def _of_machine(error: OSError) -> JobError:
    """The failure for an error of this worker, which says nothing about the link or the site."""
    if error.errno in SHORTAGES:
        return JobError(Reason.CRASHED, Fault.RETRYABLE, describe(error))
    return classify(error)


def _may_use_extraction(task: Download) -> bool:
    """Whether the download may begin with what an earlier one has found behind the link."""
    return not (task.form.is_look or task.form.is_recording)


def _prepare_extraction(store: Path, task: Download) -> None:
    """Give the download what was found behind its link lately, unless it is to look anew.

    Not where a whole list is wanted: what was found may be one video of it.
    """
    if task.fresh:
        extraction_store.forget(store, task.url)
    elif not task.form.whole_list:
        extraction_store.lend(store, task.url, Path(task.directory), wall_clock())


def _forget_extraction(rules: DownloadLimits, task: Download) -> bool:
    """Forget what a failed download began with. False if it began with nothing found earlier."""
    if task.fresh or not _may_use_extraction(task) or not rules.extractions:
        return False
    return extraction_store.forget(Path(rules.extractions), task.url)


def _run_with(
    lent: lent_cookies.LentCookies,
    directory: Path,
    session: Session,
    context: DownloadContext,
    *,
    they_work: bool,
) -> Media:
    """Run a session with cookies, and report what that says of them."""
    try:
        media = session.run()
    except JobError as error:
        if account.refuses_cookies(error):
            # They may have worked: this may be the first link since the site has ended the session.
            is_over = account.says_they_are_over(error) or returned_cookies.has_taken_away(
                lent, directory / COOKIES_NAME
            )
            tried = CookiesTried(lent.site, lent.changed_ns, is_refused=True, is_over=is_over)
            context.report(tried)
            they_work = they_work and not is_over
        raise account.judged(error, they_work=they_work) from error
    context.report(CookiesTried(lent.site, lent.changed_ns, is_refused=False))
    return media


def _remove(directory: Path, task: Download) -> None:
    """Remove what a failed job has left; only log a failure, which must not hide the job's own."""
    try:
        workspace.remove(directory)
    except OSError as error:
        log.error("job %d: %s cannot be removed: %s.", task.job_id, directory, error.strerror)
