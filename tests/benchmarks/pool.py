"""No-op jobs per second against the standard library's pools, and how fast a worker is replaced."""

import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing.context import ForkServerContext, SpawnContext
from typing import Any

from tests import pool_jobs
from tests.benchmarks.figures import ratio, summary
from tests.pool_driver import Driver
from worker.pool import Pool, PoolSpec

Context = ForkServerContext | SpawnContext

Measure = Callable[[Context, int, int], float]
"""(context, jobs until a worker is recycled, jobs to do) to seconds."""

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
    contexts = (forkserver, spawn)
    absolute: list[str] = []
    for max_jobs in JOBS:
        yield from _compare(contexts, max_jobs, absolute)
    yield "absolute, on this machine:"
    yield from absolute
    for context in contexts:
        times = [1000 * seconds for seconds in _replacements(context)]
        method = context.get_start_method()
        yield f"worker killed to replacement ready, {method}: {summary(times, 'ms')}"


def _compare(contexts: Sequence[Context], max_jobs: int, absolute: list[str]) -> Iterator[str]:
    """Ratios: under the same start method, and of ours as the bot runs it to theirs by spawn."""
    measures: dict[str, Measure] = {"ours": _ours, "Pool": _pool}
    if max_jobs == NEVER:
        # With max_tasks_per_child it stops in the middle when workers run out (Python 3.11).
        measures["ProcessPoolExecutor"] = _executor
    sides = [(name, context) for context in contexts for name in measures]
    rates: dict[tuple[str, str], list[float]] = {}
    for _ in range(ROUNDS):
        for name, context in sides:
            rate = JOBS[max_jobs] / measures[name](context, max_jobs, JOBS[max_jobs])
            rates.setdefault((name, context.get_start_method()), []).append(rate)
    case = "recycling off" if max_jobs == NEVER else f"recycling at {max_jobs} jobs"
    pairs = [("forkserver", "forkserver"), ("spawn", "spawn"), ("forkserver", "spawn")]
    for name in list(measures)[1:]:
        for ours, theirs in pairs:
            value = ratio(rates["ours", ours], rates[name, theirs])
            yield f"{case}: ours ({ours}) to {name} ({theirs}): {value}"
    for (name, method), values in rates.items():
        absolute.append(f"{case}: {name} ({method}) {summary(values, 'jobs/s')}")


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
