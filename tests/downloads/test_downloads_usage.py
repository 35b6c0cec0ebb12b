"""What a download that came to nothing used and said: measured, bounded, without secrets."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.download_limits import LIMITS, limits_with
from tests.support.downloads_harness import Worker, worker
from tests.support.process_kit import wait_until
from worker.downloads.confinement import landlock
from worker.downloads.limits import DownloadLimits
from worker.downloads.session import WATCH_INTERVAL_S
from worker.errors import Reason
from worker.processes import memory
from worker.protocol import DownloadUsage, Progress, Stage

LINK = "https://example.org/v"
SECRET = "https://example.org/v?key=secret"


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with worker(tmp_path_factory.mktemp("downloads"), is_cold=True) as made:
        yield made


def usage(worker: Worker, fetch: Any) -> DownloadUsage:
    outcome = worker.run(LINK, LIMITS, fetch)
    assert outcome.error.reason
    (found,) = [report for report in outcome.reports if isinstance(report, DownloadUsage)]
    return found


def cannot_be_confined() -> None:
    def confine(*_: object) -> None:
        raise OSError("the kernel said no")

    vars(landlock)["confine"] = confine


def use_much_and_fail(*_: Any) -> Any:
    held = b"x" * 60_000_000
    until = time.process_time() + 0.3
    while time.process_time() < until:
        pass
    time.sleep(2 * WATCH_INTERVAL_S)  # so that it is looked at
    raise ValueError(f"no format at {SECRET} in {len(held)} bytes")


def write_much_and_fail(*_: Any) -> Any:
    print("y" * 100_000)
    raise ValueError("the end")


def replace_the_log_and_fail(*_: Any) -> Any:
    Path("job.log").unlink()
    Path("job.log").symlink_to("/etc/passwd")
    raise ValueError("nothing to see")


def replace_the_log_by_a_pipe_and_die(*_: Any) -> Any:
    Path("job.log").unlink()
    os.mkfifo("job.log")
    os._exit(1)


def test_failure_leaves_its_figures_and_its_last_words(cold: Worker) -> None:
    found = usage(cold, use_much_and_fail)
    assert found.peak_bytes > 50_000_000
    assert found.run_s >= found.cpu_s * 0.9
    assert found.cpu_s >= 0.3
    assert "ValueError: no format at https://example.org/v?…" in found.log
    assert "secret" not in found.log


def test_log_says_why_a_download_could_not_be_confined(tmp_path: Path) -> None:
    with worker(tmp_path, prepare=cannot_be_confined, is_cold=True) as made:
        assert usage(made, die).log.endswith("OSError: the kernel said no")


def test_each_download_has_its_own_account(cold: Worker) -> None:
    usage(cold, use_much_and_fail)
    assert usage(cold, write_much_and_fail).cpu_s < 0.3


def test_log_is_cut_at_its_front(cold: Worker) -> None:
    log = usage(cold, write_much_and_fail).log
    assert len(log) <= 8 * 1024
    assert log.endswith("ValueError: the end")


@pytest.mark.parametrize("fetch", [replace_the_log_and_fail, replace_the_log_by_a_pipe_and_die])
def test_log_that_is_something_else_is_not_read(cold: Worker, fetch: Any) -> None:
    assert usage(cold, fetch).log == ""


def test_stopped_download_has_figures_too(cold: Worker) -> None:
    cold.begin(LINK, LIMITS, sleep_for_ever)
    cold.started_pid()
    cold.stop_job()
    outcome = cold.finish()
    assert any(isinstance(report, DownloadUsage) for report in outcome.reports)


def sleep_for_ever(*_: Any) -> Any:
    while True:
        time.sleep(60)


def test_one_that_dies_without_a_word_is_counted(cold: Worker) -> None:
    outcome = cold.run(LINK, LIMITS, die)
    assert outcome.error.reason is Reason.CRASHED
    assert any(isinstance(report, DownloadUsage) for report in outcome.reports)


def die(*_: Any) -> Any:
    os._exit(3)


def use_nearly_all_and_stay(
    _url: str, rules: DownloadLimits, report: Any, _extractors: Any
) -> None:
    held = b"x" * (int(0.95 * rules.memory_bytes) - memory.private_bytes(os.getpid()))
    report(Progress(Stage.DOWNLOADING, done_bytes=len(held)))
    while True:
        signal.pause()


def test_memory_near_the_cap_is_logged_with_the_job(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # A worker made here writes to the standard error that is looked at.
    with worker(tmp_path, is_cold=True) as made:
        made.begin(LINK, limits_with(memory_bytes=300_000_000), use_nearly_all_and_stay)
        made.wait_for(Progress)
        said = ""

        def is_said() -> bool:
            nonlocal said
            said += capfd.readouterr().err
            return "job 1: memory is at 9" in said

        wait_until(is_said)
        made.stop_job()
        assert made.finish().result is None
        assert said.count("memory is at") == 1
