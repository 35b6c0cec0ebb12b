'''A process pool that survives the death of any of its processes.

It knows functions and limits, not what the jobs do. To use it elsewhere, take `worker/pool`,
`worker/processes` and `worker/clocks.py`: they import only the standard library and psutil (Linux,
Python 3.11).

A pool has no thread. Its owner submits jobs while there are free workers, waits until something
happens, and steps the pool::

    import multiprocessing

    from worker.clocks import monotonic
    from worker.pool import Finished, Pool, PoolSpec, wait_ready


    def set_up():
        """Run once in each worker; return what runs the jobs."""
        return square


    def square(context, number):
        return number * number


    if __name__ == "__main__":
        tasks = {1: 12, 2: 13, 3: 14}
        missing = set(tasks)
        pool = Pool(
            PoolSpec("squares", size=2, setup=set_up, maxtasksperchild=50),
            multiprocessing.get_context("forkserver"),
        )
        while missing:
            while tasks and pool.free:
                pool.submit(*tasks.popitem(), timeout_s=10)
            timeout_s = pool.next_deadline() - monotonic()
            wait_ready(pool.readers, pool.writers, timeout_s)
            for event in pool.step(monotonic()):
                missing.remove(event.job_id)
                print(event.result if isinstance(event, Finished) else event)
        pool.close()
'''

from worker.pool.channel import wait_ready
from worker.pool.events import Event, Failed, Finished, Lost, Reported, Stopped, StopReason
from worker.pool.pool import Pool, PoolSpec
from worker.pool.watched_process import replace_fork_server
from worker.pool.worker import WorkerState
from worker.pool.worker_main import Handler, JobContext, Setup, StopJob

__all__ = [
    "Event",
    "Failed",
    "Finished",
    "Handler",
    "JobContext",
    "Lost",
    "Pool",
    "PoolSpec",
    "Reported",
    "Setup",
    "StopJob",
    "StopReason",
    "Stopped",
    "WorkerState",
    "replace_fork_server",
    "wait_ready",
]
