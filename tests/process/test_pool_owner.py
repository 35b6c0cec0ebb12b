"""The processes above a worker: its owner that ends, well or not, and a fork server that dies."""

import gc
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from multiprocessing import forkserver, util
from pathlib import Path

import pytest

from tests.sandbox.patience import PATIENCE_S
from tests.support import pool_jobs, slow_preload
from tests.support.exhaustive import in_full
from tests.support.operator_kit import ROOT
from tests.support.pool_driver import (
    METHODS,
    Driver,
    context_for,
    driven,
    open_descriptors,
    start_helpers,
)
from tests.support.pool_owner import own, told_by
from tests.support.process_kit import ends, identity_of, no_descriptors_left, wait_until
from worker.pool import watched_process
from worker.pool.events import Lost, Stopped, StopReason
from worker.pool.start_backoff import START_DELAYS_S
from worker.pool.watched_process import WatchedProcess, fork_server_pid, replace_fork_server
from worker.processes import process_table, signals

each_method = pytest.mark.parametrize("method", METHODS)

BUSY = ("ignore_everything", "spin_in_c", "leave_bound_grandchild")


# ---------------------------------------------------------------------------------- the owner


@each_method
@pytest.mark.parametrize(
    ("tasks", "stopped"),
    [
        pytest.param((), False, id="idle"),
        pytest.param(BUSY, True, id="busy and stopped"),
        in_full(BUSY, False, id="busy"),
        in_full((), True, id="stopped"),
    ],
)
def test_nothing_outlives_an_owner_that_is_killed(
    method: str, tasks: tuple[str, ...], stopped: bool
) -> None:
    with own(method, *tasks) as owner:
        workers = told_by(owner)
        assert len(workers) == (5 if tasks else 4), "four workers, and a grandchild when busy"
        helpers = {process.identity for process in process_table.descendants(owner.pid)} - {
            *workers
        }
        assert helpers, "the resource tracker, and a fork server if there is one"
        if stopped:
            for process in workers:
                signals.send_signal(process, signal.SIGSTOP)
        owner.kill()
        owner.wait()
        assert all(ends(process) for process in (*workers, *helpers))


@each_method
@pytest.mark.parametrize("task", ["ignore_everything", "report_pid_and_wait"])
def test_owner_ends_without_a_word_on_stderr(method: str, task: str) -> None:
    with own(method, task, stderr=subprocess.PIPE) as owner:
        below = told_by(owner)
        _, errors = owner.communicate("")
        assert owner.returncode == 0
        # Killed, or gone by itself before that.
        expected = re.compile(r"job \d+: worker test-\d \(pid \d+\) ended with exit code (-9|0)\.")
        assert [line for line in errors.splitlines() if not expected.fullmatch(line)] == []
        assert not any(map(process_table.is_alive, below))


@each_method
def test_owner_without_stderr_works_and_ends(method: str) -> None:
    def close_stderr() -> None:
        os.close(2)

    with own(method, "report_pid_and_wait", preexec_fn=close_stderr) as owner:
        below = told_by(owner)
        assert len(below) == 4
        owner.communicate("")
        assert owner.returncode == 0
        assert not any(map(process_table.is_alive, below))


# -------------------------------------------------------------------------------- fork server


@pytest.mark.parametrize("workers", ["live", "die as well"])
def test_fork_server_killed_when_idle_is_replaced(workers: str) -> None:
    with driven("forkserver") as driver:
        driver.wait_until_ready()
        before = driver.pool.pids
        server = identity_of(fork_server_pid())
        signals.send_signal(server, signal.SIGKILL)
        assert ends(server)
        if workers == "live":
            driver.run("echo")
            assert driver.pool.pids == before
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        driver.until(lambda: not set(before) & set(driver.pool.pids))
        driver.wait_until_ready()
        assert fork_server_pid() != server.pid


def test_fork_server_killed_under_work_costs_no_job_and_hides_no_exit_code() -> None:
    with driven("forkserver", size=3) as driver:
        first, second = (driver.submit("report_pid_and_wait") for _ in range(2))
        orphan, killed = driver.report_of(first), driver.report_of(second)
        server = identity_of(fork_server_pid())
        signals.send_signal(server, signal.SIGKILL)
        assert ends(server)
        assert driver.run("echo", "on") == "on"
        assert orphan in driver.pool.pids
        # An orphan's exit code comes from the process whose child it has become: from us.
        os.kill(killed, signal.SIGKILL)
        assert driver.end_of(second) == Lost(second, -signal.SIGKILL)
        driver.pool.stop_job(first)
        assert driver.end_of(first) == Stopped(first, StopReason.STOPPED)
        driver.wait_until_ready()
        assert fork_server_pid() != server.pid


def test_fork_server_killed_while_workers_start_delays_them_alone() -> None:
    with driven("forkserver", size=4) as driver:
        driver.step()
        signals.send_signal(identity_of(fork_server_pid()), signal.SIGKILL)
        driver.wait_until_ready()


def test_fork_server_whose_socket_was_removed_is_replaced() -> None:
    with driven("forkserver") as driver:
        victim, server = driver.run("pid"), fork_server_pid()
        # As a cleaner of temporary files does.
        shutil.rmtree(util.get_temp_dir())
        os.kill(victim, signal.SIGKILL)
        driver.until(lambda: victim not in driver.pool.pids)
        driver.wait_until_ready()
        assert fork_server_pid() != server


@pytest.mark.negative
def test_fork_server_whose_socket_was_removed_starts_nothing_more_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with driven("forkserver") as driver:
        victim, server = driver.run("pid"), fork_server_pid()
        shutil.rmtree(util.get_temp_dir())
        with monkeypatch.context() as patch:
            patch.setattr(watched_process, "_abandon_socket", lambda: None)
            os.kill(victim, signal.SIGKILL)
            for failures in (1, 2):
                driver.until(lambda number=failures: driver.pool._backoff.failures == number)  # type: ignore[misc]
                driver.lead_s += START_DELAYS_S[failures]
        assert "FileNotFoundError" in (driver.pool.trouble or "")
        assert fork_server_pid() == server
        driver.until(lambda: len(driver.pool.pids) == driver.pool.spec.size)


@pytest.mark.parametrize("by_another_thread", [False, True])
def test_replaced_fork_server_leaves_its_workers_at_work(
    by_another_thread: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_signal = signals.send_signal

    def send_and_be_overtaken(identity: process_table.Identity, number: int) -> bool:
        """Whoever looks after multiprocessing's helpers may see the end first, and reap it."""
        sent = send_signal(identity, number)
        assert ends(identity)
        forkserver.ensure_running()
        return sent

    with driven("forkserver") as driver:
        before, server = driver.run("pid"), fork_server_pid()
        workers = driver.pool.pids
        with monkeypatch.context() as patch:
            if by_another_thread:
                patch.setattr(signals, "send_signal", send_and_be_overtaken)
            replace_fork_server()
        assert driver.run("echo", "on") == "on"
        assert driver.pool.pids == workers
        os.kill(before, signal.SIGKILL)
        driver.until(lambda: before not in driver.pool.pids)
        driver.wait_until_ready()
        assert fork_server_pid() != server


def test_stopped_fork_server_holds_up_neither_step_nor_close() -> None:
    with driven("forkserver") as driver:
        job = driver.submit("report_pid_and_wait")
        pid = driver.report_of(job)
        os.kill(fork_server_pid(), signal.SIGSTOP)
        os.kill(pid, signal.SIGKILL)
        assert driver.end_of(job) == Lost(job, -signal.SIGKILL)
        driver.wait_until_ready()
    with driven("forkserver", works_after=False) as driver:
        driver.wait_until_ready()
        os.kill(fork_server_pid(), signal.SIGSTOP)


IMPORTING = """
import sys
from multiprocessing import forkserver
forkserver.set_forkserver_preload(sys.argv[1:])
forkserver.ensure_running()
print(forkserver._forkserver._forkserver_pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("first", "survives"),
    [
        ([watched_process.PRELOADING], False),
        pytest.param([], True, marks=pytest.mark.negative),
    ],
)
def test_a_fork_server_ends_with_its_owner_while_it_imports(
    first: list[str], survives: bool, tmp_path: Path
) -> None:
    until = tmp_path / "imported"
    command = [sys.executable, "-c", IMPORTING, *first, slow_preload.__name__]
    env = {**os.environ, slow_preload.VARIABLE: str(until)}
    with subprocess.Popen(
        command, cwd=ROOT, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout is not None
        server = identity_of(int(owner.stdout.readline()))
        wait_until(Path(f"{until}{slow_preload.BEGUN}").exists)
        owner.kill()
    assert ends(server, 1.0 if survives else PATIENCE_S) is not survives
    until.touch()
    assert ends(server)


@pytest.fixture
def slow_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file that ends the imports of fork servers that are started from now on."""
    until = tmp_path / "imported"
    monkeypatch.setenv(slow_preload.VARIABLE, str(until))
    modules = getattr(forkserver, "_forkserver")._preload_modules  # noqa: B009
    forkserver.set_forkserver_preload([slow_preload.__name__, *modules])
    yield until
    until.touch()
    forkserver.set_forkserver_preload(modules)
    replace_fork_server()


def trouble(driver: Driver) -> str:
    return driver.pool.trouble or ""


def test_jobs_go_on_while_a_fork_server_imports(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with driven("forkserver") as driver:
        driver.wait_until_ready()
        until = request.getfixturevalue("slow_imports")
        first, second = driver.pool.pids
        replace_fork_server()
        os.kill(first, signal.SIGKILL)
        driver.until(lambda: first not in driver.pool.pids)
        # Nothing ends the imports before the jobs are done.
        assert [driver.run("echo", number) for number in range(5)] == [*range(5)]
        assert driver.pool.pids == [second]
        assert driver.pool.trouble is None
        until.touch()
        driver.wait_until_ready()


def test_fork_server_that_hangs_in_an_import_is_replaced(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    with driven("forkserver") as driver:
        driver.wait_until_ready()
        until = request.getfixturevalue("slow_imports")
        replace_fork_server()
        driver.step()
        os.kill(driver.pool.pids[0], signal.SIGKILL)
        driver.until(lambda: len(driver.pool.pids) < driver.pool.spec.size)
        server = fork_server_pid()
        monkeypatch.setattr(watched_process, "PRELOAD_TIMEOUT_S", 0.0)
        driver.until(lambda: "TimeoutError: the fork server was not ready" in trouble(driver))
        monkeypatch.undo()
        until.touch()
        driver.wait_until_ready()
        assert fork_server_pid() != server


def test_fork_server_that_ends_in_an_import_delays_the_next_start(
    request: pytest.FixtureRequest,
) -> None:
    with driven("forkserver") as driver:
        driver.wait_until_ready()
        until = request.getfixturevalue("slow_imports")
        server = fork_server_pid()
        replace_fork_server()
        os.kill(driver.pool.pids[0], signal.SIGKILL)
        driver.until(lambda: fork_server_pid() != server)
        os.kill(fork_server_pid(), signal.SIGKILL)
        driver.until(lambda: "EOFError: the fork server ended" in trouble(driver))
        until.touch()
        driver.wait_until_ready()


def test_fork_server_is_replaced_though_the_directory_of_its_socket_is_gone() -> None:
    with driven("forkserver") as driver:
        driver.wait_until_ready()
        shutil.rmtree(util.get_temp_dir())
        replace_fork_server()
        os.kill(driver.pool.pids[0], signal.SIGKILL)
        driver.until(lambda: len(driver.pool.pids) < driver.pool.spec.size)
        driver.wait_until_ready()


WITH_A_FORK_SERVER = """
import multiprocessing, os
from worker.pool.watched_process import do_without_resource_tracker
from worker.processes import process_table

if __name__ == "__main__":
    if {without}:
        do_without_resource_tracker()
    context = multiprocessing.get_context("forkserver")
    process = context.Process(target=os.getpid)
    process.start()
    process.join()
    with context.Lock():
        print(process.exitcode, len(process_table.children(os.getpid())))
"""


@pytest.mark.parametrize(
    ("without", "said"),
    [(True, "0 1\n"), pytest.param(False, "0 2\n", marks=pytest.mark.negative)],
)
def test_a_fork_server_does_without_a_resource_tracker(
    without: bool, said: str, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(WITH_A_FORK_SERVER.format(without=without))
    done = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=PATIENCE_S,
    )
    assert (done.stdout, done.stderr) == (said, "")


def test_fork_server_is_replaced_once_there_is_a_descriptor_for_that() -> None:
    start_helpers("forkserver")
    server = identity_of(fork_server_pid())
    with no_descriptors_left():
        assert not replace_fork_server()
    assert process_table.is_alive(server)
    assert replace_fork_server()
    assert not process_table.is_alive(server)


@pytest.mark.parametrize("count", range(8))
def test_start_that_lacks_descriptors_costs_none_and_no_fork_server(count: int) -> None:
    start_helpers("forkserver")
    server, before = fork_server_pid(), open_descriptors()
    start = partial(WatchedProcess, context_for("forkserver"), "test", pool_jobs.nothing, ())
    with no_descriptors_left(but=count), pytest.raises(OSError, match="Too many open files"):
        start()
    gc.collect()
    assert open_descriptors() == before
    process = start()
    wait_until(process.has_ended)
    process.release()
    assert fork_server_pid() == server
