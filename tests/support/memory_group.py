"""A control group with little memory, for whose processes the kernel's OOM killer is real."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.process_kit import wait_until

_V1 = Path("/sys/fs/cgroup/memory")
_V2 = Path("/sys/fs/cgroup")
# How the limit is set, and where the killed are counted (cgroup-v1/memory.rst, cgroup-v2.rst).
_FILES = {
    _V1: ("memory.limit_in_bytes", "memory.oom_control"),
    _V2: ("memory.max", "memory.events"),
}


class MemoryGroup:
    """What was allocated before a process came counts elsewhere, what it allocates then here."""

    def __init__(self, path: Path, counter: Path) -> None:
        self._path = path
        self._counter = counter

    def take(self, pid: int) -> None:
        """Let this process have no more than the limit from now on."""
        (self._path / "cgroup.procs").write_text(str(pid))

    @property
    def kills(self) -> int:
        """How many of its processes the kernel has killed for want of memory."""
        fields = dict(line.split() for line in self._counter.read_text().splitlines())
        return int(fields["oom_kill"])

    @property
    def is_empty(self) -> bool:
        return not (self._path / "cgroup.procs").read_text()


@contextmanager
def memory_group(limit_bytes: int) -> Iterator[MemoryGroup]:
    """Make one; skips the test, and says why, where that is not allowed."""
    root = next((root for root in _FILES if (root / "cgroup.procs").exists()), None)
    if root is None or not os.access(root, os.W_OK):
        pytest.skip("no control groups can be made here (root and a writable /sys/fs/cgroup)")
    limit, counter = _FILES[root]
    path = root / f"fetchbot-test-{os.getpid()}"
    path.mkdir()
    try:
        if not (path / limit).exists():
            pytest.skip("control groups limit no memory here (memory controller)")
        (path / limit).write_text(str(limit_bytes))
        group = MemoryGroup(path, path / counter)
        yield group
        wait_until(lambda: group.is_empty)
    finally:
        path.rmdir()
