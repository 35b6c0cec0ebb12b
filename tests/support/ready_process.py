"""Processes that have imported already what downloads need, as the product's workers have.

They are forks of a fork server of the tests' own, which imports it once. multiprocessing knows one
fork server, and that one belongs to the pools under test: what it imports is part of what they
test.
"""

import os
from collections.abc import Sequence
from multiprocessing import connection, forkserver
from multiprocessing.context import ForkServerProcess
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[2]

_server = forkserver.ForkServer()
_server.set_forkserver_preload(["tests.support.ready_imports"])


class ReadyProcess(ForkServerProcess):
    """`multiprocessing.Process` with a target that one of the tests' modules has.

    It has the environment and the outputs of whoever starts it. While it starts, no other thread
    may start a process of multiprocessing's own fork server.
    """

    _environment: dict[str, str]
    _outputs: Sequence[Any]

    def start(self) -> None:
        """Start it, and before the first one the fork server."""
        # Under a name that is no file's: some tests remove the directory of those.
        address = patch.object(connection, "arbitrary_address", lambda _: f"\0ready-{os.getpid()}")
        # A fork server silently skips a module to preload that it does not find.
        with address, patch.dict(os.environ, PYTHONPATH=str(ROOT)):
            _server.ensure_running()
        with patch.object(forkserver, "connect_to_new_process", _server.connect_to_new_process):
            super().start()

    def __getstate__(self) -> dict[str, Any]:
        """What the child is told, with what a fork server does not pass on."""
        outputs = [DupFd(number) for number in (1, 2)]
        return {**vars(self), "_environment": dict(os.environ), "_outputs": outputs}

    def run(self) -> None:
        """Run the target where it was started."""
        os.environ.clear()
        os.environ.update(self._environment)
        for number, output in zip((1, 2), self._outputs, strict=True):
            os.dup2(output.detach(), number)
        super().run()
