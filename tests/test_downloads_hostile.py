"""Downloads that mean harm: what runs in yt-dlp's place is written here, all else is real."""

from __future__ import annotations

import json
import os
import random
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.downloads_harness import Worker, worker
from tests.sandbox.site import MediaSite
from tests.test_downloads import RULES, needs_ffmpeg, rules, served
from worker import processes
from worker.downloads import guard, isolation
from worker.jobs import Fault, JobError, Progress, Reason, Stage

LINK = "http://127.0.0.1/"


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with worker(tmp_path_factory.mktemp("hostile"), is_cold=True) as made:
        yield made


def tell(**facts: object) -> NoReturn:
    """Bring facts out of the download process, in the words of its failure."""
    raise JobError(Reason.NO_MEDIA, Fault.PERMANENT, json.dumps(facts))


def told(worker: Worker, fetch: Any, **changes: Any) -> dict[str, Any]:
    error = worker.run(LINK, rules(**changes), fetch).error
    assert error.reason is Reason.NO_MEDIA, error
    facts: dict[str, Any] = json.loads(error.detail)
    return facts


def has_ended(pid: int, within_s: float = 10.0) -> bool:
    """Whether a process that need not be our child ends in time."""
    identity = processes.identify(pid)
    pidfd = processes.open_pidfd(identity) if identity else None
    if pidfd is None:
        return True
    try:
        return bool(select.select([pidfd], [], [], within_s)[0])
    finally:
        os.close(pidfd)


# ------------------------------------------------------------------------- what it still knows


def _look_around(url: str, rules: Any, report: Any, extractors: Any) -> None:
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
        "umask": 0o077,
        "core": [0, 0],
        "sizes": [512, 51],
        "handled": [],
    }


def _leave_traces(url: str, rules: Any, report: Any, extractors: Any) -> None:
    os.environ["TRACE"] = "1"
    sys.modules["trace_of_a_job"] = sys
    Path("trace").touch()
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    tell(number=random.random(), directory=os.getcwd())


def _look_for_traces(url: str, rules: Any, report: Any, extractors: Any) -> None:
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


def _refuse_to_end(url: str, rules: Any, report: Any, extractors: Any) -> None:
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
    cold.begin(LINK, rules(timeout_s=1.0, term_grace_s=0.3), _refuse_to_end)
    leader = cold.started_pid()
    grandchild = cold.wait_for(Progress).done_bytes
    assert cold.finish().error.reason is Reason.TIMED_OUT
    assert processes.identify(leader) is None
    assert processes.identify(grandchild) is None
    assert not cold.directory.exists()


def _signal_the_group_only() -> None:
    def stop(leader: processes.Identity, grace_s: float) -> dict[int, int]:
        os.killpg(leader.pid, signal.SIGKILL)
        return dict([os.waitpid(leader.pid, 0)])

    processes.stop_session = stop


@pytest.mark.negative
def test_a_signal_to_the_group_alone_leaves_the_grandchild(tmp_path: Path) -> None:
    with worker(tmp_path, prepare=_signal_the_group_only, is_cold=True) as weak:
        weak.begin(LINK, rules(timeout_s=1.0), _refuse_to_end)
        grandchild = weak.wait_for(Progress).done_bytes
        with pytest.raises(AssertionError, match="outlive"):
            weak.finish()
        os.kill(grandchild, signal.SIGKILL)


def _die_and_leave_a_holder(url: str, rules: Any, report: Any, extractors: Any) -> None:
    if os.fork() == 0:
        while True:
            signal.pause()
    os._exit(3)


def test_its_death_counts_although_a_grandchild_holds_the_pipe(cold: Worker) -> None:
    outcome = cold.run(LINK, RULES, _die_and_leave_a_holder)
    assert (outcome.error.reason, outcome.error.fault) == (Reason.CRASHED, Fault.RETRYABLE)
    assert outcome.took_s < 5


def _start_a_program(url: str, rules: Any, report: Any, extractors: Any) -> None:
    program = subprocess.Popen(["sleep", "600"], start_new_session=True)
    report(Progress(Stage.DOWNLOADING, done_bytes=program.pid))
    program.wait()


def test_neither_yt_dlp_nor_its_programs_outlive_a_killed_worker(tmp_path: Path) -> None:
    with worker(tmp_path, is_cold=True) as made:
        made.begin(LINK, RULES, _start_a_program)
        leader = made.started_pid()
        program = made.wait_for(Progress).done_bytes
        made.kill()
        assert has_ended(leader)
        assert has_ended(program)


def _let_programs_live() -> None:
    isolation._make_programs_die_with_us = lambda: None


@pytest.mark.negative
def test_a_program_that_is_not_bound_outlives_a_killed_worker(tmp_path: Path) -> None:
    with worker(tmp_path, prepare=_let_programs_live, is_cold=True) as weak:
        weak.begin(LINK, RULES, _start_a_program)
        leader = weak.started_pid()
        program = weak.wait_for(Progress).done_bytes
        weak.kill()
        assert has_ended(leader)
        assert not has_ended(program, within_s=0.5)
        os.kill(program, signal.SIGKILL)


# --------------------------------------------------------------------------- what it may use up


def _take_memory(url: str, rules: Any, report: Any, extractors: Any) -> None:
    bytearray(600 << 20)


def _take_memory_in_parts(url: str, rules: Any, report: Any, extractors: Any) -> None:
    for _ in range(3):
        if os.fork() == 0:
            _held = b"x" * (150 << 20)
            while True:
                signal.pause()
    while True:
        signal.pause()


def _fill_the_directory(url: str, rules: Any, report: Any, extractors: Any) -> None:
    for number in range(100):
        Path(f"part{number}").write_bytes(bytes(1 << 20))
    while True:
        signal.pause()


def _write_one_large_file(url: str, rules: Any, report: Any, extractors: Any) -> None:
    Path("large").write_bytes(bytes(60 << 20))


def _die_of_a_large_file(url: str, rules: Any, report: Any, extractors: Any) -> None:
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
    outcome = cold.run(LINK, rules(max_file_bytes=limit_bytes, memory_bytes=400 << 20), fetch)
    assert (outcome.error.reason, outcome.error.fault) == (reason, Fault.PERMANENT)
    assert not cold.directory.exists()
    assert told(cold, _look_for_traces)["traces"] == [False] * 4


# ------------------------------------------------------------------------------ what it may claim


def _claim(name: str) -> None:
    fields = {"name": name, "kind": "video", "title": "t"} | dict.fromkeys(
        ("width", "height", "duration_s", "thumbnail", "uploader", "extractor", "media_id")
    )
    os.write(3, json.dumps({"finished": fields}).encode() + b"\n")
    signal.pause()


def _claim_a_path(url: str, rules: Any, report: Any, extractors: Any) -> None:
    _claim("../../../etc/hostname")


def _claim_a_link(url: str, rules: Any, report: Any, extractors: Any) -> None:
    os.symlink("/etc/hostname", "media.mp4")
    _claim("media.mp4")


def _claim_a_second_name(url: str, rules: Any, report: Any, extractors: Any) -> None:
    Path("first").write_bytes(b"x")
    os.link("first", "media.mp4")
    _claim("media.mp4")


def _claim_a_pipe(url: str, rules: Any, report: Any, extractors: Any) -> None:
    os.mkfifo("media.mp4")
    _claim("media.mp4")


def _claim_nothing(url: str, rules: Any, report: Any, extractors: Any) -> None:
    _claim("media.mp4")


def _send_rubbish(url: str, rules: Any, report: Any, extractors: Any) -> None:
    os.write(3, b"\x80\x04rubbish\n")
    signal.pause()


def _never_end_a_line(url: str, rules: Any, report: Any, extractors: Any) -> None:
    while True:
        os.write(3, b"x" * 4096)


@pytest.mark.parametrize(
    "fetch",
    [
        _claim_a_path,
        _claim_a_link,
        _claim_a_second_name,
        _claim_a_pipe,
        _claim_nothing,
        _send_rubbish,
        _never_end_a_line,
    ],
)
def test_a_false_word_is_not_believed(cold: Worker, fetch: Any) -> None:
    error = cold.run(LINK, RULES, fetch).error
    assert (error.reason, error.fault) == (Reason.CRASHED, Fault.RETRYABLE)
    assert not cold.directory.exists()


# ----------------------------------------------------------------------------- where it may go


def _without_guard() -> None:
    guard.install = lambda *_: guard.Guard()


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[str]:
    """A server that only the guard keeps a stranger from."""
    home = tmp_path / "inside"
    home.mkdir()
    (home / "secret.mp4").write_bytes(bytes(1000))
    with served(home, "127.0.0.2") as url:
        yield f"{url}/secret.mp4"


def _redirect(site: MediaSite, target: str) -> str:
    return f"{site.url}/redirect?to={target}"


@pytest.fixture(scope="module")
def site() -> Iterator[MediaSite]:
    with MediaSite() as site:
        yield site


@pytest.mark.negative
def test_without_the_guard_a_redirect_reaches_inside(
    site: MediaSite, inside: str, tmp_path: Path
) -> None:
    with worker(tmp_path, prepare=_without_guard) as weak:
        outcome = weak.run(_redirect(site, inside), RULES)
    # The thousand zeros arrived; only then was it seen that they are no video.
    assert outcome.result is not None
    assert getattr(outcome.result, "reason", None) is not Reason.REFUSED_ADDRESS
    assert any(isinstance(report, Progress) for report in outcome.reports)


def _connect_to_a_socket_file(url: str, rules: Any, report: Any, extractors: Any) -> None:
    socket.socket(socket.AF_UNIX).connect("/run/any.sock")


def _listen(url: str, rules: Any, report: Any, extractors: Any) -> None:
    socket.create_server(("127.0.0.1", 0))


def _fetch_with_ffmpeg(url: str, rules: Any, report: Any, extractors: Any) -> None:
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", url, "-c", "copy", "media.mp4"]
    subprocess.run(command, check=True)
    tell(fetched=True)


@pytest.mark.parametrize(
    ("fetch", "reason"),
    [
        (_connect_to_a_socket_file, Reason.REFUSED_ADDRESS),
        (_listen, Reason.REFUSED_ADDRESS),
        (_fetch_with_ffmpeg, Reason.NO_FORMAT),
    ],
)
def test_the_guard_refuses(cold: Worker, fetch: Any, reason: Reason) -> None:
    error = cold.run(LINK, RULES, fetch).error
    assert (error.reason, error.fault) == (reason, Fault.PERMANENT)


@needs_ffmpeg
@pytest.mark.negative
def test_without_the_guard_ffmpeg_fetches_what_it_likes(site: MediaSite, tmp_path: Path) -> None:
    with worker(tmp_path, prepare=_without_guard, is_cold=True) as weak:
        weak.begin(f"{site.url}/clip.mp4", RULES, _fetch_with_ffmpeg)
        assert json.loads(weak.finish().error.detail) == {"fetched": True}
