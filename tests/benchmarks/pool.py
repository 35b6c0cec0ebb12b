"""No-op jobs per second against the standard library's pools, and how fast a worker is replaced.

At 50 jobs a worker's life is mostly its start. The least that one can cost is measured in the same
run: "starts without jobs" are as many processes of multiprocessing's own that run an empty function
and end, with nothing of a pool in them. Under spawn that is four fifths of a life, and under a fork
server some 2.5 ms of processor time: the fork, and more than 500 page faults in what was forked.

On a quiet machine `Pool` renews a worker under a fork server every 4.4 ms, of two processors, and
uses 7 ms of them. At twice its rate two processors that never rest would give 4.4 ms, and 1.9 of
them would be left for 50 jobs and all that a pool does besides. 50 jobs alone take ours 2.4 ms (1.3
in `Pool`, whose workers find the next one waiting). So the goal, at least twice `Pool`'s
rate, is met by the bot's pool against spawn and not by the same method, where only a pool that
starts fewer workers could be so much faster.

What ours loses against `Pool` under a fork server on a quiet machine has two reasons, both kept on
purpose. A worker has one job at a time and no next one in its pipe, where its death would cost that
one as well. And the thread that hands out the jobs also waits for the fork server, some 3 ms a
start, where `Pool` has a thread of its own. Starting successors at a fifth of a worker's jobs
instead of four fifths brought 0.87 of `Pool`'s rate instead of 0.67 on a quiet machine, nothing on
a busy one, and would keep a process more for most of the time; several at a time brought nothing.
Not to wait for the exit code of a worker that was told to leave brought 3 %, and nobody here would
reap the worker when its fork server dies at that moment.

`Pool` as it comes (Python 3.11) forks its owner: that is cheapest, and in an owner with threads,
as a bot has, it deadlocks sooner or later. So three comparisons with it are told: by the same
method; ours as the bot runs it against spawn, the safe method that needs no preparation; and ours
against `Pool` as it comes.
"""

import gc
import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing.context import ForkContext, ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from typing import Any

import psutil

from tests.benchmarks.figures import ratio, summary
from tests.benchmarks.usage import tree_cpu_s, tree_pss_bytes
from tests.support import pool_jobs
from tests.support.pool_driver import Driver
from worker.pool import Pool, PoolSpec
from worker.pool.watched_process import PRELOADED

OurContext = ForkServerContext | SpawnContext
Context = OurContext | ForkContext

Measure = Callable[[Any, int, int], float]
"""(context, jobs until a worker is recycled, jobs to do) to seconds."""

SIZE = 2
ROUNDS = 5
NEVER = 1_000_000_000
RECYCLED_AT = 50

JOBS = {NEVER: 4_000, RECYCLED_AT: 1_000}
"""So many in one measurement; the recycling ones are slow."""

KILLS = 15

FEW, MANY = 200, 2_000
READINGS = 5

BARE = "starts without jobs"

PAIRS = [
    ("forkserver", "forkserver"),
    ("spawn", "spawn"),
    ("forkserver", "spawn"),
    ("forkserver", "fork"),
]
"""The start methods of ours and of theirs, to be compared."""


def run() -> Iterator[str]:
    """The lines of the report."""
    logging.disable(logging.WARNING)  # the deaths are on purpose
    forkserver = multiprocessing.get_context("forkserver")
    forkserver.set_forkserver_preload(
        ["tests.support.pool_jobs", "multiprocessing.pool", PRELOADED]
    )
    spawn = multiprocessing.get_context("spawn")
    absolute: list[str] = []
    for maxtasksperchild in JOBS:
        yield from _compare((forkserver, spawn), maxtasksperchild, absolute)
    yield "absolute, on this machine:"
    yield from absolute
    for context in (forkserver, spawn):
        times = [1000 * seconds for seconds in _replacements(context)]
        method = context.get_start_method()
        yield f"worker killed to replacement ready, {method}: {summary(times, 'ms')}"
        yield from _growth(context)


def _compare(
    contexts: Sequence[OurContext], maxtasksperchild: int, absolute: list[str]
) -> Iterator[str]:
    """Ratios of ours to theirs, each pair of start methods named."""
    others: dict[str, Measure] = {"Pool": _pool}
    if maxtasksperchild == NEVER:
        # With max_tasks_per_child it stops in the middle when workers run out (Python 3.11).
        others["ProcessPoolExecutor"] = _executor
    sides: list[tuple[str, Measure, Context]] = [("ours", _ours, context) for context in contexts]
    for name, measure in others.items():
        sides += [(name, measure, context) for context in contexts]
        sides.append((name, measure, multiprocessing.get_context("fork")))
    if maxtasksperchild != NEVER:
        sides += [(BARE, _bare, context) for context in contexts]
    rates: dict[tuple[str, str], list[float]] = {}
    cpu_s: dict[tuple[str, str], list[float]] = {}
    owner = psutil.Process()
    count = JOBS[maxtasksperchild]
    for _ in range(ROUNDS):
        for name, measure, context in sides:
            side = name, context.get_start_method()
            before = tree_cpu_s(owner)
            rates.setdefault(side, []).append(count / measure(context, maxtasksperchild, count))
            cpu_s.setdefault(side, []).append(tree_cpu_s(owner) - before)
    case = "recycling off" if maxtasksperchild == NEVER else f"recycling at {maxtasksperchild} jobs"
    for name in others:
        for ours, theirs in PAIRS:
            value = ratio(rates["ours", ours], rates[name, theirs])
            yield f"{case}: ours ({ours}) to {name} ({theirs}): {value}"
    for (name, method), values in rates.items():
        absolute.append(f"{case}: {name} ({method}) {summary(values, 'jobs/s')}")
    if maxtasksperchild == NEVER:
        return
    for context in contexts:
        method = context.get_start_method()
        value = ratio(rates["ours", method], rates[BARE, method])
        yield f"{case}: ours ({method}) to {BARE} ({method}): {value}"
    # A life is a start, the jobs if there are any, and the end, in all processes together.
    for (name, method), values in cpu_s.items():
        lives = summary([1000 * value * maxtasksperchild / count for value in values], "ms")
        absolute.append(f"processor time of a worker's life: {name} ({method}) {lives}")


def _ours(context: OurContext, maxtasksperchild: int, count: int) -> float:
    """Seconds for `count` no-op jobs on a warm pool."""
    spec = PoolSpec("benchmark", SIZE, pool_jobs.set_up, maxtasksperchild=maxtasksperchild)
    with Driver(Pool(spec, context)) as driver:
        driver.wait_until_ready()
        started = time.perf_counter()
        driver.run_many([("nothing",)] * count)
        return time.perf_counter() - started


def _pool(context: Context, maxtasksperchild: int, count: int) -> float:
    limit = None if maxtasksperchild == NEVER else maxtasksperchild
    with context.Pool(SIZE, maxtasksperchild=limit) as pool:
        pool.map(pool_jobs.nothing, range(SIZE), chunksize=1)
        started = time.perf_counter()
        for result in [pool.apply_async(pool_jobs.nothing) for _ in range(count)]:
            result.get()
        return time.perf_counter() - started


def _executor(context: Context, _maxtasksperchild: int, count: int) -> float:
    with ProcessPoolExecutor(SIZE, context) as pool:
        list(pool.map(pool_jobs.nothing, range(SIZE)))
        started = time.perf_counter()
        for future in as_completed([pool.submit(pool_jobs.nothing) for _ in range(count)]):
            future.result()
        return time.perf_counter() - started


def _bare(context: Context, maxtasksperchild: int, count: int) -> float:
    """Seconds for the processes that so many jobs take: each starts, does nothing, and ends."""
    running: list[BaseProcess] = []
    started = time.perf_counter()
    for _ in range(count // maxtasksperchild):
        if len(running) == SIZE:
            running.pop(0).join()
        process: BaseProcess = context.Process(target=pool_jobs.nothing)
        process.start()
        running.append(process)
    for process in running:
        process.join()
    return time.perf_counter() - started


def _replacements(context: OurContext) -> list[float]:
    """Seconds from SIGKILL of an idle worker to its replacement being ready."""
    times = []
    with Driver(Pool(PoolSpec("benchmark", SIZE, pool_jobs.set_up), context)) as driver:
        for _ in range(KILLS):
            driver.wait_until_ready()
            # It has worked before, so its death is not taken for a failed start.
            victim = driver.run("pid")
            started = time.perf_counter()
            os.kill(victim, signal.SIGKILL)
            _wait_for_the_end(driver, victim)
            driver.wait_until_ready()
            times.append(time.perf_counter() - started)
    return times


def _wait_for_the_end(driver: Driver, pid: int) -> None:
    driver.until(lambda: pid not in driver.pool.pids)


def _growth(context: OurContext) -> Iterator[str]:
    """Memory of the owner and its workers, and the owner's descriptors, early and late."""
    with Driver(Pool(PoolSpec("benchmark", SIZE, pool_jobs.set_up), context)) as driver:
        driver.wait_until_ready()
        _work(driver, FEW)
        few = _reading(driver)
        _work(driver, MANY - FEW)
        many = _reading(driver)
    growth = 100 * (many[0] / few[0] - 1)
    yield (
        f"after {MANY} jobs against after {FEW}, {context.get_start_method()}: memory "
        f"{growth:+.1f} % ({few[0] / 1e6:.1f} to {many[0] / 1e6:.1f} MB), "
        f"descriptors {few[1]} to {many[1]}"
    )


def _work(driver: Driver, jobs: int) -> None:
    driver.run_many([("nothing",)] * jobs)
    driver.events.clear()  # It is the driver that keeps them, not the pool.


def _reading(driver: Driver) -> tuple[int, int]:
    """Bytes (PSS) and descriptors with every worker idle and none on its way; the least of some."""
    readings = []
    for _ in range(READINGS):
        driver.wait_until_ready()
        _wait_for_the_size(driver)
        multiprocessing.active_children()  # lets go of what it knows of workers that have ended
        gc.collect()
        memory = tree_pss_bytes(psutil.Process())
        readings.append((memory, len(os.listdir("/proc/self/fd"))))
    return min(readings)


def _wait_for_the_size(driver: Driver) -> None:
    driver.until(lambda: len(driver.pool.pids) == SIZE)
