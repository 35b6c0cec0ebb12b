"""What comes back from a worker: whatever it is, it costs its own job and nothing else."""

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support import pool_jobs
from tests.support.pool_driver import METHODS, driven
from tests.support.pool_jobs import MEBIBYTE, PickledBy
from worker.pool import channel as channel_module
from worker.pool import worker_main
from worker.pool.events import Failed, Finished, Lost, Reported, Stopped, StopReason
from worker.pool.messages import MessageKind, RemoteError, encode
from worker.pool.watched_process import WatchedProcess
from worker.processes.process_setup import Limits

pytestmark = pytest.mark.parametrize("method", METHODS)


# --------------------------------------------------------------------------------- exceptions


@pytest.mark.parametrize(
    ("error", "keeps_its_worker"),
    [
        (ValueError, True),
        (SystemExit, False),
        (KeyboardInterrupt, False),
        (GeneratorExit, False),
        (MemoryError, False),
        (pool_jobs.Plain, False),
    ],
)
def test_whatever_a_job_raises_is_its_failure(
    method: str, error: type[BaseException], keeps_its_worker: bool
) -> None:
    with driven(method, size=1) as driver:
        for _ in range(2):
            before = driver.run("pid")
            end = driver.end_of(driver.submit("raise_error", error, 3))
            assert isinstance(end, Failed)
            assert (type(end.error), end.error.args) == (error, (3,))
            assert "in raise_error" in end.traceback
            # A worker that is about to end is not given the next job.
            assert (driver.run("pid") == before) is keeps_its_worker


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (("raise_error", pool_jobs.OddError, 1, 2), "OddError: 1 and 2"),
        (("raise_error", pool_jobs.Unpicklable), "Unpicklable"),
    ],
    ids=["does not unpickle", "does not pickle"],
)
def test_exception_that_cannot_travel_is_told_in_words(
    method: str, task: tuple[Any, ...], words: str
) -> None:
    with driven(method) as driver:
        end = driver.end_of(driver.submit(*task))
        assert isinstance(end, Failed)
        assert isinstance(end.error, RemoteError)
        assert words in str(end.error)


# -------------------------------------------------------------------- pickles and long messages


@pytest.mark.parametrize(
    ("task", "error"),
    [
        (("pickled_by", "fail"), LookupError),
        (("pickled_by", "", "fail"), LookupError),
        (("pickled_by", "run_out_of_memory"), MemoryError),
        (("pickled_by", "exit_interpreter"), SystemExit),
        (("fine_here_only",), RemoteError),
        (("echo", PickledBy("", "fail")), LookupError),
    ],
    ids=["pickling", "unpickling", "memory", "exit", "unpickling in the parent", "the task"],
)
def test_message_that_cannot_travel_is_a_failure(
    method: str, task: tuple[Any, ...], error: type[BaseException]
) -> None:
    with driven(method) as driver:
        end = driver.end_of(driver.submit(*task))
        assert isinstance(end, Failed)
        assert type(end.error) is error


def test_task_that_does_not_pickle_reaches_no_worker(method: str) -> None:
    with driven(method) as driver:
        with pytest.raises(LookupError):
            driver.submit("echo", PickledBy("fail"))
        assert driver.pool.job_ids == []


def test_report_that_does_not_unpickle_costs_the_report_alone(method: str) -> None:
    with driven(method) as driver:
        assert driver.run("report_fine_here_only") == "went on"


def test_long_task_and_long_result(method: str) -> None:
    with driven(method) as driver:
        assert driver.run("length", bytes(20_000_000)) == 20_000_000
        assert len(driver.run("big", 20_000_000)) == 20_000_000


def test_reports_come_in_order_and_before_the_end(method: str) -> None:
    with driven(method) as driver:
        job = driver.submit("reports", 300)
        driver.end_of(job)
        reports = [Reported(job, number) for number in range(300)]
        assert driver.events == [*reports, Finished(job, 300)]


def test_flood_of_reports_holds_up_nobody(method: str) -> None:
    with driven(method, stop_grace_s=0) as driver:
        job = driver.submit("flood")
        driver.report_of(job)
        for number in range(20):
            assert driver.run("echo", number) == number
            driver.events.clear()
        driver.pool.stop_job(job)
        assert driver.end_of(job) == Stopped(job, StopReason.STOPPED)


# ------------------------------------------------------------------------- workers out of order


def framed(kind: MessageKind) -> bytes:
    """A message of the first job's as it stands in the pipe."""
    message = encode(kind, 1)
    return len(message).to_bytes(4) + message


@pytest.mark.parametrize(
    "data",
    [
        b"\xff" * 12,
        b"\xff\xff\xff\xfe",
        b"\x00\x00\x00\x00",
        b"\x00\x00\x00\x03abc" + b"\xff" * 64,
        b"\x00\x00\x00\x09\x63" + bytes(8),
        b"\x7f" * 4,
        framed(MessageKind.READY),
        framed(MessageKind.SETUP_FAILED),
        framed(MessageKind.JOB),
        framed(MessageKind.STOP),
    ],
    ids=[
        *("longest", "negative length", "nothing", "too short", "unknown kind", "too long"),
        *("ready again", "broken after all", "a job for us", "an order for us"),
    ],
)
def test_rubbish_is_the_end_of_its_worker(method: str, data: bytes) -> None:
    with driven(method) as driver:
        job = driver.submit("write_raw", data)
        assert driver.end_of(job) == Lost(job, -signal.SIGKILL)


def test_nothing_is_taken_from_a_worker_after_rubbish(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kills: list[int] = []
    kill = WatchedProcess.kill

    def counted(process: WatchedProcess) -> None:
        kills.append(process.pid)
        kill(process)

    monkeypatch.setattr(WatchedProcess, "kill", counted)
    with driven(method) as driver:
        driver.wait_until_ready()
        driver.stop_clock()  # so that no kill is repeated
        job = driver.submit("write_raw", bytes(4000) + framed(MessageKind.RESULT))
        assert driver.end_of(job) == Lost(job, -signal.SIGKILL)
        assert len(kills) == 1


def test_worker_that_calls_itself_ready_again_does_not_escape_its_end(method: str) -> None:
    with driven(method, size=1, stop_grace_s=60) as driver:
        job = driver.submit("say_ready_at_the_order")
        pid = driver.report_of(job)
        driver.pool.stop_job(job)
        driver.lead_s = 70
        assert driver.end_of(job) == Stopped(job, StopReason.STOPPED)
        assert pid not in driver.pool.pids


def test_answer_over_the_bound_is_not_read(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_main, "MAX_MESSAGE_BYTES", 1000)
    with pytest.raises(ValueError, match="too long"):
        worker_main._pickled(bytes(1000))
    assert worker_main._pickled(bytes(100))
    monkeypatch.setattr(channel_module, "MAX_MESSAGE_BYTES", 1000)
    with driven(method) as driver:
        # This worker does not know of our bound, as one that is out of its mind would not.
        job = driver.submit("big", 2000)
        assert driver.end_of(job) == Lost(job, -signal.SIGKILL)


# ------------------------------------------------------------------------------------- limits


def test_limits_are_set_before_the_first_job(method: str) -> None:
    limits = Limits(data_bytes=256 * MEBIBYTE, file_bytes=1000, open_files=99)
    with driven(method, limits=limits) as driver:
        assert driver.run("limits") == {
            "RLIMIT_DATA": 256 * MEBIBYTE,
            "RLIMIT_FSIZE": 1000,
            "RLIMIT_NOFILE": 99,
            "RLIMIT_CORE": 0,
        }


def test_ps_tells_a_worker_and_its_job(method: str) -> None:
    with driven(method, size=1) as driver:
        job_id = driver.submit("title")
        end = driver.end_of(job_id)
        assert isinstance(end, Finished)
        assert end.result == f"fetchbot: test-1 job {job_id}"
        (worker,) = driver.pool.workers
        command_line = Path(f"/proc/{worker.pid}/cmdline")
        driver.until(lambda: command_line.read_bytes().rstrip(b"\0") == b"fetchbot: test-1")


@pytest.mark.parametrize(
    "task",
    [("take_memory", 200 * MEBIBYTE), ("big", 100 * MEBIBYTE)],
    ids=["in the job", "while pickling"],
)
def test_memory_over_the_cap_fails_the_job(method: str, task: tuple[Any, ...]) -> None:
    with driven(method, size=1, limits=Limits(data_bytes=192 * MEBIBYTE)) as driver:
        end = driver.end_of(driver.submit(*task))
        assert isinstance(end, Failed)
        assert isinstance(end.error, MemoryError)
