"""A pool whose user may have no more processes: `python -m tests.support.pool_without_room METHOD`.

Root has no such limit (RLIMIT_NPROC), so root becomes somebody else for it. Prints what came of
it, or that this somebody cannot read the bot's code.
"""

import contextlib
import os
import resource
import signal
import sys
from pathlib import Path

from tests.support import pool_jobs
from tests.support.pool_driver import Driver, context_for
from worker.pool import Pool, PoolSpec
from worker.pool.watched_process import fork_server_pid

SOMEBODY = 54_321
UNREADABLE = "unreadable"
WHOLE = "whole again"


def main(method: str) -> None:
    """Run a pool through the limit and out of it."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(SOMEBODY)
        os.setuid(SOMEBODY)
    if not all(os.access(path, os.R_OK | os.X_OK) for path in (Path.cwd(), sys.executable)):
        print(UNREADABLE)
        return
    with Driver(Pool(PoolSpec("test", 2, pool_jobs.set_up), context_for(method))) as driver:
        driver.wait_until_ready()
        victim = driver.run("pid")
        set_limit(1)
        os.kill(victim, signal.SIGKILL)
        # The fork server ends when it cannot fork, and then cannot be started either.
        driver.until(lambda: driver.pool._backoff.failures >= 2)
        assert "temporarily unavailable" in (driver.pool.trouble or ""), driver.pool.trouble
        assert driver.run("echo", "on") == "on"
        assert len(driver.pool.pids) == 1, "the one whose death would leave nobody"
        set_limit(None)
        driver.wait_until_ready()
        driver.run("echo")
        print(WHOLE)


def set_limit(most: int | None) -> None:
    """For the pool's owner and for the fork server, which is the one that forks; None: no more."""
    for pid in filter(None, (os.getpid(), fork_server_pid())):
        with contextlib.suppress(ProcessLookupError):  # the fork server, after its last fork
            _, hard = resource.prlimit(pid, resource.RLIMIT_NPROC)
            soft = hard if most is None else most
            resource.prlimit(pid, resource.RLIMIT_NPROC, (soft, hard))


if __name__ == "__main__":
    main(*sys.argv[1:])
