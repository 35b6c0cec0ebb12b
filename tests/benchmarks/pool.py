"""No-op jobs per second against the standard library's pools, and how fast a worker is replaced."""

import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing.context import ForkServerContext, SpawnContext
from typing import Any

from tests import pool_jobs
from tests.benchmarks.figures import ratio, summary
from tests.pool_driver import Driver
from worker.pool import Pool, PoolSpec

Context = ForkServerContext | SpawnContext

SIZE = 2
ROUNDS = 5
NEVER = 1_000_000_000
RECYCLED_AT = 50

JOBS = {NEVER: 4_000, RECYCLED_AT: 1_000}
"""So many in one measurement; the recycling ones are slow."""

KILLS = 15


def run() -> Iterator[str]:
    """The lines of the report."""
    logging.disable(logging.WARNING)  # the deaths are on purpose
    forkserver = multiprocessing.get_context("forkserver")
    forkserver.set_forkserver_preload(["tests.benchmarks.pool"])
    spawn = multiprocessing.get_context("spawn")
    absolute: list[str] = []
    for max_jobs in JOBS:
        for context in (forkserver, spawn):
            yield from _compare(context, max_jobs, absolute)
    yield "absolute, on this machine:"
    yield from absolute
    for context in (forkserver, spawn):
        times = [1000 * seconds for seconds in _replacements(context)]
        method = context.get_start_method()
        yield f"{method}: worker killed to replacement ready: {summary(times, 'ms')}"


def _compare(context: Context, max_jobs: int, absolute: list[str]) -> Iterator[str]:
    sides: dict[str, Callable[[Context, int, int], float]] = {
        "ours": _ours,
        "Pool": _pool,
    }
    if max_jobs == NEVER:
        # With max_tasks_per_child it stops in the middle when workers run out (Python 3.11).
        sides["ProcessPoolExecutor"] = _executor
    count = JOBS[max_jobs]
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, measure in sides.items():
            rates[name].append(count / measure(context, max_jobs, count))
    recycling = "off" if max_jobs == NEVER else f"at {max_jobs} jobs"
    case = f"{context.get_start_method()}, recycling {recycling}"
    for name in list(sides)[1:]:
        yield f"{case}: ours is {ratio(rates['ours'], rates[name])} {name}"
    for name, values in rates.items():
        absolute.append(f"{case}: {name} {summary(values, 'jobs/s')}")


def _ours(context: Context, max_jobs: int, count: int) -> float:
    """Seconds for `count` no-op jobs on a warm pool."""
    spec = PoolSpec("benchmark", SIZE, pool_jobs.set_up, max_jobs=max_jobs)
    with Driver(Pool(spec, context)) as driver:
        driver.wait_until_ready()
        started = time.perf_counter()
        driver.run_many([("echo",)] * count)
        return time.perf_counter() - started


def _pool(context: Context, max_jobs: int, count: int) -> float:
    limit = None if max_jobs == NEVER else max_jobs
    with context.Pool(SIZE, maxtasksperchild=limit) as pool:
        pool.map(_nothing, range(SIZE), chunksize=1)
        started = time.perf_counter()
        for result in [pool.apply_async(_nothing) for _ in range(count)]:
            result.get()
        return time.perf_counter() - started


def _executor(context: Context, _max_jobs: int, count: int) -> float:
    with ProcessPoolExecutor(SIZE, context) as pool:
        list(pool.map(_nothing, range(SIZE)))
        started = time.perf_counter()
        for future in as_completed([pool.submit(_nothing) for _ in range(count)]):
            future.result()
        return time.perf_counter() - started


def _nothing(_argument: Any = None) -> None:
    pass


def _replacements(context: Context) -> list[float]:
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
