"""Refuses processes, servers and databases to tests that may do without them."""

import multiprocessing.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn, Self

import pytest

from worker.downloads.confinement import network
from worker.downloads.confinement.network import Network

STARTS = frozenset(
    {
        *("subprocess.Popen", "os.posix_spawn", "os.fork", "os.forkpty", "os.system"),
        "socket.bind",
    }
)
"""Audit events, see "Audit events table" in Python's documentation."""

DATABASES = frozenset({"sqlite3.connect"})
"""Likewise."""


class Started(BaseException):
    """A test has tried to do what its folder excludes; no `except Exception` hides that."""


class StartGuard:
    """While `is_on`, each of these audit events is refused and noted in `refused`.

    An audit hook cannot be removed, so one guard serves all tests of a folder.
    """

    def __init__(self, events: frozenset[str]) -> None:
        self.is_on = False
        self._events = events
        self.refused: list[str] = []
        sys.addaudithook(self._look)

    @contextmanager
    def on(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Self]:
        """Fails the test that does any of it."""
        monkeypatch.setattr(multiprocessing.util, "spawnv_passfds", self._spawn)
        # It is found out by trying, in another process.
        monkeypatch.setattr(network, "active", lambda: Network.NAMESPACE)
        self.is_on = True
        yield self
        self.is_on = False
        refused, self.refused = self.refused, []
        assert refused == []

    def _look(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.is_on and event in self._events:
            self._refuse(f"{event}{arguments}")

    def _spawn(self, _path: bytes, arguments: list[str], _descriptors: object) -> NoReturn:
        """Stands for `multiprocessing.util.spawnv_passfds`, which raises no event."""
        self._refuse(f"multiprocessing: {arguments}")

    def _refuse(self, what: str) -> NoReturn:
        self.refused.append(what)
        raise Started(f"{what}: no test in this folder does that")
