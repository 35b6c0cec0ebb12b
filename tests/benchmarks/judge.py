"""What it costs that all bytes of a download pass the judge.

The same downloads, in turns: through the judge as the bot makes them, and by sockets of their own
with neither judge nor network namespace nor egress guard. The judge is started as in the bot, out
of the fork server, since its private memory is what it does not share with that.

Times are of pairs, since a busy machine shifts both of a pair. The processor's time is what it is
on a busy machine too: all that a side takes, its worker, its downloads and the judge.
"""

import functools
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks.figures import millis, ratio
from tests.benchmarks.file_server import serve
from tests.benchmarks.sides import SMALL_BYTES, TIMEOUT_S, alternate, make_padded
from tests.benchmarks.usage import tree_cpu_s
from tests.sandbox.files import MEBIBYTE
from tests.support.download_limits import limits_with
from tests.support.downloads_harness import Worker, worker
from worker.clocks import monotonic
from worker.dispatch import pool_specs
from worker.downloads import session
from worker.downloads.confinement import egress_guard
from worker.downloads.judge.keeper import JudgeKeeper
from worker.pool.watched_process import PRELOADED
from worker.settings import load_settings

CASES = (("150 KB MP4", SMALL_BYTES, 120), ("45 MB MP4", 45_000_000, 30))
"""Name, size and rounds. The goals: within 3 %, within 5 %, and 10 MB of the judge's own."""


def run() -> Iterator[str]:
    """The lines of the report, which takes some minutes."""
    absolute: list[str] = []
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
        files = home / "files"
        files.mkdir()
        for _, size, _ in CASES:
            make_padded(files / f"{size}.mp4", size)
        server = stack.enter_context(serve(files))
        judge = stack.enter_context(_judge())
        (pid,) = judge.pids
        workers = {
            "judge": _worker(stack, home / "judge", functools.partial(_pass, judge.address)),
            "direct": _worker(stack, home / "direct", _pass_by),
        }
        sides = {name: functools.partial(_fetch, made) for name, made in workers.items()}
        pids = {"judge": [workers["judge"].pid, pid], "direct": [workers["direct"].pid]}
        at_rest = _own_bytes(pid)
        judge_s = _processor_s([pid])
        for name, size, rounds in CASES:
            before = {side: _processor_s(each) for side, each in pids.items()}
            times = alternate(f"{server}/{size}.mp4", sides, rounds)
            used = {side: _processor_s(each) - before[side] for side, each in pids.items()}
            share = ratio(times["judge"], times["direct"])
            cpu_share = f"{used['judge'] / used['direct']:.2f}"
            yield f"{name}: through the judge takes {share} of the time without"
            yield f"{name}: and {cpu_share} of the processor's time"
            for side, values in times.items():
                cpu_ms = 1000 * used[side] / (rounds + 1)
                absolute.append(f"{name}: {side} {millis(values)}, processor {cpu_ms:.0f} ms")
        passed = sum(size * (rounds + 1) for _, size, rounds in CASES)
        used_ms = 1000 * (_processor_s([pid]) - judge_s)
        after = _own_bytes(pid)
        yield f"the judge's own memory: {_mb(at_rest)} at rest, {_mb(after)} after all of them"
        absolute.append(f"the judge's processor: {used_ms / (passed / 1e6):.2f} ms a MB")
    yield "absolute, on this machine:"
    yield from absolute


@contextmanager
def _judge() -> Iterator[JudgeKeeper]:
    context = multiprocessing.get_context("forkserver")
    # What the judge would otherwise import itself, this module among it, counted as its own.
    context.set_forkserver_preload(["__main__", "worker.dispatch.preload", PRELOADED])
    settings = load_settings({"ALLOWED_NETWORKS": "127.0.0.1/32"}, needs_token=False)
    rules, limits = pool_specs.judge_rules(settings), pool_specs.judge_limits(settings)
    made = JudgeKeeper(context, rules, limits)
    try:
        while not made.is_up:
            made.step(monotonic())
            time.sleep(0.01)
        yield made
    finally:
        made.close()


def _worker(stack: ExitStack, home: Path, prepare: Callable[[], object]) -> Worker:
    home.mkdir()
    return stack.enter_context(worker(home, prepare=prepare))


def _fetch(made: Worker, url: str) -> float:
    """How many seconds a download takes of this worker."""
    outcome = made.run(url, limits_with(timeout_s=TIMEOUT_S))
    Path(outcome.media.path).unlink()
    return outcome.took_s


def _pass(address: str) -> None:
    _have_judge(address)


def _pass_by() -> None:
    _have_judge(None)
    egress_guard.install = lambda *_, **__: egress_guard.Guard()


def _have_judge(address: str | None) -> None:
    """Let all downloads of this worker have this judge, or none."""
    made: Any = session.Session
    init = made.__init__

    def with_judge(self: Any, context: Any, task: Any, limits: Any, *more: Any) -> None:
        init(self, context, task, replace(limits, judge=address), *more)

    made.__init__ = with_judge


def _processor_s(pids: Iterable[int]) -> float:
    """The processor's seconds of these processes and all below them."""
    return sum(tree_cpu_s(psutil.Process(pid)) for pid in pids)


def _own_bytes(pid: int) -> int:
    return int(psutil.Process(pid).memory_full_info().uss)


def _mb(count: int) -> str:
    return f"{count / MEBIBYTE:.1f} MB"
