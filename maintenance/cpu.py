"""Use of the processors, in all and by each worker."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psutil

from worker.clocks import Monotonic
from worker.processes import process_table
from worker.processes.process_table import Identity


@dataclass(frozen=True)
class CpuUse:
    """Use of the processors between two samples.

    `machine_share` is of all processors, 0 to 1. A worker's share is of one processor, so it is
    above 1 if its ffmpeg uses several threads.
    """

    machine_share: float
    workers: Mapping[Identity, float]


class CpuMeter:
    """Compares each sample of the processors with the one before; belongs to one thread."""

    def __init__(self) -> None:
        self._sampled_at: Monotonic | None = None
        self._seconds: dict[Identity, float] = {}

    def sample(self, workers: Iterable[Identity], now: Monotonic) -> CpuUse | None:
        """The use since the last sample; None for the first."""
        machine_share = psutil.cpu_percent() / 100
        seconds = {worker: cpu_seconds(worker) for worker in workers}
        before, self._seconds = self._seconds, seconds
        sampled_at, self._sampled_at = self._sampled_at, now
        if sampled_at is None or now <= sampled_at:
            return None
        return CpuUse(
            machine_share,
            {
                # A worker that was not in the last sample began at 0. What a download used may be
                # lost, if another process reaps it: never less than 0.
                worker: max(0.0, used - before.get(worker, 0.0)) / (now - sampled_at)
                for worker, used in seconds.items()
            },
        )


def cpu_seconds(process: Identity) -> float:
    """Processor time of a process, of all below it, and of what these have reaped."""
    if not process_table.is_alive(process):
        return 0.0
    below = [child.pid for child in process_table.descendants(process.pid)]
    return sum(map(_own_seconds, [process.pid, *below]))


def _own_seconds(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)
