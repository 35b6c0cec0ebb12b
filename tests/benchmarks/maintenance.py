"""A sweep for zombies among thousands of other processes, against psutil reading all of each."""

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from maintenance.house import Census, House
from tests.benchmarks.figures import ratio, summary

ROUNDS = 3
CROWDS = (0, 1_000, 5_000)

_CROWD = """
import os, signal, sys
from worker import processes
me = os.getpid()
for _ in range(int(sys.argv[1])):
    if not os.fork():
        processes.die_with_parent(me)
        while True:
            signal.pause()
print("up", flush=True)
signal.pause()
"""


def run() -> Iterator[str]:
    """The lines of the report."""
    for crowd in CROWDS:
        if crowd > resource.getrlimit(resource.RLIMIT_NPROC)[0] > 0:
            yield f"{crowd} processes are more than this user may have"
            continue
        with _crowd(crowd):
            yield from _compare(crowd)


def _compare(crowd: int) -> Iterator[str]:
    attributes = [name for name in psutil.Process().as_dict() if name != "threads"]

    def psutils() -> None:
        for process in psutil.process_iter(attributes, ad_value=None):
            assert process.info

    with tempfile.TemporaryDirectory() as directory:
        house = House(Path(directory), 60.0)
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(_seconds(lambda: Census(house)))
            theirs.append(_seconds(psutils))
    there = len(list(Path("/proc").glob("[0-9]*")))
    yield f"{there} processes, {crowd} of them strange: a sweep is {ratio(ours, theirs)} psutil's"
    yield f"  absolute: ours {summary(ours, 's')}, psutil {summary(theirs, 's')}"


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


@contextmanager
def _crowd(number: int) -> Iterator[None]:
    """So many sleeping processes, which end with this block or with this process."""
    with subprocess.Popen(
        [sys.executable, "-c", _CROWD, str(number)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent)},
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        try:
            assert parent.stdout is not None
            assert parent.stdout.readline() == "up\n"
            yield
        finally:
            parent.send_signal(signal.SIGKILL)
