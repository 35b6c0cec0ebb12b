"""A downloads worker for tests: a fork of a fork server, as in production, without the pool.

A fork of the test runner would be a fork of a process with threads, which is exactly what the
product never does.
"""

from __future__ import annotations

import importlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.sandbox.patience import PATIENCE_S
from tests.support.judges import Prepare, shared_judge
from tests.support.ready_process import ReadyProcess
from worker.downloads import child
from worker.downloads.job import make_handler
from worker.downloads.limits import DownloadLimits
from worker.downloads.ytdlp import fetch as ytdlp_fetch
from worker.downloads.ytdlp import warm
from worker.errors import JobError
from worker.form import WHOLE, Form
from worker.processes import process_setup, process_table
from worker.protocol import (
    Download,
    Media,
    MediaFile,
    SiteAccess,
    YtDlpStarted,
)
from worker.protocol.downloads import USUAL_ACCESS


class Stop(BaseException):
    """What the context raises inside the handler."""


class Context:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def report(self, message: object) -> None:
        self._connection.send(("report", message))

    def fileno(self) -> int:
        return self._connection.fileno()

    def raise_if_stopped(self) -> None:
        if self._connection.poll():
            self._connection.recv()
            raise Stop


@dataclass
class Outcome:
    result: Media | JobError | None
    reports: list[Any] = field(default_factory=list)
    took_s: float = 0.0

    @property
    def files(self) -> tuple[MediaFile, ...]:
        assert isinstance(self.result, Media), self.result
        return self.result.files

    @property
    def media(self) -> MediaFile:
        """The only file."""
        (file,) = self.files
        return file

    @property
    def error(self) -> JobError:
        assert isinstance(self.result, JobError), self.result
        return self.result


def know_few_sites() -> None:
    """Let yt-dlp know few sites, so that warming up takes a third of the time."""
    few = importlib.import_module("tests.support.few_extractors")
    vars(warm)["gen_extractor_classes"] = few.gen_extractor_classes


def _serve(connection: Connection, prepare: Prepare | None, is_cold: bool, knows_all: bool) -> None:
    process_setup.die_with_parent(os.getppid())
    if not knows_all:
        know_few_sites()
    if is_cold:
        warm.warm_up = dict  # type: ignore[assignment]
    if prepare:
        prepare()
    real_fetch = ytdlp_fetch.fetch
    while True:
        rules, task, fetch = connection.recv()
        vars(child)["fetch"] = fetch or real_fetch
        result: object
        try:
            result = make_handler(rules)(Context(connection), task)
        except JobError as error:
            result = error
        except Stop:
            result = None
        # On any way out nothing may be left, so this is looked at before the answer is sent.
        left = [process.name for process in process_table.descendants(os.getpid())]
        connection.send(("done", (result, left)))


class Worker:
    """Runs downloads one at a time. `fetch` takes yt-dlp's place in the forked child.

    `prepare` runs in the worker before all else, `prepare_judge` in the judge, which connects
    through the `proxy` of the rules. A cold worker is not warmed up; another is in a third of the
    time unless it is to know all sites.
    """

    def __init__(
        self,
        home: Path,
        *,
        prepare: Prepare | None = None,
        prepare_judge: Prepare | None = None,
        is_cold: bool = False,
        knows_all: bool = False,
    ) -> None:
        self._home = home
        self._prepare_judge = prepare_judge
        self._jobs = 0
        self._began = 0.0
        self._reports: list[Any] = []
        self._connection, theirs = Pipe()
        self._process = ReadyProcess(
            target=_serve, args=(theirs, prepare, is_cold, knows_all), daemon=True
        )
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def directory(self) -> Path:
        """The directory of the job that was begun last."""
        return self._home / f"{self._jobs}-1"

    def begin(
        self,
        url: str,
        rules: DownloadLimits,
        fetch: Callable[..., Any] | None = None,
        directory: Path | None = None,
        max_bytes: int | None = None,
        form: Form = WHOLE,
        cookies_always: bool = False,
        access: SiteAccess = USUAL_ACCESS,
        fresh: bool = False,
        record_s: float = 0.0,
    ) -> None:
        self._jobs += 1
        self._reports = []
        place = os.fspath(directory or self.directory)
        access = replace(access, cookies_always=cookies_always)
        task = Download(self._jobs, url, place, form, max_bytes, access, fresh, record_s)
        judge = rules.judge or shared_judge(rules.allowed_networks, self._prepare_judge)
        rules = replace(rules, judge=judge)
        self._began = time.monotonic()
        self._connection.send((rules, task, fetch))

    def wait_for(self, kind: type[Any]) -> Any:
        """The next report of a kind."""
        while True:
            what, message = self._receive()
            assert what == "report", message
            if isinstance(message, kind):
                return message

    def started_pid(self) -> int:
        message: YtDlpStarted = self.wait_for(YtDlpStarted)
        return message.pid

    def stop_job(self) -> None:
        self._connection.send("stop")

    def finish(self) -> Outcome:
        while True:
            what, message = self._receive()
            if what == "done":
                result, left = message
                assert left == [], "processes outlive their job"
                return Outcome(result, self._reports, time.monotonic() - self._began)

    def run(
        self,
        url: str,
        rules: DownloadLimits,
        fetch: Callable[..., Any] | None = None,
        max_bytes: int | None = None,
        form: Form = WHOLE,
        cookies_always: bool = False,
        access: SiteAccess = USUAL_ACCESS,
        fresh: bool = False,
    ) -> Outcome:
        self.begin(
            url,
            rules,
            fetch,
            max_bytes=max_bytes,
            form=form,
            cookies_always=cookies_always,
            access=access,
            fresh=fresh,
        )
        return self.finish()

    def _receive(self) -> tuple[str, Any]:
        assert self._connection.poll(PATIENCE_S), "the worker says nothing"
        what, message = self._connection.recv()
        if what == "report":
            self._reports.append(message)
        return what, message

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        self._process.kill()
        self._process.join()
        self._connection.close()


@contextmanager
def worker(
    home: Path,
    *,
    prepare: Prepare | None = None,
    prepare_judge: Prepare | None = None,
    is_cold: bool = False,
    knows_all: bool = False,
) -> Iterator[Worker]:
    made = Worker(
        home,
        prepare=prepare,
        prepare_judge=prepare_judge,
        is_cold=is_cold,
        knows_all=knows_all,
    )
    try:
        yield made
    finally:
        made.close()
