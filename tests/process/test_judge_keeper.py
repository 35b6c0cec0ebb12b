"""One judge runs, whatever becomes of it."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import signal
import socket
import time
import types
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection

import pytest

from tests.support.judges import end_at_once, show_no_life
from tests.support.process_kit import identity_of, no_descriptors_left, wait_until
from worker.clocks import Monotonic
from worker.downloads.judge import keeper, process
from worker.downloads.judge.client import JudgeClient
from worker.downloads.judge.keeper import MAX_SILENCE_S, MIN_UPTIME_S, START_TIMEOUT_S, JudgeKeeper
from worker.downloads.judge.rules import Rules
from worker.errors import JudgeLost
from worker.log_formats import LogFormat
from worker.pool.channel import wait_ready
from worker.processes import process_table
from worker.processes.process_setup import Limits

LIMITS = Limits(data_bytes=256 << 20, open_files=256)


class Driver:
    """Steps a keeper as its owner does, with a clock that is ahead."""

    def __init__(self, made: JudgeKeeper) -> None:
        self.keeper = made
        self._lead_s = 0.0

    def step(self, lead_s: float = 0.0) -> None:
        self._lead_s += lead_s
        self.keeper.step(Monotonic(time.monotonic() + self._lead_s))

    def until(self, condition: Callable[[], object]) -> None:
        def step() -> object:
            self.step()
            wait_ready(self.keeper.readers, [], 0.05)
            return condition()

        wait_until(step)

    def replaced(self, pid: int) -> bool:
        return self.keeper.is_up and self.keeper.pids != [pid]


@pytest.fixture
def driver() -> Iterator[Driver]:
    context = multiprocessing.get_context("forkserver")
    made = JudgeKeeper(context, Rules(("127.0.0.1/32",)), LIMITS)
    driver = Driver(made)
    try:
        driver.until(lambda: made.is_up)
        # It lives long enough for its end not to count as a failed start.
        driver.step(MIN_UPTIME_S)
        yield driver
    finally:
        made.close()


def test_a_judge_is_shown_by_its_name_and_limited(driver: Driver) -> None:
    (pid,) = driver.keeper.pids
    found = process_table.look_up(pid)
    assert found
    assert found.name == process.NAME
    with open(f"/proc/{pid}/limits", encoding="ascii") as file:
        limits = {line[:26].strip(): line[26:].split()[:2] for line in file}
    assert limits["Max data size"] == [str(LIMITS.data_bytes)] * 2
    assert limits["Max open files"] == ["256"] * 2


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP])
def test_the_next_one_takes_over_at_the_same_address(driver: Driver, number: int) -> None:
    (pid,) = driver.keeper.pids
    with JudgeClient(driver.keeper.address) as way:
        os.kill(pid, number)
        driver.until(lambda: driver.replaced(pid))
        with pytest.raises(JudgeLost):
            way.look()
    JudgeClient(driver.keeper.address).close()


def test_its_owner_goes_on_when_no_descriptor_is_left(driver: Driver) -> None:
    (pid,) = driver.keeper.pids
    with no_descriptors_left():
        driver.step()
        assert driver.keeper.pids == [pid]
        os.kill(pid, signal.SIGSTOP)
        driver.step(MAX_SILENCE_S)  # it is killed all the same
        driver.until(lambda: driver.keeper.pids != [pid])
    driver.until(lambda: driver.replaced(pid))


def test_who_comes_while_there_is_none_waits_for_the_next(driver: Driver) -> None:
    (pid,) = driver.keeper.pids
    gone = identity_of(pid)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not process_table.is_alive(gone))
    with pytest.raises(TimeoutError), waiting(driver.keeper.address) as control:
        control.recv(1)
    with waiting(driver.keeper.address) as control:
        driver.until(lambda: driver.replaced(pid))
        control.settimeout(20)
        assert b"port" in control.recv(100)


def waiting(address: str) -> socket.socket:
    control = socket.socket(socket.AF_UNIX)
    control.settimeout(0.1)
    control.connect(address)
    control.sendall(b'{"secret": "a"}\n')
    return control


def test_one_that_shows_no_life_is_killed(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    (pid,) = driver.keeper.pids
    idle = types.SimpleNamespace(NAME="judge", run=show_no_life)
    with monkeypatch.context() as patch:
        patch.setattr(keeper, "process", idle)
        os.kill(pid, signal.SIGKILL)
        driver.until(lambda: driver.keeper.pids not in ([], [pid]))
    (deaf,) = driver.keeper.pids
    assert not driver.keeper.is_up
    driver.step(MAX_SILENCE_S)  # as long as the fork server may take to import what it has to
    assert driver.keeper.pids == [deaf]
    driver.step(START_TIMEOUT_S)
    driver.until(lambda: driver.replaced(deaf))


def test_one_that_cannot_start_is_tried_ever_later(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pid,) = driver.keeper.pids
    monkeypatch.setattr(keeper, "process", types.SimpleNamespace(NAME="judge", run=end_at_once))
    os.kill(pid, signal.SIGKILL)
    driver.until(lambda: driver.keeper.trouble)
    assert driver.keeper.trouble == "it ended with 7"
    assert not driver.keeper.is_up
    assert driver.keeper.next_deadline() > time.monotonic()


def test_it_ends_with_its_owner() -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    owner = context.Process(target=own_a_judge, args=(theirs,))
    owner.start()
    theirs.close()
    judge = identity_of(ours.recv())
    owner.kill()
    owner.join()
    wait_until(lambda: not process_table.is_alive(judge))


def own_a_judge(connection: Connection) -> None:
    made = JudgeKeeper(multiprocessing.get_context("forkserver"), Rules(), LIMITS)
    Driver(made).until(lambda: made.is_up)
    connection.send(made.pids[0])
    time.sleep(600)


class Complaint:
    """A judge that only says something that no log may show."""

    def __init__(self, *_args: object) -> None:
        pass

    def run(self) -> None:
        log = logging.getLogger("worker.downloads.judge.loop")
        try:
            raise OSError("http://me:word@proxy.example:1/?q=secret")
        except OSError:
            log.exception("The judge ends one of its connections after an error.")


def complain(control: socket.socket, life: Connection) -> None:
    vars(process)["Server"] = Complaint
    process.run(control, life, Rules(), LIMITS, LogFormat.JSON)


def test_its_log_is_written_like_that_of_the_others(capfd: pytest.CaptureFixture[str]) -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    control, other = socket.socketpair()
    with ours, theirs, control, other:
        child = context.Process(target=complain, args=(control, theirs), name="judge")
        child.start()
        child.join(30)
    said = capfd.readouterr().err
    (line,) = said.splitlines()
    record = json.loads(line)
    assert (record["level"], record["process"]) == ("error", "judge")
    assert "[redacted]@proxy.example" in record["traceback"]
    assert "secret" not in said
    assert "word" not in said
