"""A judge for tests: a process of its own, as in the product, without the main process's care."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from socket import socket

from tests.sandbox.patience import PATIENCE_S
from worker.downloads.judge import process
from worker.downloads.judge.rules import Judgement, Rules
from worker.downloads.judge.server import open_control
from worker.processes.process_setup import Limits

Prepare = Callable[[], object]

ALLOWING_LOOPBACK = Rules(allowed_networks=("127.0.0.1/32",), idle_timeout_s=30)
NO_LIMITS = Limits()


def _run(prepare: Prepare | None, control: socket, life: Connection, rules: Rules) -> None:
    if prepare:
        prepare()
    process.run(control, life, rules, NO_LIMITS)


class RunningJudge:
    """A judge that lives until it is closed, or the tests end."""

    def __init__(self, rules: Rules = ALLOWING_LOOPBACK, prepare: Prepare | None = None) -> None:
        """`prepare` runs in its process before everything else."""
        context = get_context("spawn")
        control, self.address = open_control()
        self._life, theirs = context.Pipe(duplex=False)
        with control, theirs:
            self._process = context.Process(
                target=_run, args=(prepare, control, theirs, rules), daemon=True
            )
            self._process.start()
        # A busy machine may take longer to start it than a download waits for its judge.
        assert self._life.poll(PATIENCE_S), "the judge does not start"

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def close(self) -> None:
        self._process.kill()
        self._process.join()
        self._life.close()


@contextmanager
def judge(
    rules: Rules = ALLOWING_LOOPBACK, prepare: Prepare | None = None
) -> Iterator[RunningJudge]:
    made = RunningJudge(rules, prepare)
    try:
        yield made
    finally:
        made.close()


_shared: dict[tuple[tuple[str, ...], Prepare | None], RunningJudge] = {}


def shared_judge(allowed_networks: tuple[str, ...], prepare: Prepare | None = None) -> str:
    """The address of a judge with these rules, one for all tests of this process."""
    key = (allowed_networks, prepare)
    if key not in _shared:
        _shared[key] = RunningJudge(Rules(allowed_networks, idle_timeout_s=30), prepare)
    return _shared[key].address


def allow_everything() -> None:
    """Let a judge judge nothing. For `prepare`."""
    Judgement.allowed = lambda self, addresses, port: list(addresses)  # type: ignore[method-assign]


def show_no_life(*_args: object) -> None:
    """Stand for a judge that hangs."""
    time.sleep(600)


def end_at_once(*_args: object) -> None:
    """Stand for a judge that cannot start."""
    raise SystemExit(7)
