"""Start a download process, watch it and end it, whatever it does.

Runs in the downloads worker, which believes nothing that the process says about itself without
checking it.
"""

import contextlib
import logging
import os
import select
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from worker.clocks import Monotonic, monotonic, wall_clock
from worker.downloads import child, extraction_store, players, results, workspace
from worker.downloads.allowance import Allowance
from worker.downloads.channel import Receiver, read_chunk
from worker.downloads.confinement.isolation import Confinement
from worker.downloads.confinement.network import Namespace, Network
from worker.downloads.cookies import returned_cookies
from worker.downloads.cookies.lent_cookies import LentCookies
from worker.downloads.decoding import Garbled
from worker.downloads.file_names import COOKIES_NAME, player_directory_of
from worker.downloads.identity import media_key
from worker.downloads.judge.client import JudgeClient, make_ahead, open_client
from worker.downloads.limits import DownloadLimits
from worker.downloads.players import Player, Solving
from worker.downloads.reports import DownloadMessage, FoundMedia, Looked, NeedsPlayer, Result
from worker.downloads.usage import Usage
from worker.downloads.ytdlp.extractor_index import ExtractorIndex
from worker.downloads.ytdlp.players import challenges
from worker.errors import Fault, JobError, JudgeLost, Reason
from worker.processes import memory, process_table, signals
from worker.protocol import (
    Download,
    Identified,
    Media,
    Outpaced,
    Progress,
    Stage,
    YtDlpStarted,
)

log = logging.getLogger(__name__)

REPORT_INTERVAL_S = 0.5
WATCH_INTERVAL_S = 1.0

# Reports of a new stage that people should see at once: a wait and a finishing for each of some
# files.
_MAX_EARLY_REPORTS = 20
# A process that has sent its result has nothing left to do but exit.
_RESULT_GRACE_S = 1.0
# The streams to be merged and the merged file exist together for a moment.
_DIRECTORY_FACTOR = 2.5
# What was recorded of a live stream stays beside that until all is complete.
_RECORDING_FACTOR = _DIRECTORY_FACTOR + 1.0
# The log, and what else is not media.
_SMALL_FILES_BYTES = 1024 * 1024
_WARN_FROM = 0.9


class DownloadContext(Protocol):
    """What a download needs of the pool's context for a job."""

    def report(self, message: object) -> None:
        """Send a message to the main process."""

    def fileno(self) -> int:
        """A descriptor that is readable when the job may have to stop."""

    def raise_if_stopped(self) -> None:
        """Raise if the job has to stop."""


class Session:
    """A download process and all that it starts. Call `run` once."""

    def __init__(
        self,
        context: DownloadContext,
        task: Download,
        limits: DownloadLimits,
        extractors: ExtractorIndex,
        lent: LentCookies | None = None,
    ) -> None:
        """`lent` are the cookies in its directory, which are written back when it ends."""
        self._context = context
        self._task = task
        self._limits = limits
        self._extractors = extractors
        self._lent = lent
        self._directory = Path(task.directory)
        self._stage = Stage.DOWNLOADING
        self._allowance = Allowance(limits, monotonic(), task.record_s)
        self._next_report = 0.0
        self._early_reports_left = _MAX_EARLY_REPORTS
        self._named_stage = Stage.DOWNLOADING
        self._keys: set[str] = set()
        self._seen_bytes = 0
        self._directory_bytes = 0
        self._progressed_at = 0.0
        self._usage = Usage()
        self._has_warned = False
        self._has_asked_for_player = False
        self._solving: Solving | None = None
        self._judge: JudgeClient | None = None
        self._namespace: Namespace | None = None

    def run(self) -> Media:
        """Run the download in its directory, which must exist, and return its files.

        Raises JobError, and whatever the context raises for a stop. In any case no process of the
        session is left.
        """
        given = self._limits
        if given.judge is None:
            self._limits = replace(given, network=Network.NONE)
            return self._run()
        with open_client(given.judge, given.network, given.proxy) as opened:
            self._judge, self._namespace = opened
            self._limits = replace(given, judge=None, proxy=self._judge.proxy)
            return self._run()

    def _run(self) -> Media:
        read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
        try:
            try:
                leader = self._fork(write_fd)
            finally:
                os.close(write_fd)
            return self._supervise(leader, read_fd)
        finally:
            os.close(read_fd)

    def _fork(self, write_fd: int) -> process_table.Identity:
        # Buffered output would be written twice.
        sys.stdout.flush()
        sys.stderr.flush()
        confinement = self._confinement(self._directory)
        pid = os.fork()
        if pid == 0:
            child.run(self._task, confinement, self._limits, write_fd, self._extractors)
        try:
            identity = process_table.identify(pid)
        except OSError:
            # No descriptor is left to look at it with, and ending it so takes none.
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise
        assert identity is not None  # noqa: S101 - our own child, not waited for
        return identity

    def _confinement(self, directory: Path) -> Confinement:
        return Confinement(self._task.job_id, directory, os.getpid(), self._namespace)

    def _supervise(self, leader: process_table.Identity, read_fd: int) -> Media:
        result: DownloadMessage | None = None
        statuses: dict[int, int] = {}
        try:
            self._context.report(YtDlpStarted(leader.pid, leader.started))
            # A short download may end before the first check and be gone by the last.
            self._usage.note_memory(_memory_in_use())
            if self._namespace:
                make_ahead()  # While the download works, there is time for this.
            result = self._listen(leader, read_fd)
        finally:
            if not isinstance(result, Result | Looked):
                self._usage.note_memory(_memory_in_use())
            grace_s = _RESULT_GRACE_S if result else self._limits.term_grace_s
            statuses = signals.stop_session(leader, grace_s)
            if self._solving:
                self._solving.close()
            if self._judge:
                self._note_passed(self._judge.finish())
            if not isinstance(result, Result | Looked):
                # The bot may be gone; that must not hide the download's own failure.
                with contextlib.suppress(OSError):
                    self._context.report(self._usage.close(self._directory))
        if result and self._lent:
            # A process that was killed may have left only a part of them.
            returned_cookies.take_back(self._lent, self._directory / COOKIES_NAME)
        if isinstance(result, Result | Looked):
            self._keep_extraction()
            max_bytes = self._limits.max_file_bytes
            return results.media_of(result, self._task, max_bytes)
        if isinstance(result, JobError):
            raise self._judge.explained(result) if self._judge else result
        raise _death_error(statuses.get(leader.pid))

    def _keep_extraction(self) -> None:
        if self._limits.extractions and not self._lent:
            store = Path(self._limits.extractions)
            extraction_store.keep(store, self._task.url, self._directory, wall_clock())

    def _note_passed(self, count: int | None) -> None:
        self._usage.note_passed(count)
        if count is not None:
            log.info("job %d: %d bytes have passed the judge.", self._task.job_id, count)

    def _listen(self, leader: process_table.Identity, read_fd: int) -> DownloadMessage | None:
        """Relay messages until the process sends its result; None if it dies first.

        Raises JobError when the process exceeds a limit.
        """
        now = monotonic()
        self._progressed_at = now
        next_watch = now + WATCH_INTERVAL_S
        receiver = Receiver()
        os.set_blocking(read_fd, False)
        pidfd = signals.open_pidfd(leader)
        assert pidfd is not None  # noqa: S101 - not waited for, so still there
        poll = select.poll()
        for fd in (read_fd, pidfd, self._context.fileno()):
            poll.register(fd, select.POLLIN)
        if self._judge:
            poll.register(self._judge, select.POLLIN)
        try:
            while True:
                wake_at = min(next_watch, self._next_deadline())
                ready = {fd for fd, _ in poll.poll(max(0.0, wake_at - monotonic()) * 1000)}
                if self._context.fileno() in ready:
                    self._context.raise_if_stopped()
                if self._judge and self._judge.fileno() in ready:
                    self._look(self._judge, poll)
                data = read_chunk(read_fd)
                for message in _messages(receiver, data):
                    if result := self._act_on(message, poll):
                        return result
                # Once the process has exited and all that it wrote has been read, no result will
                # come. End-of-file says less, since a grandchild can keep the pipe open.
                if pidfd in ready and not data:
                    return None
                if self._solving and self._solving.fd in ready:
                    self._read_solution(self._solving, poll)
                if data == b"" and read_fd in ready:
                    poll.unregister(read_fd)
                now = monotonic()
                self._check_time(now)
                if now >= next_watch:
                    self._check_usage()
                    next_watch = now + WATCH_INTERVAL_S
        finally:
            os.close(pidfd)

    def _act_on(self, message: DownloadMessage, poll: select.poll) -> DownloadMessage | None:
        """Do what a message asks for, or return it if it is the result."""
        if isinstance(message, Progress):
            self._relay(message)
        elif isinstance(message, FoundMedia):
            self._identify(message)
        elif isinstance(message, NeedsPlayer):
            self._solve(message.address, poll)
        else:
            return message
        return None

    def _look(self, client: JudgeClient, poll: select.poll) -> None:
        try:
            client.look()
        except JudgeLost:
            if self._stage is not Stage.FINISHING:
                raise
            # Everything has been fetched. If it goes on to fetch something else, that will fail.
            poll.unregister(client)

    def _relay(self, progress: Progress) -> None:
        has_more = progress.done_bytes > self._seen_bytes
        self._note_bytes(progress.done_bytes)
        now = monotonic()
        if progress.stage is Stage.DOWNLOADING and has_more:
            # A post may go on after its first video, and a joined picture have its sound beside it.
            self._stage = Stage.DOWNLOADING
        if progress.stage is Stage.SITE_WAIT and self._stage is not Stage.FINISHING:
            self._progressed_at += self._allowance.wait(progress.eta_s or 0.0)
        elif progress.stage is Stage.RECORDING and self._task.record_s:
            if self._stage is Stage.DOWNLOADING:
                self._stage = Stage.RECORDING
                self._allowance.begin_recording(now)
        elif self._stage is not Stage.FINISHING:
            self._allowance.note_bytes(progress.done_bytes, progress.total_bytes, now)
            if progress.stage is Stage.FINISHING:
                self._stage = Stage.FINISHING
                self._allowance.begin_finishing(progress.done_bytes, now)
                self._progressed_at = now
        if now >= self._next_report or self._take_early_report(progress.stage):
            self._next_report = now + REPORT_INTERVAL_S
            self._context.report(progress)
        self._named_stage = progress.stage

    def _take_early_report(self, stage: Stage) -> bool:
        """Use up one of the few reports that are passed on at once. False if it gets none."""
        if stage in (self._named_stage, Stage.DOWNLOADING) or not self._early_reports_left:
            return False
        self._early_reports_left -= 1
        return True

    def _identify(self, found: FoundMedia) -> None:
        key = media_key(self._task, found, self._extractors)
        if key is not None and key not in self._keys:
            self._keys.add(key)
            self._context.report(Identified(key))

    def _solve(self, address: str, poll: select.poll) -> None:
        """Start solving the player at an address of YouTube's, once in a session."""
        if self._has_asked_for_player or not players.is_address(address):
            return
        self._has_asked_for_player = True
        directory = player_directory_of(self._directory)
        confinement = self._confinement(directory)
        try:
            self._solving = Solving(address, confinement, self._limits, challenges.solve_player)
        except OSError as error:
            log.warning(
                "job %d: no process to solve YouTube's player can be started: %s",
                self._task.job_id,
                error,
            )
            self._hand_over(None)
        else:
            poll.register(self._solving.fd, select.POLLIN)

    def _read_solution(self, solving: Solving, poll: select.poll) -> None:
        if solving.read():
            poll.unregister(solving.fd)
            players.KNOWN.add(solving.address, solving.player)
            self._hand_over(solving.player)

    def _hand_over(self, player: Player | None) -> None:
        # Without it the download fetches the player itself, after a while.
        with contextlib.suppress(OSError):
            players.put(player, self._directory)

    def _note_bytes(self, count: int) -> None:
        if count > self._seen_bytes:
            self._seen_bytes = count
            self._note_progress()

    def _note_progress(self) -> None:
        # A wait that the site asks for may end later than now.
        self._progressed_at = max(self._progressed_at, monotonic())

    def _next_deadline(self) -> float:
        return min(self._allowance.ends_at, self._progressed_at + self._limits.idle_timeout_s)

    def _check_time(self, now: Monotonic) -> None:
        if now >= self._allowance.ends_at:
            if self._stage is Stage.DOWNLOADING and self._seen_bytes and not self._task.record_s:
                self._context.report(Outpaced(self._seen_bytes))
            detail = f"{self._stage} took more than {self._allowance.granted_s:.1f} s"
            raise JobError(Reason.TIMED_OUT, Fault.RETRYABLE, detail)
        if now >= self._progressed_at + self._limits.idle_timeout_s:
            detail = f"no byte for {self._limits.idle_timeout_s:g} s"
            raise JobError(Reason.STALLED, Fault.RETRYABLE, detail)

    def _check_usage(self) -> None:
        """Check what no rlimit covers: the size of all files, the memory of all processes."""
        size = workspace.size_bytes(self._directory)
        # Shrinking is progress as well: the streams of a merge are removed before a conversion.
        if size != self._directory_bytes:
            self._directory_bytes = size
            self._note_progress()
        factor = _RECORDING_FACTOR if self._task.form.is_recording else _DIRECTORY_FACTOR
        needed = self._limits.max_answer_bytes * factor + _SMALL_FILES_BYTES
        if size > (self._limits.directory_bytes or needed):
            raise JobError(Reason.TOO_LARGE, Fault.PERMANENT, f"{size} bytes in the directory")
        used = _memory_in_use()
        self._usage.note_memory(used)
        if used > _WARN_FROM * self._limits.memory_bytes and not self._has_warned:
            self._has_warned = True
            share = 100 * used / self._limits.memory_bytes
            log.warning("job %d: memory is at %.0f %% of the limit.", self._task.job_id, share)
        if used > self._limits.memory_bytes:
            raise JobError(Reason.OUT_OF_MEMORY, Fault.PERMANENT, f"{used} bytes in use")


def _memory_in_use() -> int:
    """Bytes of private memory in all descendants of this worker."""
    return sum(memory.private_bytes(p.pid) for p in process_table.descendants(os.getpid()))


def _messages(receiver: Receiver, data: bytes | None) -> Iterator[DownloadMessage]:
    try:
        yield from receiver.feed(data or b"")
    except Garbled as error:
        raise JobError(Reason.CRASHED, Fault.RETRYABLE, f"the download process: {error}") from error


def _death_error(status: int | None) -> JobError:
    """The error for a process that died without a result, from its wait status."""
    code = os.waitstatus_to_exitcode(status) if status is not None else None
    if code == -signal.SIGXFSZ:
        return JobError(Reason.TOO_LARGE, Fault.PERMANENT, "a file over the limit")
    if code == -signal.SIGXCPU:
        return JobError(Reason.TIMED_OUT, Fault.PERMANENT, "over the limit of processor time")
    how = "exit code unknown" if code is None else f"exit code {code}"
    return JobError(Reason.CRASHED, Fault.RETRYABLE, f"the download process died: {how}")
