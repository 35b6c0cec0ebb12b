"""A pool whose owner can be ended: `python -m tests.support.pool_owner METHOD GUARD TASK …`.

It keeps four workers, prints the pids of all below it as soon as all tasks have reported, and
stays until its input ends. GUARD is "guarded", or the name of the worker function to use instead.
"""

import subprocess
import sys
from typing import Any

from tests.support import pool_jobs
from tests.support.pool_driver import Driver, context_for
from worker.pool import pool
from worker.processes import process_table

GUARDED = "guarded"


def own(method: str, *tasks: str, guard: str = GUARDED, **options: Any) -> subprocess.Popen[str]:
    """Start an owner."""
    return subprocess.Popen(
        [sys.executable, "-X", "dev", "-m", __name__, method, guard, *tasks],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


def told_by(owner: subprocess.Popen[str]) -> list[process_table.Identity]:
    """The workers of an owner and what their jobs have reported."""
    assert owner.stdout is not None
    pids = {int(pid) for pid in owner.stdout.readline().split()}
    return [found for pid in pids if (found := process_table.identify(pid))]


def main(method: str, guard: str, *tasks: str) -> None:
    if guard != GUARDED:
        vars(pool)["worker_main"] = vars(pool_jobs)[guard]
    spec = pool.PoolSpec("test", 4, pool_jobs.set_up)
    with Driver(pool.Pool(spec, context_for(method))) as driver:
        driver.wait_until_ready()
        jobs = [driver.submit(task) for task in tasks]
        pids = {*driver.pool.pids}
        for job in jobs:
            reported = driver.report_of(job)
            pids.update(reported if isinstance(reported, tuple) else [reported])
        print(*pids, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
