"""Signals that ask the main process to stop: counted, and never missed by who waits."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from maintenance.exit_codes import EXIT_OK
from tests.sandbox.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]

_WAIT_FOR_A_STOP = """
from worker.processes.stop_signals import StopSignals
stop = StopSignals()
print("waits", flush=True)
for _ in range(3):
    stop.wait(600)
    print(*stop.unheeded, stop.count, flush=True)
"""

_WAIT_FOR_TWO = """
from worker.processes.stop_signals import StopSignals
stop = StopSignals()
print("waits", flush=True)
for _ in range(2):
    stop.wait(600)
    print(stop.count, flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_each_signal_ends_a_wait_and_is_counted(number: int) -> None:
    command = [sys.executable, "-c", _WAIT_FOR_TWO]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "waits\n"
        for count in (1, 2):
            process.send_signal(number)
            assert process.stdout.readline() == f"{count}\n"
        assert process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2])
def test_other_signals_end_a_wait_and_nothing_else(number: signal.Signals) -> None:
    command = [sys.executable, "-c", _WAIT_FOR_A_STOP]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "waits\n"
        for times in (1, 2):
            process.send_signal(number)
            assert process.stdout.readline().split() == [number.name] * times + ["0"]
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline().split() == [number.name] * 2 + ["1"]
        assert process.wait(PATIENCE_S) == 0


_END_AFTER_A_STOP = """
import os, signal
from pathlib import Path
import bot
from maintenance import runs
from maintenance.exit_codes import EXIT_NOT_NOW
runs.note_end = lambda *_: 600.0
stop = bot.StopSignals()
os.kill(os.getpid(), signal.SIGTERM)
print(stop.count, bot._end(Path(), EXIT_NOT_NOW, stop))
"""


def test_a_stop_that_came_before_the_pause_of_an_end_needs_no_second_one() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _END_AFTER_A_STOP],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    assert done.stdout == f"1 {EXIT_OK}\n"
