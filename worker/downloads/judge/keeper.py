"""Keep one judge running: the main process's part."""

import contextlib
import logging
import os
from collections import deque
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext

from worker.clocks import Monotonic
from worker.downloads.judge import process
from worker.downloads.judge.rules import Rules
from worker.downloads.judge.server import open_control
from worker.log_formats import LogFormat
from worker.pool.channel import HasFileno, wait_ready
from worker.pool.start_backoff import StartBackoff
from worker.pool.watched_process import WatchedProcess, prepare_start
from worker.processes import process_table, signals
from worker.processes.process_setup import Limits

log = logging.getLogger(__name__)

MIN_UPTIME_S = 1.0
"""A judge that ends earlier counts as a failed start, and the next one is delayed. So does one that
has never shown life, whenever it ends."""

MAX_ENDS, ENDS_WINDOW_S = 5, 300.0
"""The operator is told when a judge ends this often within this time. The next one starts at once
nevertheless: downloads cannot do without one."""

MAX_SILENCE_S = 3.0
"""A judge that gives no sign of life for this long is stuck."""

START_TIMEOUT_S = 60.0
"""How long the first sign of life may take: the fork server may have much to import."""

_LIFE_BYTES = 1024


class JudgeKeeper:
    """Driven like a pool: wait for `readers` and `next_deadline`, then `step`.

    All judges listen at the same socket, one after the other. A client that connects while
    there is none waits for the next.
    """

    def __init__(
        self,
        context: ForkServerContext | SpawnContext,
        rules: Rules,
        limits: Limits,
        log_format: LogFormat = LogFormat.TEXT,
    ) -> None:
        """Open the socket; nothing is started before the first `step`."""
        self._context = context
        self._rules = rules
        self._limits = limits
        self._log_format = log_format
        self._control, self.address = open_control()
        self._backoff = StartBackoff("The judge")
        self._judge: WatchedProcess | None = None
        self._life: Connection | None = None
        self._started_at = self._alive_at = Monotonic(0.0)
        self._ends: deque[Monotonic] = deque(maxlen=MAX_ENDS)
        """When the last judges ended that had started well."""
        self.is_up = False
        """Whether downloads have a way out; any thread may ask."""

    @property
    def trouble(self) -> str | None:
        """Why none starts, until one does; for alerts."""
        return self._backoff.trouble

    def instability(self, now: Monotonic) -> str | None:
        """What to tell of judges that start and end again and again; for alerts."""
        if len(self._ends) < MAX_ENDS or now >= self._ends[0] + ENDS_WINDOW_S:
            return None
        return f"{MAX_ENDS} have ended within {now - self._ends[0]:.0f} s"

    @property
    def pids(self) -> list[int]:
        """The judge's pid, if there is one."""
        return [judge.pid] if (judge := self._judge) else []

    @property
    def readers(self) -> Iterator[HasFileno]:
        """What to wait on: the judge's end, and its first sign of life."""
        if self._judge:
            yield self._judge
        if self._life and not self.is_up:
            yield self._life

    def next_deadline(self) -> Monotonic:
        """When `step` must be called even if nothing is ready."""
        if not self._judge:
            return self._backoff.next_at
        return Monotonic(self._alive_at + self._patience_s)

    def step(self, now: Monotonic) -> None:
        """Start a judge if there is none; kill one that is stuck or stopped."""
        if self._judge and self._life:
            self._look_at(self._judge, self._life, now)
        if not self._judge and now >= self._backoff.next_at:
            self._start(now)

    def close(self) -> None:
        self._backoff.stop()
        if self._judge:
            self._judge.kill()
            wait_ready([self._judge], [], signals.KILL_PATIENCE_S)
            self._forget(self._judge)
        self._control.close()

    def _start(self, now: Monotonic) -> None:
        try:
            if not prepare_start(self._context):
                self._backoff.postpone(now)
                return
            self._life, theirs = self._context.Pipe(duplex=False)
            with theirs:
                args = (self._control, theirs, self._rules, self._limits, self._log_format)
                self._judge = WatchedProcess(self._context, process.NAME, process.run, args)
        except (OSError, EOFError) as error:
            self._close_life()
            self._backoff.note_failure(now, f"{type(error).__name__}: {error}")
            return
        os.set_blocking(self._life.fileno(), False)
        self._started_at = self._alive_at = now

    def _look_at(self, judge: WatchedProcess, life: Connection, now: Monotonic) -> None:
        with contextlib.suppress(BlockingIOError):
            if os.read(life.fileno(), _LIFE_BYTES):
                self.is_up, self._alive_at = True, now
        if judge.has_ended():
            self._note_end(judge, now)
        elif now >= self._alive_at + self._patience_s or _is_stopped(judge.pid):
            log.warning("The judge (pid %d) does not answer and is killed.", judge.pid)
            judge.kill()
            self._alive_at = now
        elif self._has_started(now):
            self._backoff.note_success()

    def _note_end(self, judge: WatchedProcess, now: Monotonic) -> None:
        had_started = self._has_started(now)
        exitcode = self._forget(judge)
        log.warning("The judge (pid %d) ended with exit code %s.", judge.pid, exitcode)
        if had_started:
            self._ends.append(now)
        else:
            self._backoff.note_failure(now, f"it ended with {exitcode}")

    def _has_started(self, now: Monotonic) -> bool:
        return self.is_up and now >= self._started_at + MIN_UPTIME_S

    @property
    def _patience_s(self) -> float:
        return MAX_SILENCE_S if self.is_up else START_TIMEOUT_S

    def _forget(self, judge: WatchedProcess) -> int | None:
        self._judge, self.is_up = None, False
        self._close_life()
        return judge.release()

    def _close_life(self) -> None:
        if self._life:
            self._life.close()
        self._life = None


def _is_stopped(pid: int) -> bool:
    # Where no descriptor is left, /proc cannot be read; that must not end the judge's owner, and
    # is tried again at the next step.
    with contextlib.suppress(OSError):
        found = process_table.look_up(pid)
        return found is not None and found.state in "Tt"
    return False
