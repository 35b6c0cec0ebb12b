"""Find the processes of a bot in `/proc`, and kill those left over."""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

_INSTANCE = b"FETCHBOT_INSTANCE="


@dataclass(frozen=True)
class Found:
    """A process: its pid with its start time, so that a recycled pid is another one."""

    pid: int
    started: int
    parent: int
    state: str

    @property
    def is_alive(self) -> bool:
        """Whether it is running; a zombie is not."""
        return self.state not in "ZX"


def find(pid: int) -> Found | None:
    """The process with that pid, if there is one."""
    try:
        # The name in brackets may hold anything, brackets and spaces included.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return Found(pid, int(fields[19]), int(fields[1]), fields[0])


def find_all() -> list[Found]:
    """Every process of the machine."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [found for pid in pids if (found := find(pid)) is not None]


def descendants(roots: set[int], among: list[Found]) -> set[int]:
    """The pids of `roots` and of everything below them."""
    known = set(roots)
    while True:
        more = {p.pid for p in among if p.parent in known} - known
        if not more:
            return known
        known |= more


def is_tagged(pid: int, tag: str) -> bool:
    """Whether the process was started with that instance tag in its environment."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return _INSTANCE + tag.encode() in environment.split(b"\0")


def kill(process: Found) -> None:
    """SIGKILL to exactly that process, or to nothing when it has ended."""
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(process.pid)
        try:
            now = find(process.pid)
            if now is not None and now.started == process.started:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        finally:
            os.close(handle)
