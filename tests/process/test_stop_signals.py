"""Signals that ask the main process to stop: counted, and never missed by who waits."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.process_kit import PATIENCE_S

ROOT = Path(__file__).parents[2]

_WAIT_FOR_TWO = """
from worker.processes.stop_signals import StopSignals
stop = StopSignals()
print("waits", flush=True)
while stop.count < 2:
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
