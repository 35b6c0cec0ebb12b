"""What a process and all below it use while something is measured."""

import threading
from typing import Self

import psutil

INTERVAL_S = 0.2


class Sampler:
    """Looks at the tree of `root` five times a second.

    `cpu_s` are the processor seconds of the tree between the first look and the last, those of
    processes that have ended and were waited for included; `peak_bytes` is the largest sum of
    proportional set sizes that was seen.
    """

    def __init__(self, root: int) -> None:
        self.cpu_s = 0.0
        self.peak_bytes = 0
        self._root = psutil.Process(root)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._first_cpu_s = tree_cpu_s(self._root)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._over.wait(INTERVAL_S):
            try:
                self.cpu_s = tree_cpu_s(self._root) - self._first_cpu_s
                self.peak_bytes = max(self.peak_bytes, tree_pss_bytes(self._root))
            except psutil.NoSuchProcess:
                return


def tree_pss_bytes(root: psutil.Process) -> int:
    """The proportional set sizes of a process and all below it: shared pages count once."""
    total = 0
    for process in _tree(root):
        try:
            total += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            if process == root:
                raise
    return total


def tree_cpu_s(root: psutil.Process) -> float:
    """The processor seconds of a process and all below it, ended and waited for ones included."""
    return sum(_cpu_s(process) for process in _tree(root))


def _tree(root: psutil.Process) -> list[psutil.Process]:
    return [root, *root.children(recursive=True)]


def _cpu_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)
