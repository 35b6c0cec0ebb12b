"""Refuses processes and servers to tests that may start none."""

import sys
from typing import NoReturn

STARTS = frozenset(
    {
        *("subprocess.Popen", "os.posix_spawn", "os.fork", "os.forkpty", "os.system"),
        "socket.bind",
    }
)
"""Audit events, see "Audit events table" in Python's documentation."""


class Started(BaseException):
    """A test has tried to start something; no `except Exception` hides that."""


class StartGuard:
    """While `is_on`, each start is refused and noted in `refused`.

    An audit hook cannot be removed, so one guard serves a whole run of the tests.
    """

    def __init__(self) -> None:
        self.is_on = False
        self.refused: list[str] = []
        sys.addaudithook(self._look)

    def _look(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.is_on and event in STARTS:
            self._refuse(f"{event}{arguments}")

    def spawn(self, _path: bytes, arguments: list[str], _descriptors: object) -> NoReturn:
        """Stands for `multiprocessing.util.spawnv_passfds`, which raises no event."""
        self._refuse(f"multiprocessing: {arguments}")

    def _refuse(self, what: str) -> NoReturn:
        self.refused.append(what)
        raise Started(f"{what}: a test in tests/unit starts nothing")
