"""Downloads that mean harm: what they find, how they are ended, what they may use up."""

from __future__ import annotations

import os
import random
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.tools import LINK, has_ended, tell, told
from tests.support.download_limits import LIMITS, limits_with
from tests.support.downloads_harness import Worker, worker
from worker.downloads.confinement import programs
from worker.errors import Fault, Reason
from worker.processes import process_table, signals
from worker.protocol import Progress, Stage


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with worker(tmp_path_factory.mktemp("hostile"), is_cold=True) as made:
        yield made


# ------------------------------------------------------------------------- what it still knows


def _look_around(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    exec_environment = subprocess.run(["env"], capture_output=True, text=True, check=True).stdout
    tell(
        environment=sorted(os.environ),
        passed_on=sorted(line.partition("=")[0] for line in exec_environment.split()),
        home=os.environ["HOME"] == os.environ["TMPDIR"] == os.getcwd(),
        descriptors=sorted(
            f"{fd} {os.readlink(f'/proc/self/fd/{fd}').rpartition('/')[2].partition(':')[0]}"
            for fd in os.listdir("/proc/self/fd")
            if os.path.exists(f"/proc/self/fd/{fd}")
        ),
        leader=os.getsid(0) == os.getpid(),
        name=Path("/proc/self/comm").read_text().strip(),
        title=re.sub("[0-9]+", "N", Path("/proc/self/cmdline").read_text().rstrip("\0")),
        umask=os.umask(0),
        core=resource.getrlimit(resource.RLIMIT_CORE),
        sizes=[
            resource.getrlimit(kind)[1] >> 20
            for kind in (resource.RLIMIT_DATA, resource.RLIMIT_FSIZE)
        ],
        handled=[n for n in range(1, 32) if callable(signal.getsignal(n))],
    )


def test_the_download_process_keeps_only_what_it_needs(cold: Worker) -> None:
    environment = ["FETCHBOT_INSTANCE", "FETCHBOT_JOB", "HOME", "LANG", "PATH", "TMPDIR"]
    assert told(cold, _look_around) == {
        "environment": environment,
        "passed_on": environment,
        "home": True,
        "descriptors": ["0 null", "1 job.log", "2 job.log", "3 pipe"],
        "leader": True,
        "name": "yt-dlp",
        "title": "yt-dlp: job N N.N.N.N",
        "umask": 0o077,
        "core": [0, 0],
        "sizes": [512, 51],
        "handled": [],
    }


def _leave_traces(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    os.environ["TRACE"] = "1"
    sys.modules["trace_of_a_job"] = sys
    Path("trace").touch()
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    tell(number=random.random(), directory=os.getcwd())


def _look_for_traces(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    tell(
        number=random.random(),
        traces=[
            "TRACE" in os.environ,
            "trace_of_a_job" in sys.modules,
            os.path.exists("trace"),
            threading.active_count() > 1,
        ],
    )


def test_no_job_sees_anything_of_another(cold: Worker) -> None:
    first = told(cold, _leave_traces)
    second = told(cold, _look_for_traces)
    assert second["traces"] == [False, False, False, False]
    assert first["number"] != second["number"]
    assert not os.path.exists(first["directory"])


# ----------------------------------------------------------------------------- how it is ended


def _refuse_to_end(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    """Ignores SIGTERM, and has a grandchild in a session of its own that holds the pipe."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0 and os.fork() == 0:
        os.setsid()
        report(Progress(Stage.DOWNLOADING, done_bytes=os.getpid()))
        while True:
            signal.pause()
    while True:
        signal.pause()


def test_nothing_outlives_its_job(cold: Worker) -> None:
    cold.begin(LINK, limits_with(timeout_s=1.0, term_grace_s=0.3), _refuse_to_end)
    leader = cold.started_pid()
    grandchild = cold.wait_for(Progress).done_bytes
    assert cold.finish().error.reason is Reason.TIMED_OUT
    assert process_table.identify(leader) is None
    assert process_table.identify(grandchild) is None
    assert not cold.directory.exists()


def _signal_the_group_only() -> None:
    def stop(leader: process_table.Identity, grace_s: float) -> dict[int, int]:
        os.killpg(leader.pid, signal.SIGKILL)
        return dict([os.waitpid(leader.pid, 0)])

    signals.stop_session = stop


@pytest.mark.negative
def test_a_signal_to_the_group_alone_leaves_the_grandchild(tmp_path: Path) -> None:
    with worker(tmp_path, prepare=_signal_the_group_only, is_cold=True) as weak:
        weak.begin(LINK, limits_with(timeout_s=1.0), _refuse_to_end)
        grandchild = weak.wait_for(Progress).done_bytes
        with pytest.raises(AssertionError, match="outlive"):
            weak.finish()
        os.kill(grandchild, signal.SIGKILL)


def _die_and_leave_a_holder(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    if os.fork() == 0:
        while True:
            signal.pause()
    os._exit(3)


def test_its_death_counts_although_a_grandchild_holds_the_pipe(cold: Worker) -> None:
    outcome = cold.run(LINK, LIMITS, _die_and_leave_a_holder)
    assert (outcome.error.reason, outcome.error.fault) == (Reason.CRASHED, Fault.RETRYABLE)


def _start_a_program(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    program = subprocess.Popen(["sleep", "600"], start_new_session=True)
    report(Progress(Stage.DOWNLOADING, done_bytes=program.pid))
    program.wait()


def test_neither_yt_dlp_nor_its_programs_outlive_a_killed_worker(tmp_path: Path) -> None:
    with worker(tmp_path, is_cold=True) as made:
        made.begin(LINK, LIMITS, _start_a_program)
        leader = made.started_pid()
        program = made.wait_for(Progress).done_bytes
        made.kill()
        assert has_ended(leader)
        assert has_ended(program)


def _let_programs_live() -> None:
    programs.bind = lambda proxy: None


@pytest.mark.negative
def test_a_program_that_is_not_bound_outlives_a_killed_worker(tmp_path: Path) -> None:
    with worker(tmp_path, prepare=_let_programs_live, is_cold=True) as weak:
        weak.begin(LINK, LIMITS, _start_a_program)
        leader = weak.started_pid()
        program = weak.wait_for(Progress).done_bytes
        weak.kill()
        assert has_ended(leader)
        assert not has_ended(program, within_s=0.5)
        os.kill(program, signal.SIGKILL)


# --------------------------------------------------------------------------- what it may use up


def _take_memory(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    bytearray(600 << 20)


def _take_memory_in_parts(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    for _ in range(3):
        if os.fork() == 0:
            _held = b"x" * (150 << 20)
            while True:
                signal.pause()
    while True:
        signal.pause()


def _fill_the_directory(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    for number in range(100):
        Path(f"part{number}").write_bytes(bytes(1 << 20))
    while True:
        signal.pause()


def _write_one_large_file(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    Path("large").write_bytes(bytes(60 << 20))


def _die_of_a_large_file(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    Path("large").write_bytes(bytes(60 << 20))


@pytest.mark.parametrize(
    ("fetch", "reason"),
    [
        (_take_memory, Reason.OUT_OF_MEMORY),
        (_take_memory_in_parts, Reason.OUT_OF_MEMORY),
        (_fill_the_directory, Reason.TOO_LARGE),
        (_write_one_large_file, Reason.TOO_LARGE),
        (_die_of_a_large_file, Reason.TOO_LARGE),
    ],
)
def test_a_limit_ends_the_job_and_not_the_worker(cold: Worker, fetch: Any, reason: Reason) -> None:
    limit_bytes = (10 if fetch is _fill_the_directory else 50) << 20
    outcome = cold.run(LINK, limits_with(max_file_bytes=limit_bytes, memory_bytes=400 << 20), fetch)
    assert (outcome.error.reason, outcome.error.fault) == (reason, Fault.PERMANENT)
    assert not cold.directory.exists()
    assert told(cold, _look_for_traces)["traces"] == [False] * 4
